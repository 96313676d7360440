import Foundation
import PluginAPI

/// How much on call takes, and how much of it one person is told.
public struct OnCallLimits: Sendable, Hashable {
    /// Bytes of a label's name, and of its value.
    public var labelName = 1024
    public var labelValue = 4096
    public var labels = 64
    /// Bytes of an annotation's value, and of all of an alert's labels and annotations together.
    public var annotationValue = 16_384
    public var annotations = 64
    public var alertBytes = 65_536
    /// Alerts that stand open at once. Jack's own are taken beyond it.
    public var activeAlerts = 200_000
    /// Alerts that one page shows; of the others it tells how many they are.
    public var alertsInPage = 20
    /// Pages to one person within ``window``; what comes above is told together, when the window has room again.
    public var pagesInWindow = 10
    public var window: TimeInterval = 600
    /// First pages of new criticals go beyond ``pagesInWindow``, until a person got so many pages in a window: nobody can answer more of them one by
    /// one. From then on they are told together, each time after ``floodWait`` seconds.
    public var floodPages = 30
    public var floodWait: TimeInterval = 30
    /// Seconds after which an emergency that nobody has acknowledged begins again at the first level, where the route's `repeat_interval` is longer.
    public var emergencyRepeat: TimeInterval = 300
    /// Seconds after which a round begins again of which no page arrived, as where the hotel's line is down: after the first such round, the second, and
    /// so on; the last one for all further ones.
    public var unheardWaits: [TimeInterval] = [30, 60, 120, 300]
    /// Seconds within which the same person who passes a matter on again is taken for a doubled tap.
    public var doubledTap: TimeInterval = 120
    /// Wrong codes from one sender within ``lockTime`` seconds after which no code from there counts for as long.
    public var wrongCodes = 5
    public var lockTime: TimeInterval = 900
    /// True where the label `emergency="true"` of an alert from outside makes it an emergency.
    public var trustsEmergencyLabel = false
    /// How long an expired silence is remembered, in seconds.
    public var silenceRetention: TimeInterval = 5 * 86_400

    public init() {}

    /// - Throws: ``OnCallError`` where an alert from outside is not well formed, or too large.
    public func check(_ alert: PostedAlert) throws {
        guard !alert.labels.isEmpty else { throw OnCallError(.invalid, "an alert needs at least one label") }
        if let start = alert.startsAt, let end = alert.endsAt, end < start {
            throw OnCallError(.invalid, "endsAt (\(end.iso8601)) must not be before startsAt (\(start.iso8601))")
        }
        var bytes = alert.generatorURL?.utf8.count ?? 0
        try check(alert.labels, "label", value: labelValue, count: labels, &bytes)
        try check(alert.annotations, "annotation", value: annotationValue, count: annotations, &bytes)
        guard bytes <= alertBytes else {
            throw OnCallError(.invalid, "the alert has \(bytes) bytes of labels and annotations; at most \(alertBytes) are taken")
        }
    }

    private func check(_ texts: [String: String], _ kind: String, value limit: Int, count: Int, _ bytes: inout Int) throws {
        guard texts.count <= count else { throw OnCallError(.invalid, "the alert has \(texts.count) \(kind)s; at most \(count) are taken") }
        for (name, value) in texts {
            // What is quoted of it is short: it may be a megabyte.
            let short = name.prefix(60)
            guard !name.isEmpty else { throw OnCallError(.invalid, "a \(kind) without a name") }
            guard name.utf8.count <= labelName else {
                throw OnCallError(.invalid, "the name of the \(kind) “\(short)…” has \(name.utf8.count) bytes; at most \(labelName) are taken")
            }
            guard value.utf8.count <= limit else {
                throw OnCallError(.invalid, "the \(kind) “\(short)” has a value of \(value.utf8.count) bytes; at most \(limit) are taken")
            }
            guard !name.utf8.contains(0), !value.utf8.contains(0) else { throw OnCallError(.invalid, "the \(kind) “\(short)” holds a zero byte") }
            bytes += name.utf8.count + value.utf8.count
        }
    }
}
