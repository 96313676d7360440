import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

/// An address that anybody can write opens no door.
@Suite struct UnprovenSenderTests {
    private let mail = PeerAddress(.email, "ada@example.com")
    private let forged = SenderAssurance.claimed("mx.hotel.example says dmarc=fail"),
        genuine = SenderAssurance.proven("mx.hotel.example says dmarc=pass")

    private func withHotel(_ body: (House) async throws -> Void) async throws {
        try await withHouse(
            { parts in
                parts.pms.knows([
                    .stay("HM1001", "Lovelace", room: "204", email: "ada@example.com", language: "de"), .stay("HM1002", "Byron", room: "309"),
                ])
                parts.ai.classifies { request in
                    let label =
                        request.text.contains("burger")
                        ? "request.room_service"
                        : request.text.contains("towel") ? "request.housekeeping.towels" : request.text.contains("on fire") ? "emergency" : "unknown"
                    return Classification(ranked: [.init(label: label, confidence: 0.9)], language: "en")
                }
            }, body)
    }

    /// The reasons of the last message that was written.
    private func notes(_ house: House, _ step: String) async throws -> [Ledger.Entry] {
        let id = try #require(try await house.messages(mail).last { $0.author == .guest }).id
        return try await house.ledger(id).filter { $0.step == step }
    }

    @Test(arguments: [SenderAssurance.claimed("mx.hotel.example says dmarc=fail"), nil])
    func aForgerIsNotTheGuest(sender: SenderAssurance?) async throws {
        try await withHotel { house async throws in
            let sent = try await house.ask("two burgers please", from: mail, sender: sender)
            #expect(sent.last?.text.contains("booking number") == true)
            #expect(try await house.tasks().isEmpty)
            let conversation = try await house.conversation(mail)
            #expect(conversation.guestID == nil && conversation.reservation == nil && conversation.room == nil)
            #expect(sent.allSatisfy { !$0.text.contains("204") && !$0.text.contains("Lovelace") })
            let notes = try await notes(house, "guest")
            #expect(notes.map(\.outcome) == ["not proven"])
            #expect(
                try await house.messages(mail).first?.extras.senderDoubt == sender?.reason ?? "channel does not vouch for its senders", "staff see it"
            )
            #expect(notes.first?.reason.contains(sender?.reason ?? "channel does not vouch for its senders") == true)
        }
    }

    @Test func whoIsProvenIsKnown() async throws {
        try await withHotel { house async throws in
            try await house.ask("a burger please", from: mail, sender: genuine)
            #expect(try await house.tasks(mail).map(\.room) == ["204"])
            #expect(try await notes(house, "guest").map(\.outcome) == ["known"])
        }
    }

    /// That the guest was known before, in the same conversation, is no door either.
    @Test func aForgedMailIntoAGuestsConversationGetsNothingOfTheirs() async throws {
        try await withHotel { house async throws in
            try await house.ask("a burger please", from: mail, sender: genuine)
            let before = try await house.conversation(mail)
            #expect(before.reservation == "HM1001" && before.room == "204")
            #expect(try await house.ask("two more burgers please", from: mail, sender: forged).last?.text.contains("booking number") == true)
            #expect(try await house.ask("towels please", from: mail, sender: forged).last?.text.contains("Which room") == true)
            #expect(try await house.tasks(mail).count == 1)
            // Nor does it change what is known of the guest.
            try await house.ask("towels to 309", from: mail, sender: forged)
            let after = try await house.conversation(mail)
            #expect(after.reservation == "HM1001" && after.room == "204" && after.guestID == before.guestID)
            try await house.ask("a burger please", from: mail, sender: genuine)
            #expect(try await house.tasks(mail).count { $0.intent == "request.room_service" && $0.room == "204" } == 2)
        }
    }

    @Test func bookingNumberAndNameHoldForTheirMessageAlone() async throws {
        try await withHotel { house async throws in
            try await house.ask("two burgers please", from: mail, sender: forged)
            try await house.ask("HM1001 Lovelace", from: mail, sender: forged)
            let task = try #require(try await house.tasks(mail).first)
            #expect(task.room == "204" && task.description == "two burgers please")
            #expect(try await house.held().isEmpty)
            let conversation = try await house.conversation(mail)
            #expect(conversation.reservation == nil && conversation.room == nil && conversation.guestID == nil)
            // The next one may be anybody's.
            #expect(try await house.ask("another burger", from: mail, sender: forged).last?.text.contains("booking number") == true)
            #expect(try await house.tasks(mail).count == 1)
        }
    }

    /// With a booking of their own a forger does not make it that of the address.
    @Test func nobodyIsBoundToAnothersBooking() async throws {
        try await withHotel { house async throws in
            try await house.ask("two burgers please", from: mail, sender: forged)
            try await house.ask("HM1002 Byron", from: mail, sender: forged)
            #expect(try await house.tasks(mail).map(\.room) == ["309"])
            try await house.ask("a burger please", from: mail, sender: genuine)
            #expect(try await house.conversation(mail).reservation == "HM1001")
            #expect(try await house.tasks(mail).map(\.room).sorted { ($0 ?? "") < ($1 ?? "") } == ["204", "309"])
        }
    }

    /// What a forger asked for is not done because the guest writes next.
    @Test func theGuestsNextWordsDoNotTakeUpAForgersRequest() async throws {
        try await withHotel { house async throws in
            #expect(try await house.ask("towels please", from: mail, sender: forged).last?.text.contains("Which room") == true)
            try await house.ask("when is breakfast", from: mail, sender: genuine)
            #expect(try await house.tasks(mail).isEmpty)
        }
    }

    @Test func whoProvesTheAddressLaterIsKnownFromThenOn() async throws {
        try await withHotel { house async throws in
            try await house.ask("two burgers please", from: mail, sender: forged)
            try await house.ask("HM1001 Lovelace", from: mail, sender: .proven("the mail answers one that Jack sent to this address"))
            #expect(try await house.conversation(mail).reservation == "HM1001")
            // What was asked for before is not forgotten over it, though nobody had to try the number.
            #expect(try await house.tasks(mail).map(\.description) == ["two burgers please"])
        }
    }

    @Test func aModelIsToldNoStay() async throws {
        try await withHotel { house async throws in
            house.parts.ai.completes { request in
                let results = request.messages.flatMap(\.parts).compactMap { part -> String? in
                    if case .toolResult(_, let content, _) = part { content } else { nil }
                }
                if let told = results.last { return AIResponse(text: "I was told: \(told)", model: "fake", citations: [], confidence: 0.9) }
                return AIResponse(
                    text: "", toolCalls: [AIToolCall(id: "1", name: GuestTools.stay, arguments: [:])], finishReason: .toolCalls, model: "fake")
            }
            let sent = try await house.ask("breakfast when do I leave", from: mail, sender: forged)
            #expect(sent.allSatisfy { !$0.text.contains("2025-09-09") })
            #expect(try await notes(house, "tool").map(\.outcome) == ["refused"])
        }
    }

    // MARK: Danger

    /// Somebody in danger is looked for, whoever vouches for them; who runs there knows how sure it is.
    @Test(arguments: ["there is smoke in my room", "everything is on fire here"])
    func anEmergencyNamesTheRoomAndItsDoubt(text: String) async throws {
        try await withHotel { house async throws in
            try await house.ask(text, from: mail, sender: forged)
            let alert = try #require(try await house.alerts().last { $0.isEmergency })
            #expect(alert.labels["room"] == "204" && alert.labels["room_known_by"] == "stay_unproven" && alert.labels["sender"] == "unproven")
            #expect(alert.summary.contains("room 204 (of the guest with this address; who writes is not proven)"))
            #expect(try await house.tasks(mail).first?.notes?.contains("not proven") == true)
            let conversation = try await house.conversation(mail)
            #expect(conversation.guestID == nil && conversation.reservation == nil && conversation.room == nil)
        }
    }

    @Test func aProvenEmergencyHasNoDoubt() async throws {
        try await withHotel { house async throws in
            try await house.ask("there is smoke in my room", from: mail, sender: genuine)
            let alert = try #require(try await house.alerts().last { $0.isEmergency })
            #expect(alert.labels["room_known_by"] == "stay" && alert.labels["sender"] == nil)
        }
    }
}
