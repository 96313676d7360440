import Foundation
import Kernel
import Logging
import PluginAPI

/// The end of a window: the look whether all is well, and what is done where it is not.
extension MaintenanceDesk {
    /// After a silence's end the alerts page: it lasts a little longer than the window, so that the look comes first.
    private static let lookTime: TimeInterval = 10

    /// Ends what is under way.
    /// - Parameters:
    ///   - id: one window; nil for all.
    ///   - force: whether it ends whatever is not well.
    /// - Returns: the windows as they are then: over, or unwell.
    /// - Throws: ``OperationsError``.
    public func end(_ id: String? = nil, force: Bool = false, by person: String) async throws -> [MaintenanceRecord] {
        let wanted = open.filter { id == nil || $0.id == id }
        guard !wanted.isEmpty else {
            throw OperationsError(.notFound, id.map { "there is no window “\($0.clipped)” under way" } ?? "there is no maintenance under way")
        }
        var ended: [MaintenanceRecord] = []
        for record in wanted {
            let one = try await inTurn { [self] () -> MaintenanceRecord? in
                guard var record = open.first(where: { $0.id == record.id }) else { return nil }
                let now = parts.clock.now
                record.endsAt = min(record.endsAt, now)
                let text = "\(person) ended it\(force ? ", whatever is not well" : "")", told = record
                try await parts.engine.write { [self] in try tell(told, "asked to end", text, in: $0) }
                return try await settle(record, force: force)
            }
            if let one { ended.append(one) }
        }
        return ended
    }

    /// A window's time may be over.
    func look(_ id: String) async throws {
        try await inTurn { [self] in
            guard let record = open.first(where: { $0.id == id }) else { return }
            // The clock may have been put back since the job was made.
            guard record.endsAt <= parts.clock.now else { return try await parts.engine.write { [self] in try arm(record, in: $0) } }
            _ = try await settle(record, force: false)
        }
    }

    /// Ends a window where all is well; keeps it open, says so and recovers where not.
    private func settle(_ record: MaintenanceRecord, force: Bool) async throws -> MaintenanceRecord {
        var record = record
        let now = parts.clock.now
        record.findings = await parts.health().filter { !record.unwellBefore.contains($0) }
        guard !record.findings.isEmpty, !force else { return try await finish(record, at: now) }
        let isNew = record.state != .unwell, every = plan.recovery.every, words = record.findings.joined(separator: ", ")
        record.state = .unwell
        record.unwellSince = record.unwellSince ?? now
        let unwell = record
        try await parts.engine.write { [self] transaction in
            try repository.save(unwell, in: transaction)
            try standing.raise(alarm(unwell, words, at: now), in: transaction)
            if isNew { try tell(unwell, "unwell", "its time is over, and these are not well: \(words)", in: transaction) }
            try parts.jobs.enqueue(
                Self.endKind, payload: Array(unwell.id.utf8), at: now.addingTimeInterval(every.seconds), key: "\(Self.endKind):\(unwell.id)",
                in: transaction)
        }
        try await keep(unwell)
        record = try await mute(unwell, until: now.addingTimeInterval(2 * every.seconds))
        if isNew { parts.logger.error("maintenance cannot end: not all is well", metadata: ["window": "\(record.name)", "unwell": "\(words)"]) }
        if record.recovery == nil { record = try await recover(record) }
        return record
    }

    /// Does what the operator configured, once. Where the process dies meanwhile it is done again.
    private func recover(_ record: MaintenanceRecord) async throws -> MaintenanceRecord {
        let plan = plan.recovery
        var done: [String] = []
        if plan.rollsBack {
            do {
                done.append(record.keepsConfiguration ? try await parts.takeBack(record.id) : "the configuration of the begin was not kept")
            } catch { done.append("the configuration could not be taken back: \(error)") }
        }
        if !plan.command.isEmpty { done.append(await parts.run(plan.command, plan.timeout)) }
        var record = record
        record.recovery = done.isEmpty ? "none is configured" : done.joined(separator: "; ")
        let recovered = record
        try await parts.engine.write { [self] in try tell(recovered, "recovery", recovered.recovery ?? "", in: $0) }
        try await keep(recovered)
        parts.logger.notice("recovery after maintenance", metadata: ["window": "\(record.name)", "what": "\(record.recovery ?? "")"])
        return recovered
    }

    private func finish(_ record: MaintenanceRecord, at now: Date) async throws -> MaintenanceRecord {
        var record = record
        record.state = .over
        record.endedAt = now
        let over = record
        let words = over.findings.isEmpty ? "all is well" : "ended although these are not well: \(over.findings.joined(separator: ", "))"
        try await parts.engine.write { [self] transaction in
            try repository.save(over, in: transaction)
            try tell(over, "ended", words, in: transaction)
            try standing.end(Self.fingerprint(over), summary: "maintenance \(over.name) is over: \(words)", at: now, in: transaction)
        }
        try await keep(over)
        if let silence = over.silence {
            // It may have been ended by hand, or be over by itself.
            do { try await parts.board.expireSilence(silence) } catch is OnCallError {}
        }
        do { try await parts.forget(over.id) } catch {
            parts.logger.warning("a kept configuration could not be removed", metadata: ["window": "\(over.name)", "error": "\(error)"])
        }
        parts.logger.notice("maintenance is over", metadata: ["window": "\(over.name)"])
        return over
    }

    /// Silences what is worked on, until a moment and a little longer. What is about maintenance itself is never silenced by it.
    func mute(_ record: MaintenanceRecord, until end: Date) async throws -> MaintenanceRecord {
        guard !record.matchers.isEmpty else { return record }
        var record = record
        // It may have been ended by hand: then another takes its place.
        let known = try await parts.board.silences(matching: []).first { $0.id == record.silence && $0.state(at: parts.clock.now) == .active }
        record.silence = try await parts.board.set(
            Silence(
                id: known?.id ?? "", matchers: record.matchers + [LabelMatcher("type", .notEqual, "maintenance")],
                startsAt: known?.startsAt ?? parts.clock.now, endsAt: max(end, parts.clock.now).addingTimeInterval(Self.lookTime),
                createdBy: Silence.maintenance + record.name, comment: record.comment))
        try await keep(record)
        return record
    }

    static func fingerprint(_ record: MaintenanceRecord) -> String { "maintenance:\(record.id)" }

    private func alarm(_ record: MaintenanceRecord, _ words: String, at now: Date) -> Alert {
        Alert(
            fingerprint: Self.fingerprint(record), name: "MaintenanceUnhealthy", severity: .critical,
            summary: "maintenance \(record.name) cannot end: \(words) not well",
            detail: "It goes on until all is well, or until somebody says: jack maintenance end --force",
            labels: [
                "alertname": "MaintenanceUnhealthy", "severity": AlertSeverity.critical.rawValue, "type": "maintenance", "property": parts.property,
                "window": record.name,
            ], startsAt: now)
    }
}

extension Silence {
    /// Begins the name of who made a silence, where maintenance did.
    static let maintenance = "maintenance "

    /// The window that made it; nil where a person did.
    var maintenanceWindow: String? { createdBy.hasPrefix(Self.maintenance) ? String(createdBy.dropFirst(Self.maintenance.count)) : nil }
}
