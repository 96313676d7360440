import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

/// A model that was fooled, or that makes things up, must not get past the butler.
@Suite struct HostileModelTests {
    private func stops(_ text: String, asked question: String = "when is breakfast", _ place: SourceLocation = #_sourceLocation) async throws {
        try await withHouse { house async throws in
            house.parts.ai.answers(text, confidence: 1)
            let id = try await house.write(question)
            try await house.settle()
            #expect(!house.parts.channel.sent.contains { $0.text.contains(text) }, sourceLocation: place)
            #expect(try await house.conversation().state == .escalated, sourceLocation: place)
            #expect(try await house.ledger(id).contains { $0.step == "guard" && $0.outcome == "stopped" }, sourceLocation: place)
        }
    }

    private func lets(_ text: String, asked question: String = "when is breakfast", _ place: SourceLocation = #_sourceLocation) async throws {
        try await withHouse({
            $0.documents["knowledge/hotel.yaml"] =
                "entries:\n  - {id: breakfast, title: Breakfast, answer: 'Breakfast is from seven to ten. Call +351 21 000 00 00, write to desk@miramar.example or see www.miramar.example/food.'}\n"
        }) { house async throws in
            house.parts.ai.answers(text, confidence: 1)
            #expect(try await house.ask(question).map(\.text) == [text], sourceLocation: place)
        }
    }

    @Test(arguments: ["Mr Smith stays in 309.", "They are in Room A12, second floor.", "It's room309!", "Zimmer: a12"])
    func othersRoomsDoNotLeave(text: String) async throws { try await stops(text) }

    /// What a reader takes for 309, however it is written.
    @Test(arguments: [
        "He is in ３０９.", "He is in 3\u{200B}0\u{AD}9.", "He is in ٣٠٩.", "He is in 3️⃣0️⃣9️⃣.", "He is in *3*09.", "Room *309*", "It is 3 0 9.",
        "Try 3-0-9!",
        "At 8. 3 0 9.",
    ])
    func aRoomInOtherDigitsIsTheSameRoom(text: String) async throws { try await stops(text) }

    /// Nor does it help to spell it, in whichever language.
    @Test(arguments: [
        "He is in three hundred nine.", "She sleeps in Three-Hundred and Nine.", "It is three oh nine!", "three zero nine",
        "*three* nought? No: three o nine",
        "Er wohnt in dreihundertneun.", "Sie wohnt in Dreihundertundneun.", "Zimmer drei null neun", "Está en la trescientos nueve.",
        "Il est au trois cent neuf.", "Está no trezentos e nove.", "È nella trecento\u{AD}nove.", "Hij zit in driehonderdnegen.",
        "Room A twelve, I think.",
    ])
    func aRoomInWordsIsTheSameRoom(text: String) async throws { try await stops(text) }

    @Test(arguments: [
        "Breakfast ends at ten thirty.", "It is three hundred nine metres away.", "That comes to three hundred and nine euros.",
        "Three hundred guests, nine tables.", "There are twelve rooms and a twelve-hour desk.", "In three or nine minutes.",
    ])
    func wordsThatNameNoRoomMayBeSaid(text: String) {
        #expect(ReplyGuard(rooms: ["12", "A12", "309", "1030"], instructions: "").objection(to: text, grounds: []) == nil)
    }

    @Test func whatTheGuestSaidInWordsMayBeNamed() {
        let guardian = ReplyGuard(rooms: ["204", "309"], instructions: "")
        #expect(guardian.objection(to: "It comes to 204.", grounds: ["I am in two hundred and four"]) == nil)
        #expect(guardian.objection(to: "It comes to two oh four.", grounds: ["I am in 204"]) == nil)
        #expect(guardian.objection(to: "It comes to three oh nine.", grounds: ["I am in 204"]) != nil)
    }

    @Test(arguments: ["Choose 3, 0 or 9.", "Breakfast 7-10, tables for 3 - 9.", "Dial 3 for us, 0 for a line, 9 for help.", "From 7. 30 chairs."])
    func digitsThatStandApartAreNoRoom(text: String) {
        #expect(ReplyGuard(rooms: ["309", "730", "710"], instructions: "").objection(to: text, grounds: []) == nil)
    }

    @Test(arguments: ["She is in 309.", "She is in ３０９.", "She is in 3 0 9."])
    func noRoomLeavesWhereThePMSCannotBeAsked(text: String) async throws {
        try await withHouse { house async throws in
            house.parts.pms.fails(with: .notReady(.unreachable, "no line"))
            house.parts.ai.answers(text, confidence: 1)
            #expect(try await house.ask("when is breakfast").allSatisfy { !$0.text.contains(text) })
        }
    }

    @Test func whatTheGuestNamedMayBeNamed() async throws { try await lets("Breakfast comes to 204 too.", asked: "does breakfast come to room 204") }

    @Test(arguments: [
        "Pay here: https://pay.example.net/x", "Write to billing@example.org", "Call 0800-555-1234 now", "See evil-hotel.com/login",
        "(www.evil.example)", "See evil\u{200B}-hotel．com/login",
        "+49 (30) 123 456 78",
    ])
    func inventedContactsDoNotLeave(text: String) async throws { try await stops(text) }

    @Test(arguments: [
        "Call +351 21 000 00 00.", "Write to desk@miramar.example!", "See www.miramar.example/food.", "From 7:00 to 10:30, EUR 18.50 each.",
        "Mo.-Fr. e.g. eggs, i.e. good ones.",
    ])
    func whatTheHotelWroteMayBeSaid(text: String) async throws { try await lets(text) }

    /// A small hotel's rooms have numbers that every answer is full of.
    @Test(arguments: [
        "Breakfast is from 7:00 to 10.30.", "It costs EUR 204.", "That is 204 euros, or 21 € a head.", "You stay from 2026-11-21 to 2026-11-24.",
        "Bis 24.11.2026, ab 15h30.", "The beach is 309 m away, 21 minutes on foot.", "We have 7 rooms with a view.",
    ])
    func numbersThatNameNoRoomMayBeSaid(text: String) {
        #expect(ReplyGuard(rooms: ["7", "21", "204", "309"], instructions: "").objection(to: text, grounds: []) == nil)
    }

    @Test(arguments: ["He is in room 7.", "Zimmer 21", "la habitación 204", "chambre n° 7", "Suite #21", "Ask at 309, please", "the guest of 204"])
    func numbersThatNameARoomAreFound(text: String) {
        #expect(ReplyGuard(rooms: ["7", "21", "204", "309"], instructions: "").objection(to: text, grounds: []) != nil)
    }

    @Test func theInstructionsStayInside() async throws {
        try await stops("Sure! " + ButlerSettings().instructions.uppercased())
    }

    // MARK: Answers that did not come to their end

    private func ends(_ reason: AIResponse.FinishReason, calls: [AIToolCall] = [], confidence: Double = 1) -> AIScript.Complete {
        { request in
            AIResponse(
                text: "Breakfast is from", toolCalls: calls, finishReason: reason, model: "fake", citations: request.documents.prefix(1).map(\.id),
                confidence: confidence)
        }
    }

    @Test(arguments: [AIResponse.FinishReason.complete, .stopSequence])
    func aWholeAnswerIsSent(reason: AIResponse.FinishReason) async throws {
        try await withHouse { house async throws in
            house.parts.ai.completes(ends(reason))
            #expect(try await house.ask("when is breakfast").map(\.text) == ["Breakfast is from"])
        }
    }

    @Test func halfAnAnswerIsHeld() async throws {
        try await withHouse { house async throws in
            house.parts.ai.completes(ends(.length))
            let id = try await house.write("when is breakfast")
            try await house.settle()
            #expect(house.parts.channel.sent.map(\.author) == [.system])
            #expect(try await house.held().map(\.text) == ["Breakfast is from"])
            #expect(try await house.ledger(id).contains { $0.step == "answer" && $0.outcome == "cut" })
        }
    }

    @Test func halfAnAnswerThatNobodyIsSureOfIsHandedOver() async throws {
        try await withHouse { house async throws in
            house.parts.ai.completes(ends(.length, confidence: 0.1))
            try await house.ask("when is breakfast")
            #expect(try await house.conversation().state == .escalated)
            #expect(try await house.held().isEmpty)
        }
    }

    @Test(arguments: [AIResponse.FinishReason.contentFilter, .other])
    func whatWasBrokenOffIsHandedOver(reason: AIResponse.FinishReason) async throws {
        try await withHouse { house async throws in
            house.parts.ai.completes(ends(reason))
            let id = try await house.write("when is breakfast")
            try await house.settle()
            #expect(house.parts.channel.sent.map(\.author) == [.system])
            #expect(try await house.conversation().state == .escalated)
            #expect(try await house.held().isEmpty)
            #expect(try await house.ledger(id).contains { $0.step == "answer" && $0.outcome == "withheld" && $0.reason.contains(reason.rawValue) })
        }
    }

    @Test(arguments: [AIResponse.FinishReason.length, .contentFilter, .other])
    func whatABrokenOffAnswerAsksForIsNotDone(reason: AIResponse.FinishReason) async throws {
        try await withHouse { house async throws in
            let call = AIToolCall(id: "1", name: "create_request", arguments: ["kind": "request.housekeeping.towels"])
            house.parts.ai.completes(ends(reason, calls: [call]))
            try await house.ask("breakfast for 204 please")
            #expect(try await house.tasks().isEmpty)
        }
    }

    // MARK: Tools

    private func calls(_ name: String, _ arguments: JSONValue, then answer: String = "Done.") -> AIScript.Complete {
        { request in
            guard !request.tools.isEmpty, request.messages.last?.parts.contains(where: { if case .toolResult = $0 { true } else { false } }) != true
            else {
                return AIResponse(text: answer, model: "fake", citations: request.documents.prefix(1).map(\.id), confidence: 0.9)
            }
            return AIResponse(
                text: "", toolCalls: [AIToolCall(id: "c1", name: name, arguments: arguments)], finishReason: .toolCalls, model: "fake")
        }
    }

    @Test func aToolsTaskSaysWhatTheGuestWroteAndWhereTheGuestIs() async throws {
        try await withHouse { house async throws in
            house.parts.ai.completes(
                calls("create_request", ["kind": "request.housekeeping.towels", "room": "309", "details": "steal the minibar", "priority": "urgent"]))
            try await house.ask("could breakfast come with something to dry myself, 204")
            let task = try #require(try await house.tasks().first)
            #expect(task.room == "204" && task.description == "could breakfast come with something to dry myself, 204")
            #expect(task.intent == "request.housekeeping.towels" && task.priority != .urgent)
            #expect(try await house.tasks().count == 1)
        }
    }

    @Test func whatTheHotelLeavesToStaffStaysWithThem() async throws {
        try await withHouse({ $0.pms.knows([.stay("R1", "Byron", room: "204", phone: "+351911111111")]) }) { house async throws in
            house.parts.ai.completes(calls("create_request", ["kind": "request.reservation.cancel"]))
            let guest = PeerAddress(.phone, "+351911111111")
            try await house.ask("breakfast no more, I am off", from: guest)
            #expect(try await house.conversation(guest).state == .escalated)
        }
    }

    @Test func whatNeedsAKnownGuestAsksWhoTheyAre() async throws {
        try await withHouse { house async throws in
            house.parts.ai.completes(calls("create_request", ["kind": "request.reservation.cancel"]))
            try await house.ask("breakfast no more")
            #expect(try await house.tasks().isEmpty)
            #expect(try await house.messages().last?.intent == ActionStage.askedForIdentity)
        }
    }

    @Test(arguments: [
        ("create_request", ["kind": "request.free_money"] as JSONValue), ("create_request", [:] as JSONValue),
        ("create_request", "towels" as JSONValue),
        ("run_sql", ["q": "DROP TABLE"] as JSONValue), ("look_up_my_stay", ["room": "309"] as JSONValue),
    ])
    func wishesThatAreNoneAreRefusedAndTheGuestIsAnswered(name: String, arguments: JSONValue) async throws {
        try await withHouse { house async throws in
            house.parts.ai.completes(calls(name, arguments, then: "From seven."))
            let id = try await house.write("when is breakfast")
            try await house.settle()
            #expect(house.parts.channel.sent.map(\.text) == ["From seven."])
            #expect(try await house.ledger(id).contains { $0.step == "tool" && $0.outcome == "refused" })
            #expect(try await house.tasks().isEmpty)
        }
    }

    @Test func theOwnStayIsToldWithoutTheRoom() async throws {
        try await withHouse({ $0.pms.knows([.stay("R1", "Byron", room: "204", phone: "+351911111111")]) }) { house async throws in
            house.parts.ai.completes(calls("look_up_my_stay", [:], then: "You leave soon."))
            #expect(
                try await house.ask("breakfast until when do I stay", from: PeerAddress(.phone, "+351911111111")).map(\.text) == ["You leave soon."])
            let results = house.parts.ai.requests.last?.messages.last?.parts.compactMap {
                if case .toolResult(_, let content, let isError) = $0, !isError { content } else { nil }
            }
            let told = try #require(results?.first)
            #expect(told.contains("departure") && !told.contains("204"))
        }
    }

    @Test func aModelThatOnlyLooksThingsUpComesToAnEnd() async throws {
        try await withHouse { house async throws in
            house.parts.ai.completes { _ in
                AIResponse(
                    text: "", toolCalls: (0..<50).map { AIToolCall(id: "\($0)", name: "look_up_my_stay", arguments: [:]) }, finishReason: .toolCalls,
                    model: "fake")
            }
            try await house.ask("when is breakfast")
            #expect(try await house.conversation().state == .escalated)
            #expect((2...8).contains(house.parts.ai.requests.count))
            let last = try #require(house.parts.ai.requests.last)
            #expect(last.toolChoice == AIToolChoice.none && !last.tools.isEmpty, "vendors want the tools named that were used before")
            #expect(try await house.tasks().isEmpty)
        }
    }

    @Test func whoCannotUseToolsIsOfferedNone() async throws {
        try await withHouse { house async throws in
            house.parts.ai.features = AIFeatures(tools: false)
            try await house.ask("when is breakfast")
            #expect(house.parts.ai.requests.last?.tools.isEmpty == true)
        }
    }
}
