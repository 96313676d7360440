import Foundation
import PluginAPI

/// A silence that the engine holds.
struct ActiveSilence: Sendable {
    var silence: Silence

    init(_ silence: Silence) { self.silence = silence }

    func covers(_ labels: [String: String]) -> Bool { silence.matchers.match(labels) }
}

extension OnCallCore {
    /// Sets a silence. One that is known is changed where its matchers stay; else it ends, and a new one takes its place.
    /// - Returns: its id.
    /// - Throws: ``OnCallError``.
    public mutating func set(_ silence: Silence, at now: Date) throws -> String {
        try check(silence, at: now)
        forgetSilences(at: now)
        var next = silence
        next.updatedAt = now
        if !silence.id.isEmpty {
            guard let known = silences[silence.id]?.silence else { throw OnCallError(.notFound, "there is no silence \(silence.id)") }
            let state = known.state(at: now)
            let keeps =
                Set(known.matchers) == Set(silence.matchers) && state != .expired
                && (state == .pending || known.startsAt.milliseconds == silence.startsAt.milliseconds)
            if keeps {
                store(next)
                return next.id
            }
            if state != .expired { try expireSilence(silence.id, at: now) }
        }
        guard silences.count < 10_000 else { throw OnCallError(.tooMany, "there are 10000 silences already") }
        next.id = UUID().uuidString.lowercased()
        next.startsAt = max(silence.startsAt, now)
        store(next)
        return next.id
    }

    /// Ends a silence. One that has not begun never does.
    /// - Throws: ``OnCallError``.
    public mutating func expireSilence(_ id: String, at now: Date) throws {
        guard var silence = silences[id]?.silence else { throw OnCallError(.notFound, "there is no silence \(id)") }
        switch silence.state(at: now) {
        case .expired: throw OnCallError(.invalid, "the silence \(id) has expired already")
        case .pending: silence.startsAt = now
        case .active: break
        }
        silence.endsAt = now
        silence.updatedAt = now
        store(silence)
    }

    private mutating func store(_ silence: Silence) {
        silences[silence.id] = ActiveSilence(silence)
        effects.silences.insert(silence.id)
    }

    private mutating func forgetSilences(at now: Date) {
        for (id, known) in silences where known.silence.endsAt.addingTimeInterval(limits.silenceRetention) < now {
            silences[id] = nil
            effects.silences.insert(id)
            effects.pastSilences.append(known.silence)
        }
    }

    private func check(_ silence: Silence, at now: Date) throws {
        guard !silence.matchers.isEmpty else { throw OnCallError(.invalid, "a silence needs at least one matcher") }
        guard silence.matchers.count <= 64 else {
            throw OnCallError(.invalid, "a silence with \(silence.matchers.count) matchers; at most 64 are taken")
        }
        for matcher in silence.matchers {
            guard !matcher.name.isEmpty else { throw OnCallError(.invalid, "a matcher without a label's name") }
            // What is taken as a label's value must be possible to silence.
            guard matcher.value.utf8.count <= limits.labelValue else {
                throw OnCallError(.invalid, "the matcher of \(matcher.name.prefix(60)) is longer than \(limits.labelValue) bytes")
            }
            if !matcher.isSound {
                throw OnCallError(.invalid, "“\(matcher.value.prefix(80))” is no regular expression, in the matcher of \(matcher.name.prefix(60))")
            }
        }
        guard silence.matchers.contains(where: { !$0.matches([:]) }) else {
            throw OnCallError(.invalid, "at least one matcher must not fit an empty label: such a silence would cover everything")
        }
        guard silence.endsAt > silence.startsAt else { throw OnCallError(.invalid, "a silence must end after it begins") }
        guard silence.endsAt > now else { throw OnCallError(.invalid, "the silence's end (\(silence.endsAt.iso8601)) is past") }
    }

    /// The silences that cover an alert now.
    func silences(covering labels: [String: String], at now: Date) -> [Silence] {
        silences.values.filter { $0.silence.state(at: now) == .active && $0.covers(labels) }.map(\.silence).sorted { $0.id < $1.id }
    }

    // MARK: Inhibition

    /// Looks again whether an alert can inhibit others.
    mutating func noteInhibitor(_ id: UInt64, labels: [String: String]? = nil) {
        guard let alert = alerts[id], alert.updatedAt < alert.endsAt, !alert.isDrill else {
            if inhibitors.removeValue(forKey: id) != nil { inhibitorList = nil }
            return
        }
        let labels = labels ?? alert.labels.texts
        guard plan.mayInhibit(labels) else {
            if inhibitors.removeValue(forKey: id) != nil { inhibitorList = nil }
            return
        }
        inhibitors[id] = labels
        inhibitorList = nil
    }

    /// Alerts that fire and may inhibit others.
    mutating func firingInhibitors(at now: Date) -> (ids: [UInt64], labels: [[String: String]]) {
        if let list = inhibitorList, now < list.until { return (list.ids, list.labels) }
        var until = Date.distantFuture
        var firing: [(id: UInt64, labels: [String: String])] = []
        for (id, labels) in inhibitors {
            guard let end = alerts[id]?.endsAt, end > now else { continue }
            until = min(until, end)
            firing.append((id, labels))
        }
        firing.sort { $0.id < $1.id }
        inhibitorList = (firing.map(\.id), firing.map(\.labels), until)
        return (firing.map(\.id), firing.map(\.labels))
    }
}
