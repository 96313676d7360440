import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

@Suite struct EmergencyTests {
    private func replies(_ rule: String) throws -> [String: String] {
        try #require(try SampleHotel.catalogs().safety.safety.first { $0.id == rule }).reply
    }

    @Test func itAlertsHandsOverMakesATaskAndAnswers() async throws {
        try await withHouse { house async throws in
            let id = try await house.write("there is smoke in my room 204!")
            try await house.settle()
            let alert = try #require(try await house.alerts().first)
            #expect(alert.isEmergency && alert.severity == .critical)
            #expect(alert.summary.contains("204") && alert.detail == "there is smoke in my room 204!")
            #expect(alert.labels["room"] == "204" && alert.labels["category"] == "fire" && alert.annotations["message"] == id)
            #expect(try await house.conversation().state == .escalated)
            let task = try #require(try await house.tasks().first)
            #expect(task.priority == .urgent && task.department == "security" && task.room == "204")
            #expect(task.dueAt == house.clock.now.addingTimeInterval(15 * 60))
            let replies = try replies("fire")
            #expect(house.parts.channel.sent.map(\.text) == [replies["en"]])
            #expect(house.parts.ai.requests.isEmpty)
            #expect(try await house.ledger(id).contains { $0.step == "safety" && $0.rule == "hotel/safety.yaml" && $0.reason.contains("smoke") })
        }
    }

    @Test func itIsHeardWhileAColleagueHoldsTheConversation() async throws {
        try await withHouse { house async throws in
            try await house.ask("please bring two towels to 204")
            _ = try await house.butler.staff.move(try await house.conversation().id, to: .taken, by: "Rosa")
            house.clock.jumpWall(by: .seconds(5))
            let sent = try await house.ask("I can't breathe")
            let replies = try replies("medical")
            #expect(sent.map(\.text) == [replies["en"]])
            #expect(try await house.alerts().count == 1)
            #expect(try await house.tasks().contains { $0.priority == .urgent })
            let conversation = try await house.conversation()
            #expect(conversation.state == .taken && conversation.assignedTo == "Rosa")
        }
    }

    @Test func everyMessageOfAnEmergencyIsAnAlertOfItsOwn() async throws {
        try await withHouse { house async throws in
            try await house.ask("fire in the kitchen")
            try await house.ask("there is smoke everywhere")
            #expect(try await house.alerts().count == 2)
            #expect(house.parts.channel.sent.count == 2)
        }
    }

    @Test func whoWritesForTheFirstTimeIsAnsweredInTheirLanguage() async throws {
        try await withHouse { house async throws in
            let replies = try replies("fire")
            #expect(try await house.ask("Es brennt im Flur!", locale: "en-GB").map(\.text) == [replies["de"]])
            #expect(try await house.conversation().language == "de")
            #expect(try await house.ask("fuego", from: PeerAddress(.session, "b")).map(\.text) == [replies["es"]])
        }
    }

    @Test func thePageNamesTheGuestThatThePMSKnows() async throws {
        try await withHouse({ $0.pms.knows([.stay("HM1", "Lovelace", room: "309", phone: "+15550001")]) }) { house async throws in
            try await house.ask("my husband collapsed, please help", from: PeerAddress(.phone, "+15550001"))
            let alert = try #require(try await house.alerts().first)
            #expect(alert.labels["room"] == "309" && alert.labels["guest"] == "Ada Lovelace")
        }
    }

    @Test func itDoesNotWaitForAPMSThatHangs() async throws {
        try await withHouse { house async throws in
            house.parts.pms.gate.close()
            try await house.write("there is smoke in my room 204")
            #expect(await eventually(within: .seconds(60)) { house.parts.pms.gate.arrived > 0 })
            await house.clock.advance(by: .seconds(2))
            try await house.settle()
            // The guest said where it burns; that no PMS confirms it the page says too.
            #expect(try await house.alerts().first?.summary.hasSuffix("room 204 as the guest writes, not checked") == true)
            #expect(try await house.alerts().first?.labels["room"] == "204")
            #expect(house.parts.channel.sent.count == 1)
        }
    }

    @Test func aPMSThatIsDownStopsNoEmergency() async throws {
        try await withHouse { house async throws in
            house.parts.pms.fails(with: .notReady(.unreachable, "no line"))
            #expect(try await house.ask("fire").count == 1)
            #expect(try await house.alerts().count == 1)
        }
    }

    @Test func theCaptionOfAPictureIsReadToo() async throws {
        try await withHouse { house async throws in
            try await house.write(nil, media: [MediaReference(kind: .image, reference: "1", caption: "smoke in the corridor")])
            try await house.settle()
            #expect(try await house.alerts().count == 1)
        }
    }

    @Test func whatOnlyTheClassifierUnderstandsIsAsUrgent() async throws {
        try await withHouse { house async throws in
            house.parts.ai.classifies { _ in Classification(ranked: [.init(label: "emergency", confidence: 0.9)], language: "en") }
            try await house.ask("something dreadful is going on up here")
            #expect(try await house.alerts().first?.isEmergency == true)
            #expect(try await house.conversation().state == .escalated)
        }
    }

    @Test func whoWantsNoMessagesIsWarnedAllTheSame() async throws {
        try await withHouse { house async throws in
            _ = try await house.kernel.inbox.accept("channel", [InboundEvent(vendorID: "stop", peer: .guest, .consent(false))])
            try await house.settle()
            #expect(try await house.ask("please bring two towels to 204").isEmpty)
            #expect(try await house.ask("fire in the corridor").count == 1)
        }
    }
}
