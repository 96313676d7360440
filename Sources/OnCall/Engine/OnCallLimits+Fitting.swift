import Foundation
import PluginAPI

extension OnCallLimits {
    /// Alerts from outside as they are taken; what is wrong with one costs the others nothing.
    /// - Returns: the sound ones with their places in the list, and why the others are not taken.
    public func fit(_ alerts: [PostedAlert]) -> (fitted: [(place: Int, alert: PostedAlert)], refusals: [AlertRefusal]) {
        var fitted: [(place: Int, alert: PostedAlert)] = [], refusals: [AlertRefusal] = []
        fitted.reserveCapacity(alerts.count)
        for (place, alert) in alerts.enumerated() {
            do throws(OnCallError) {
                fitted.append((place, try fit(alert)))
            } catch {
                refusals.append(AlertRefusal(place: place, error: error))
            }
        }
        return (fitted, refusals)
    }

    /// One alert from outside as it is taken: without labels that have no value, and with annotations that fit.
    /// - Throws: ``OnCallError`` where its labels or times are not well formed, or too large. Two of the texts are Alertmanager's own.
    public func fit(_ alert: PostedAlert) throws(OnCallError) -> PostedAlert {
        var fitted = alert
        if alert.labels.contains(where: \.value.isEmpty) { fitted.labels = alert.labels.filter { !$0.value.isEmpty } }
        guard !fitted.labels.isEmpty else { throw OnCallError(.invalid, "at least one label pair required") }
        if let start = alert.startsAt, let end = alert.endsAt, end < start { throw OnCallError(.invalid, "start time must be before end time") }
        let bytes = try size(of: fitted.labels)
        // A link that was cut leads nowhere.
        if let url = alert.generatorURL, url.utf8.count > min(annotationValue, alertBytes - bytes) { fitted.generatorURL = nil }
        let left = alertBytes - bytes - (fitted.generatorURL?.utf8.count ?? 0)
        if !fits(alert.annotations, into: left) { fitted.annotations = cut(alert.annotations, to: left) }
        return fitted
    }

    private func size(of labels: [String: String]) throws(OnCallError) -> Int {
        guard labels.count <= self.labels else {
            throw OnCallError(.invalid, "the alert has \(labels.count) labels; at most \(self.labels) are taken")
        }
        var bytes = 0, worst: (name: String, problem: String)?
        for (name, value) in labels {
            bytes += name.utf8.count + value.utf8.count
            // The first in the alphabet is told, so that the same alert is refused with the same words.
            if let problem = problem(name, value), worst.map({ name < $0.name }) ?? true { worst = (name, problem) }
        }
        if let worst { throw OnCallError(.invalid, worst.problem) }
        guard bytes <= alertBytes else { throw OnCallError(.invalid, "the alert has \(bytes) bytes of labels; at most \(alertBytes) are taken") }
        return bytes
    }

    private func problem(_ name: String, _ value: String) -> String? {
        // What is quoted of it is short: it may be a megabyte.
        let short = name.prefix(60)
        if name.isEmpty { return "a label without a name" }
        if name.utf8.count > labelName {
            return "the name of the label “\(short)…” has \(name.utf8.count) bytes; at most \(labelName) are taken"
        }
        if value.utf8.count > labelValue {
            return "the label “\(short)” has a value of \(value.utf8.count) bytes; at most \(labelValue) are taken"
        }
        return name.utf8.contains(0) || value.utf8.contains(0) ? "the label “\(short)” holds a zero byte" : nil
    }

    // MARK: Annotations

    private func fits(_ annotations: [String: String], into room: Int) -> Bool {
        guard annotations.count <= self.annotations else { return false }
        var bytes = 0
        for (name, value) in annotations {
            guard isNamed(name), value.utf8.count <= annotationValue, !value.utf8.contains(0) else { return false }
            bytes += name.utf8.count + value.utf8.count
        }
        return bytes <= room
    }

    private func isNamed(_ name: String) -> Bool { !name.isEmpty && name.utf8.count <= labelName && !name.utf8.contains(0) }

    /// What people read first, in this order; the others follow by name.
    private static let firstRead = ["summary", "title", "message", "description", "runbook_url"]

    private func cut(_ annotations: [String: String], to room: Int) -> [String: String] {
        let named = annotations.filter { isNamed($0.key) }
        let others = named.keys.filter { !Self.firstRead.contains($0) }.sorted()
        var kept: [String: String] = [:], left = room
        for name in Self.firstRead + others where kept.count < self.annotations {
            guard let value = named[name] else { continue }
            let text = value.replacing("\u{0}", with: "\u{FFFD}").cut(toBytes: min(annotationValue, left - name.utf8.count))
            guard !text.isEmpty || value.isEmpty, name.utf8.count <= left else { continue }
            kept[name] = text
            left -= name.utf8.count + text.utf8.count
        }
        return kept
    }
}

extension String {
    /// At most so many bytes of UTF-8, the `…` that says so included; nothing where not even that fits.
    fileprivate func cut(toBytes most: Int) -> String {
        guard utf8.count > most else { return self }
        let mark = "…"
        var count = most - mark.utf8.count
        guard count >= 0 else { return "" }
        // Not through a letter: a byte 10xxxxxx goes on with one.
        while count > 0, utf8[utf8.index(utf8.startIndex, offsetBy: count)] & 0xC0 == 0x80 { count -= 1 }
        return String(decoding: utf8.prefix(count), as: UTF8.self) + mark
    }
}
