import Logging
import PluginAPI

/// Shows what arrives by a channel to the alert sinks that write through it, before it counts as a guest's message.
struct AnswerDesk: Sendable {
    let instances: InstanceRegistry
    let dispatcher: Dispatcher
    let engine: any StorageEngine
    let alerts: AlertIntake
    let property: String
    let clock: any TimeSource
    let logger: Logger

    /// Tries after which a message goes on without the sink that cannot read it: a sick sink must not keep a guest waiting.
    private static let tries = 3

    /// - Returns: true where the message was meant for a sink; the item is complete then.
    /// - Throws: ``PluginFailure`` where a sink cannot read it now.
    func take(_ item: Inbox.Item, _ message: InboundMessage) async throws -> Bool {
        guard let text = message.text, PageCode.mayBe(in: text) else { return false }
        for sink in readers(of: item.instance) {
            switch try await read(item, by: sink) {
            case .guestMessage: continue
            case .answer(let answer):
                try await complete(item, "answer", answer.action.rawValue, "an answer to a page of \(sink)") { transaction in
                    try alerts.acknowledge(answer, through: sink, id: item.id, in: transaction)
                }
                return true
            case .refused(let reason):
                try await complete(item, "answer", "refused", "\(sink): \(reason)")
                return true
            }
        }
        return false
    }

    /// The sinks that write through a channel and read what comes back, in the order of the configuration.
    private func readers(of channel: String) -> [String] {
        instances.all(of: .alert).map(\.spec).filter { spec in
            spec.registration.type is any AnswerReadingSink.Type
                && spec.references.contains { $0.kind == .channel && $0.name == channel }
        }.map(\.name)
    }

    private func read(_ item: Inbox.Item, by sink: String) async throws -> AnswerReading {
        let event = item.event, channel = item.instance
        do {
            return try await dispatcher.call(
                sink, as: (any AnswerReadingSink).self, "read", CallOptions(deadline: .seconds(10), attempts: 1)
            ) { try await $0.read(event, through: channel) }
        } catch let failure as PluginFailure {
            // The item's own count is that of the moment when it was fetched.
            let before = try await engine.read { try Inbox.attempts(of: item, in: $0) }
            guard before + 1 >= Self.tries else { throw failure }
            logger.warning(
                "a sink cannot read what may be an answer to a page; it goes on as a guest's message",
                metadata: ["inbox": "\(item.id)", "instance": "\(sink)", "error": "\(failure)"])
            return .guestMessage
        }
    }

    private func complete(
        _ item: Inbox.Item, _ step: String, _ outcome: String, _ reason: String,
        _ more: @escaping @Sendable (any StorageTransaction) throws -> Void = { _ in }
    ) async throws {
        let now = clock.now, property = property
        try await engine.write { transaction in
            try more(transaction)
            try Ledger.record(.init(step: step, outcome: outcome, reason: reason, at: now), of: item.id, property: property, in: transaction)
            try Inbox.complete(item, in: transaction)
        }
    }
}
