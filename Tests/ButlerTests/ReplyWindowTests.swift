import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

/// A channel that takes free text only for a day after a guest's last message.
@Suite struct ReplyWindowTests {
    private static let day = Duration.seconds(86_400)

    private static var template: ClosedWindowSettings {
        var settings = ClosedWindowSettings()
        settings.template = "answer_ready"
        settings.locale = "en_GB"
        settings.parameters = ["{hotel}", "Re: {text}"]
        return settings
    }

    /// A guest who asked something, so long ago.
    private func withGuest(_ ago: Duration, template: Bool = false, _ body: (House, Conversation) async throws -> Void) async throws {
        try await withHouse({ parts in
            parts.channel.replyWindow = Self.day
            if template { parts.settings.closedWindow = ["channel": Self.template] }
        }) { house async throws in
            try await house.ask("hello")
            house.clock.jumpWall(by: ago)
            try await body(house, try await house.conversation())
        }
    }

    private func delivery(_ house: House) -> MessageDelivery {
        let butler = house.butler
        return MessageDelivery(engine: house.engine, property: PropertyInfo.sample.id, clock: house.clock, dispatcher: house.kernel.dispatcher) {
            butler
        }
    }

    @Test func aColleagueWhoIsTooLateIsToldAtOnce() async throws {
        try await withGuest(Self.day) { house, conversation in
            let before = house.parts.channel.sent.count
            do {
                _ = try await house.butler.staff.reply(to: conversation.id, text: "At seven", by: "Ana")
                Issue.record("it was taken")
            } catch let error as ButlerError {
                #expect(error.code == .conflict)
                #expect(error.message.contains("24 hours") && error.message.contains("butler.closed_window.channel"))
            }
            let now = try await house.conversation()
            #expect(now == conversation, "nothing has changed")
            // The guest writes again: the window is open again.
            try await house.ask("hello?")
            _ = try await house.butler.staff.reply(to: conversation.id, text: "At seven", by: "Ana")
            try await house.settle()
            #expect(house.parts.channel.sent.count > before && house.parts.channel.sent.last?.text == "At seven")
        }
    }

    @Test func withinTheWindowNothingChanges() async throws {
        try await withGuest(Self.day - .seconds(1), template: true) { house, conversation in
            _ = try await house.butler.staff.reply(to: conversation.id, text: "At seven", by: "Ana")
            try await house.settle()
            let sent = try #require(house.parts.channel.sent.last)
            #expect(sent.text == "At seven" && sent.template == nil)
        }
    }

    @Test func theConfiguredTemplateGoesInPlaceOfAReply() async throws {
        try await withGuest(Self.day, template: true) { house, conversation in
            let reply = try await house.butler.staff.reply(to: conversation.id, text: "At {hotel}, seven", by: "Ana")
            try await house.settle()
            let sent = try #require(house.parts.channel.sent.last)
            #expect(sent.id == reply.id)
            let parameters = [PropertyInfo.sample.name, "Re: At {hotel}, seven"]
            #expect(sent.template == MessageTemplate(name: "answer_ready", locale: "en_GB", parameters: parameters))
            let why = try await house.ledger(reply.id)
            #expect(why.contains { $0.step == "staff" && $0.reason.contains("answer_ready") })
            #expect(why.contains { $0.step == "delivery" && $0.outcome == "template" })
        }
    }

    @Test func whatJackWroteIsWithdrawnAndStaffSeeToIt() async throws {
        try await withGuest(Self.day) { house, conversation in
            let reply = try #require(try await house.messages().last { $0.author != .guest })
            let entry = try OutboxEntry.message(
                reply.outbound(to: conversation.peer, answering: nil), through: "channel", at: house.clock.now)
            let before = house.parts.channel.sent.count
            guard case .withdrawn(let reason) = try await delivery(house).deliver(entry) else {
                Issue.record("it was sent")
                return
            }
            #expect(reason.contains("24 hours"))
            #expect(house.parts.channel.sent.count == before)
            #expect(try await house.conversation().state == .escalated)
            #expect(try await house.ledger(reply.id).contains { $0.step == "letter" && $0.outcome == "escalated" })
        }
    }

    /// The window closed while a colleague's reply waited: it was promised, so it is a dead letter.
    @Test func aColleaguesReplyThatCameTooLateIsADeadLetter() async throws {
        try await withGuest(Self.day) { house, conversation in
            let message = OutboundMessage(id: "late", peer: conversation.peer, author: .staff, text: "At seven")
            let entry = try OutboxEntry.message(message, through: "channel", at: house.clock.now)
            do {
                _ = try await delivery(house).deliver(entry)
                Issue.record("it was sent")
            } catch let failure as PluginFailure {
                #expect(failure.disposition == .permanent && failure.reason == .windowClosed)
            }
        }
    }

    @Test func aChannelWithoutAWindowTakesRepliesForever() async throws {
        try await withHouse { house async throws in
            try await house.ask("hello")
            house.clock.jumpWall(by: .seconds(30 * 86_400))
            _ = try await house.butler.staff.reply(to: try await house.conversation().id, text: "At seven", by: "Ana")
            try await house.settle()
            #expect(house.parts.channel.sent.last?.text == "At seven")
        }
    }
}
