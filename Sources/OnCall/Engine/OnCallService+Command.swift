import Foundation
import Kernel
import PluginAPI
import Synchronization

/// What operators ask by the command line and the API.
extension OnCallService {
    /// What people are being told of, who knows of it, and what comes next.
    public func matters() -> [MatterSummary] {
        var core = state.withLock { $0.core }
        return core.matterSummaries(at: parts.clock.now)
    }

    /// Answers what an operator calls by any of its names; returns when that is stored.
    /// - Throws: ``Kernel/StorageError`` where it could not be stored; in memory it has happened, and asking again says so.
    public func answer(_ action: PageAcknowledgement.Action, named name: String, by person: String, note: String? = nil) async throws -> NamedAnswer {
        try await perform { core, now in core.answer(action, named: name, by: person, note: note, at: now) }
    }

    // MARK: Drills

    /// Whom a drill would be for that nobody else is named for: the receiver of alerts that no route expects.
    public var usualReceiver: String {
        let plan = state.withLock { $0.core.plan }
        return plan.routes(for: ["alertname": "OnCallDrill"]).first?.receiver ?? ""
    }

    /// The drills that the plan orders.
    public var plannedDrills: [PlannedDrill] { state.withLock { $0.core.plan.drills } }

    /// Begins a drill; returns when it is stored. The same order again, as after a crash, changes nothing.
    /// - Throws: ``OnCallError`` where the plan has nobody of that name; ``Kernel/StorageError``.
    /// - Returns: the drill as it stands now; nil where it is over already, as where nobody could be paged.
    @discardableResult
    public func drill(_ order: DrillOrder) async throws -> MatterSummary? {
        let subject = order.subject, names = state.withLock { $0.core.plan }.names(of: subject.kind)
        guard names.contains(subject.name) else {
            let mend =
                Suggestion.mend(for: subject.name, among: names)
                ?? (names.isEmpty ? "the plan has none" : "there are \(names.joined(separator: ", "))")
            throw OnCallError(.notFound, "there is no \(subject.kind.rawValue) “\(subject.name.clipped)”; \(mend)")
        }
        guard (60...3600).contains(order.within) else { throw OnCallError(.invalid, "a drill must be acknowledged within 1m to 1h") }
        let drills = DrillRepository(property: parts.property)
        guard try await !parts.engine.read({ try drills.isKnown(order.id, $0) }) else {
            return matters().first { $0.open.matter.drill?.id == order.id }
        }
        try await perform { core, now in core.drill(order, at: now) }
        return matters().first { $0.open.matter.drill?.id == order.id }
    }

    /// The drills that began within a time, and the contacts of the plan that no drill has ever proven.
    public func drills(from start: Date, to end: Date) async throws -> (drills: [DrillRecord], unproven: [ContactWay]) {
        let repository = DrillRepository(property: parts.property), ways = state.withLock { $0.core.plan }.contactWays
        return try await parts.engine.read { reader in
            let proven = try repository.proven(reader)
            return (try repository.drills(from: start, to: end, reader), ways.filter { !proven.contains("\($0.person)|\($0.contact.way)") })
        }
    }
}
