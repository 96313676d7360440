import Foundation
import Kernel
import PluginAPI

/// Answers from what the hotel knows, as sure as it is; what is not sure enough is held or handed over.
struct AnswerStage: Stage {
    let desk: Desk

    func decide(_ turn: inout Turn) async throws -> Decision? {
        let hits = try await desk.knowledge.search(
            turn.text, language: turn.language, limit: desk.settings.knowledge.documents, within: desk.timeLeft(&turn))
        turn.note(
            "knowledge", hits.isEmpty ? "nothing" : "found",
            hits.isEmpty ? "nothing fits the message" : "\(hits.count) pieces fit, “\(hits[0].title)” best",
            details: .array(hits.map { .object(["id": .string($0.id), "score": .double($0.score)]) }), at: desk.clock.now)
        guard !hits.isEmpty else { return notUnderstood(&turn, "there is nothing to answer from") }
        let answer: ChainResult<AIDispatch.Answer>
        do {
            switch try await ask(&turn, hits) {
            case .decided(let decision): return decision
            case .answered(let found): answer = found
            }
        } catch let failure as PluginFailure {
            if desk.timeLeft(&turn) > .zero {
                turn.note("answer", "failed", "no AI instance answered: \(failure.message)", at: desk.clock.now)
            } else {
                turn.note(
                    "answer", "failed", "no AI instance answered within \(desk.settings.answerWithin.text): \(failure.message)",
                    rule: "butler.answer_within", at: desk.clock.now)
            }
            return desk.handOver(turn, .handedOver)
        }
        let response = answer.value.response, features = answer.value.features
        var confidence = response.confidence ?? (response.citations.isEmpty ? 0.4 : 0.75)
        // Whoever does not know what is asked cannot be sure of the answer.
        if turn.intent?.id == "unknown" { confidence *= 1 - 0.5 * turn.confidence }
        let cited = hits.filter { response.citations.contains($0.id) }
        turn.note(
            "answer", "drafted",
            "\(answer.instance) is \(percent(confidence)) sure of an answer from \(cited.map { "“\($0.title)”" }.joined(separator: ", "))"
                + passed(answer.passedOver), details: ["confidence": .double(confidence), "model": .string(response.model)], at: desk.clock.now)
        if response.finishReason == .contentFilter || response.finishReason == .other {
            turn.note(
                "answer", "withheld", "\(answer.instance) broke the answer off: \(response.finishReason.rawValue)", at: desk.clock.now)
            return desk.handOver(turn, .handedOver)
        }
        guard !response.text.isEmpty else { return notUnderstood(&turn, "the answer is empty") }
        var text = response.text
        if !features.quotesDocuments, let objection = await objection(to: text, turn, hits) {
            turn.note("guard", "stopped", "the answer is not sent: \(objection)", at: desk.clock.now)
            return desk.handOver(turn, .handedOver)
        }
        if features.quotesDocuments, let language = cited.first?.language.prefix(2), language != turn.language.prefix(2) {
            text = desk.replies.text(.otherLanguage, locale: turn.language, ["language": String(language)]) + "\n" + text
        }
        let reply = Decision.Reply(text: text, author: .jack, sources: cited.map { SourceReference(id: $0.entry, title: $0.title) })
        let isCut = response.finishReason == .length
        if isCut { turn.note("answer", "cut", "\(answer.instance) came to its longest answer before the end", at: desk.clock.now) }
        return judge(&turn, reply, confidence, isCut: isCut)
    }

    /// What asking a model came to.
    private enum Outcome {
        case answered(ChainResult<AIDispatch.Answer>)
        /// By a tool that it used.
        case decided(Decision)
    }

    /// How often a model may use tools before it must answer.
    private static let maximumRounds = 4

    private func ask(_ turn: inout Turn, _ hits: [KnowledgeBase.Hit]) async throws -> Outcome {
        let typing = showTyping(turn)
        defer { typing.cancel() }
        var request = request(turn, hits)
        for round in 1...Self.maximumRounds {
            // A model that only ever looks things up must come to an end. The tools stay named: some vendors refuse a conversation in which tools were used
            // and that names none.
            let isLast = round == Self.maximumRounds
            if isLast { request.toolChoice = .none }
            // One time for all rounds and all providers: a guest waits once.
            let limits = AIDispatch.Limits(deadline: desk.timeLeft(&turn))
            guard limits.deadline > .zero else { throw PluginFailure.notReady(.timeout, "the model used tools until the time was over") }
            let answer = try await desk.ai.complete(request, by: desk.settings.ai, for: turn.account, limits)
            let response = answer.value.response
            // What a model broke off in the middle it did not ask for.
            let isWhole = ![.length, .contentFilter, .other].contains(response.finishReason)
            guard isWhole, !response.toolCalls.isEmpty, !isLast else { return .answered(answer) }
            var results: [AIMessage.Part] = []
            for call in response.toolCalls.prefix(8) {
                switch tools.use(call, &turn) {
                case .decided(let decision): return .decided(decision)
                case .told(let content, let isError): results.append(.toolResult(callID: call.id, content: content, isError: isError))
                }
            }
            let said: [AIMessage.Part] = response.text.isEmpty ? [] : [.text(response.text)]
            request.messages.append(AIMessage(.assistant, parts: said + response.toolCalls.prefix(8).map { .toolCall($0) }))
            request.messages.append(AIMessage(.user, parts: results))
        }
        throw PluginFailure.permanent(.malformedReply, "the model used tools and did not answer")
    }

    private var tools: GuestTools { GuestTools(desk: desk, actions: ActionStage(desk: desk)) }

    private func request(_ turn: Turn, _ hits: [KnowledgeBase.Hit]) -> AIRequest {
        // What was held or rejected the guest has never read.
        var messages = turn.history.filter { $0.state == .received || $0.state == .released }.suffix(8).map {
            AIMessage($0.author == .guest ? .user : .assistant, $0.text)
        }
        messages.append(AIMessage(.user, turn.text))
        return AIRequest(
            instructions: desk.settings.instructions, messages: messages,
            documents: hits.map {
                AIDocument(
                    id: $0.id, title: $0.title, text: $0.questions.isEmpty ? $0.text : $0.questions + "\n" + $0.text, locale: $0.language,
                    relevance: max(0, $0.similarity ?? 0))
            },
            tools: tools.offered, locale: turn.language)
    }

    private func showTyping(_ turn: Turn) -> Task<Void, any Error> {
        let (peer, instance, dispatcher, clock) = (turn.conversation.peer, turn.item.instance, desk.dispatcher, desk.clock)
        return Task {
            // An answer that comes at once needs no sign that it is being written.
            try await clock.sleep(for: .milliseconds(400))
            try await dispatcher.call(instance, as: (any ChannelPlugin).self, "typing", .courtesy) {
                try await $0.indicateTyping(to: peer)
            }
        }
    }

    /// Why what a model wrote must not be sent.
    private func objection(to text: String, _ turn: Turn, _ hits: [KnowledgeBase.Hit]) async -> String? {
        let rooms: Set<String>
        do {
            rooms = Set(try await desk.rooms.numbers().keys)
        } catch {
            // Without the list every number may be a room's.
            let shown = (RoomDirectory.candidates(in: ShownText.plain(text)) + ReplyGuard.shownNumbers(in: text)).filter { $0.count >= 3 }
            rooms = Set(shown).union((100...999).map(String.init))
        }
        let guestWords = turn.history.filter { $0.author == .guest }.map(\.text) + [turn.text]
        return ReplyGuard(rooms: rooms, instructions: desk.settings.instructions)
            .objection(to: text, grounds: hits.flatMap { [$0.title, $0.text, $0.questions] } + guestWords)
    }

    /// Sends, holds or hands over, by the confidence and by what the hotel allows.
    private func judge(_ turn: inout Turn, _ drafted: Decision.Reply, _ confidence: Double, isCut: Bool) -> Decision {
        let autonomy = desk.settings.autonomy
        var mode: AutonomySettings.Mode = confidence >= autonomy.send ? .send : confidence >= autonomy.hold ? .hold : .handOver
        var rule = confidence >= autonomy.send ? "butler.autonomy.send" : "butler.autonomy.hold"
        if let intent = turn.intent, turn.confidence >= autonomy.intent, let (limit, limitRule) = desk.limit(for: intent.id),
            limit.rank > mode.rank
        {
            (mode, rule) = (limit, limitRule)
        }
        let now = desk.clock.now
        turn.judged = (confidence, isCut && mode == .send ? .hold : mode)
        if isCut, mode == .send {
            turn.note("autonomy", "hold", "half an answer needs a colleague's approval", at: now)
            var held = drafted
            held.isHeld = true
            return Decision(reply: held, state: .active)
        }
        switch mode {
        case .send:
            turn.note("autonomy", "send", "\(percent(confidence)) is enough to send", rule: rule, at: now)
            return Decision(reply: drafted, state: .active)
        case .hold:
            turn.note("autonomy", "hold", "\(percent(confidence)) needs a colleague's approval", rule: rule, at: now)
            var held = drafted
            held.isHeld = true
            return Decision(reply: held, state: .active)
        case .handOver:
            if rule.hasPrefix("butler.autonomy.limits") {
                turn.note("autonomy", "hand over", "this is for staff to answer", rule: rule, at: now)
                return desk.handOver(turn, .handedOver)
            }
            return notUnderstood(&turn, "\(percent(confidence)) is too little to answer")
        }
    }

    private func notUnderstood(_ turn: inout Turn, _ why: String) -> Decision {
        turn.note("autonomy", "hand over", why, rule: "butler.autonomy.hold", at: desk.clock.now)
        return desk.handOver(turn, .notUnderstood)
    }
}
