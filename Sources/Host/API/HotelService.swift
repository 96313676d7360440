import Butler
import Foundation
import Gateway
import HTTPTypes
import Kernel
import PluginAPI

/// What the REST routes ask, answered by the butler and the kernel.
struct HotelService: HotelAPI {
    let link: ApplicationLink

    func application() throws -> JackApplication { try link.application() }

    /// Runs `body`, and says to the caller what the butler says of a mistake.
    func answer<T>(_ body: (JackApplication) async throws -> T) async throws -> T {
        do {
            return try await body(application())
        } catch let error as ButlerError {
            switch error.code {
            case .notFound: throw GatewayError(.notFound, "not_found", error.message)
            case .illegalTransition, .conflict: throw GatewayError.conflict(error.message)
            default: throw GatewayError(.unprocessableContent, "validation_failed", error.message)
            }
        }
    }

    // MARK: Conversations

    func conversations(_ filter: API.ConversationFilter, _ page: API.PageRequest) async throws -> API.Page<API.Conversation> {
        try await answer { app in
            var wanted = ConversationRepository.Filter(assignedTo: filter.assignedTo, instance: filter.channel, guestID: filter.guestID)
            if let name = filter.state {
                guard let state = ConversationState(rawValue: name) else {
                    throw GatewayError.invalid(parameter: "state", "is none of \(ConversationState.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                wanted.states = [state]
            }
            let (butler, query, after) = (app.butler, wanted, try Cursor.moment(page.cursor))
            return try await app.storage.read { reader in
                let found = try butler.conversations.list(query, after: after.map { ($0.date, $0.id) }, limit: page.limit + 1, in: reader)
                let items = try found.prefix(page.limit).map { try record($0, butler, reader) }
                return API.Page(items, nextCursor: found.count > page.limit ? found.dropLast().last.map { Cursor.text($0.updatedAt, $0.id) } : nil)
            }
        }
    }

    func conversation(_ id: String) async throws -> API.Conversation {
        try await answer { app in
            let butler = app.butler
            return try await app.storage.read { reader in
                guard let conversation = try butler.conversations.get(id, in: reader) else { throw GatewayError.notFound("conversation “\(id)”") }
                return try record(conversation, butler, reader)
            }
        }
    }

    func update(conversation id: String, _ change: API.ConversationChange, by staff: String) async throws -> API.Conversation {
        try await answer { app in
            let next: ConversationState
            switch (change.action, change.state) {
            case (.takeOver?, _): next = .taken
            case (.release?, _): next = .active
            case (nil, let name?):
                guard let state = ConversationState(rawValue: name) else {
                    throw GatewayError.invalid(["state": "is none of \(ConversationState.allCases.map(\.rawValue).joined(separator: ", "))"])
                }
                next = state
            case (nil, nil): next = .taken
            }
            _ = try await app.butler.staff.move(id, to: next, by: change.assignedTo ?? staff)
        }
        return try await conversation(id)
    }

    func messages(conversation id: String, _ page: API.PageRequest) async throws -> API.Page<API.Message> {
        try await answer { app in
            let (butler, before) = (app.butler, try Cursor.number(page.cursor))
            return try await app.storage.read { reader in
                guard try butler.conversations.get(id, in: reader) != nil else { throw GatewayError.notFound("conversation “\(id)”") }
                let found = try butler.messages.list(of: id, before: before, limit: page.limit + 1, in: reader)
                let items = found.suffix(page.limit)
                return API.Page(
                    try items.reversed().map { try record($0, reader) },
                    nextCursor: found.count > page.limit ? items.first.map { Cursor.text($0.seq) } : nil)
            }
        }
    }

    func reply(conversation id: String, _ message: API.NewMessage, by staff: String) async throws -> API.Message {
        try await answer { app in
            let sent = try await app.butler.staff.reply(to: id, text: message.text, by: staff, clientID: message.clientID)
            return try await app.storage.read { try record(sent, $0) }
        }
    }

    func why(message id: String) async throws -> [API.LedgerEntry] {
        try await why(id, "message “\(id)”") { try $0.message(id, $1) }
    }

    func why(of id: String) async throws -> [API.LedgerEntry] {
        try await why(id, "“\(id)”") { [clock = try application().kernel.parts.clock] in try $0.entries(of: id, at: clock.now, $1) }
    }

    private func why(
        _ id: String, _ what: String, _ tell: @escaping @Sendable (WhyReader, any StorageReader) throws -> [Ledger.Entry]
    ) async throws -> [API.LedgerEntry] {
        try await answer { app in
            let why = WhyReader(app.loaded)
            let entries = try await app.storage.read { try tell(why, $0) }
            guard !entries.isEmpty else { throw GatewayError.notFound("\(what) in the ledger") }
            return entries.map(API.LedgerEntry.init)
        }
    }

    // MARK: Knowledge

    func searchKnowledge(_ query: String, language: String?, limit: Int) async throws -> [API.KnowledgeHit] {
        try await answer { app in
            try await app.butler.knowledge.search(query, language: language, limit: limit).map {
                API.KnowledgeHit(id: $0.id, title: $0.title, text: $0.text, source: $0.entry, language: $0.language, score: $0.score)
            }
        }
    }

    // MARK: Costs

    func costs(_ query: API.CostQuery) async throws -> API.Costs {
        try await answer { app in
            let repository = UsageRepository(property: app.kernel.parts.property.id)
            guard let grouping = UsageSummary.Grouping(rawValue: query.by.rawValue) else { throw GatewayError.notFound("such sum") }
            let report = try await app.kernel.parts.engine.read {
                try repository.summary(by: grouping, from: query.from, to: query.to, limit: query.limit, in: $0)
            }
            return API.Costs(
                currency: app.loaded.costs.currency, total: report.cost, count: report.count,
                items: report.items.map {
                    API.Costs.Item(
                        key: $0.key, calls: $0.calls, fallbacks: $0.fallbacks, estimated: $0.estimated, inputTokens: $0.inputTokens,
                        outputTokens: $0.outputTokens, cacheReadTokens: $0.cacheReadTokens, cacheWriteTokens: $0.cacheWriteTokens, cost: $0.cost)
                })
        }
    }

    // MARK: Records

    private func record(_ conversation: Conversation, _ butler: Butler, _ reader: any StorageReader) throws -> API.Conversation {
        let guest = try conversation.guestID.flatMap { try butler.guests.get($0, in: reader) }
        let last = try butler.messages.list(of: conversation.id, limit: 1, in: reader).last
        return API.Conversation(
            id: conversation.id, channel: conversation.instance, peer: conversation.peer.description, state: conversation.state.rawValue,
            guestID: conversation.guestID, guestName: guest.map(name), reservationID: conversation.reservation,
            room: conversation.room(at: try application().kernel.parts.clock.now)?.number,
            assignedTo: conversation.assignedTo, locale: conversation.language, preview: last.map(preview),
            pendingApprovals: try butler.messages.waiting(in: conversation.id, reader), createdAt: conversation.createdAt,
            updatedAt: conversation.updatedAt)
    }

    func record(_ message: Message, _ reader: any StorageReader) throws -> API.Message {
        let outbox = message.state == .released ? try Outbox.state(of: message.id, in: reader) : nil
        let delivery =
            switch message.state {
            case .received: "received"
            case .held: "held"
            case .rejected: "withdrawn"
            case .released: try outbox?.state.rawValue ?? lastNews(of: message.id, reader) ?? "queued"
            }
        return API.Message(
            id: message.id, conversationID: message.conversationID, author: API.Message.Author(rawValue: message.author.rawValue) ?? .system,
            text: message.text,
            inReplyTo: message.inReplyTo, quickReplies: message.extras.quickReplies, sources: message.extras.sources,
            media: try media(of: message, reader), delivery: delivery, failure: outbox?.error,
            staff: message.author == .staff ? message.authorName : nil, senderDoubt: message.extras.senderDoubt, at: message.createdAt)
    }

    /// How a delivery ended that the outbox has forgotten in time; the ledger has not.
    private func lastNews(of id: String, _ reader: any StorageReader) throws -> String? {
        try Ledger.entries(of: id, property: application().kernel.parts.property.id, in: reader)
            .last { ["delivery", "receipt"].contains($0.step) }?.outcome
    }

    /// The beginning of a message; of one without words, what it carries instead.
    private func preview(_ message: Message) -> String {
        guard message.text.allSatisfy(\.isWhitespace), !message.extras.media.isEmpty else { return String(message.text.prefix(120)) }
        return "[" + message.extras.media.prefix(5).map(\.kind.rawValue).joined(separator: ", ") + "]"
    }

    func name(_ guest: Guest) -> String { [guest.firstName, guest.lastName].compactMap { $0 }.joined(separator: " ") }
}

/// Where the next page of a list begins, as callers pass it back.
enum Cursor {
    static func text(_ date: Date, _ id: String) -> String { "\(date.milliseconds)~\(id)" }
    static func text(_ number: Int64) -> String { "\(number)" }

    static func moment(_ text: String?) throws -> (date: Date, id: String)? {
        guard let text else { return nil }
        let parts = text.split(separator: "~", maxSplits: 1)
        guard parts.count == 2, let milliseconds = Int64(parts[0]) else { throw invalid }
        return (Date(milliseconds: milliseconds), String(parts[1]))
    }

    static func number(_ text: String?) throws -> Int64? {
        guard let text else { return nil }
        guard let number = Int64(text) else { throw invalid }
        return number
    }

    private static var invalid: GatewayError { .invalid(parameter: "cursor", "is none that a page gave") }
}

extension API.LedgerEntry {
    init(_ entry: Ledger.Entry) {
        self.init(step: entry.step, outcome: entry.outcome, reason: entry.reason, rule: entry.rule, details: entry.details, at: entry.at)
    }
}
