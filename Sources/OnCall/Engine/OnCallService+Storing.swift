import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization

/// How what happened comes to disk, and what is done where it does not.
extension OnCallService {
    /// Stores what happened, with the outbox and the ledger, in one transaction.
    /// - Returns: why it could not be stored; pages have left all the same.
    func store(at now: Date) async -> (any Error)? {
        let (effects, core, archives, current) = state.withLock { state in
            defer { state.carried = OnCallEffects() }
            return (state.carried, state.core, state.archives, state.source.plan.version)
        }
        guard !effects.isEmpty || !archives.isEmpty else { return nil }
        do {
            let rows = try OnCallRows(effects, of: core, property: parts.property)
            let entries = try effects.orders.map { try linked($0).entry(through: $0.instance, at: $0.at) }
            let ids = entries.map(\.id)
            let notices = parts.incidents?.notices(of: effects, core) ?? []
            // Before the outbox has them: it may deliver one before this function goes on.
            state.withLock { $0.fresh.formUnion(ids) }
            let (outbox, property, repository, incidents) = (parts.outbox(), parts.property, repository, parts.incidents)
            // A stop must not cancel it: what is not stored then would leave past the outbox.
            try await Task { [engine = parts.engine] in
                try await engine.write { transaction in
                    for (version, archive) in archives { try repository.store(plan: version, archive, at: now, in: transaction) }
                    if archives[current] != nil { try OnCallHistory(property: property).begin(plan: current, at: now, in: transaction) }
                    try rows.write(in: transaction)
                    for entry in entries { try outbox.enqueue(entry, in: transaction) }
                    try incidents?.enqueue(notices, in: transaction)
                    for line in effects.lines { try Ledger.record(line.entry, of: line.subject, property: property, in: transaction) }
                }
            }.value
            meter.count(effects.tallies)
            let wasFailing = state.withLock { state in
                for version in archives.keys { state.archives[version] = nil }
                defer { state.isFailing = false }
                return state.isFailing
            }
            if wasFailing { parts.logger.notice("on call is stored again") }
            return nil
        } catch {
            keep(effects, error)
            return error
        }
    }

    /// Keeps what could not be stored for the next try; what must leave leaves now.
    private func keep(_ effects: OnCallEffects, _ error: any Error) {
        var kept = effects
        kept.orders = []
        kept.unwritten += effects.orders.map { PastPage($0, isPastOutbox: true) }
        // A disk that is full for days must not fill the memory.
        if kept.lines.count > 50_000 { kept.lines.removeFirst(kept.lines.count - 50_000) }
        if kept.past.count > 50_000 { kept.past.removeFirst(kept.past.count - 50_000) }
        if kept.unwritten.count > 50_000 { kept.unwritten.removeFirst(kept.unwritten.count - 50_000) }
        let isNew = state.withLock { state in
            kept.add(state.carried)
            state.carried = kept
            defer { state.isFailing = true }
            return !state.isFailing
        }
        if isNew { parts.logger.critical("on call cannot be stored; pages leave all the same", metadata: ["error": "\(error)"]) }
        for placed in effects.orders {
            Task { [self] in
                do {
                    try await parts.direct(linked(placed), placed.instance)
                    await delivered(placed.order, through: placed.instance)
                } catch {
                    guard await !failed(placed.order, through: placed.instance, "\(error)") else { return }
                    // Nobody else has it: the outbox goes on trying, as soon as it can be written.
                    state.withLock { $0.carried.orders.append(placed) }
                }
            }
        }
    }

    /// An order with the link by which its recipient answers.
    private func linked(_ placed: OnCallEffects.Placed) -> PageOrder {
        var order = placed.order
        guard order.verb == .page, let links = parts.links, let url = parts.url else { return order }
        let claims = AnswerLinks.Claims(
            action: .acknowledge, matter: order.page.groupKey, recipient: placed.person ?? placed.contact,
            expires: Int64(placed.at.timeIntervalSince1970) + 7 * 86_400)
        if let token = try? links.token(claims) { order.page.url = url(token) }
        return order
    }
}
