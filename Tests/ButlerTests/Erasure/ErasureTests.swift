import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

/// What a guest said can be taken out of Jack, whole, and not while somebody still has to read it.
@Suite struct ErasureTests {
    private static let peer = PeerAddress(.phone, "+15550001111")

    /// Tables in which some column of some row holds a word, as text or as bytes.
    private func tables(holding word: String, _ house: House) async throws -> Set<String> {
        try await house.engine.read { reader in
            let names = try reader.rows("SELECT name FROM sqlite_master WHERE type = 'table'").map { try $0.string("name") }
            return Set(
                try names.filter { table in
                    let columns = try reader.rows("SELECT name FROM pragma_table_info(:table)", ["table": table.sql]).map { try $0.string("name") }
                    let any = columns.map { "INSTR(CAST(\"\($0)\" AS BLOB), CAST(:word AS BLOB)) > 0" }.joined(separator: " OR ")
                    return try reader.row("SELECT 1 AS found FROM \"\(table)\" WHERE \(any) LIMIT 1", ["word": word.sql]) != nil
                })
        }
    }

    private func refusal(_ house: House, _ id: String, unless open: ConversationEraser.Objection = { _ in nil }) async -> String? {
        do {
            _ = try await house.butler.eraser.erase(conversation: id, by: "Ana", unless: open)
            return nil
        } catch let error as ButlerError where error.code == .conflict {
            return error.message
        } catch {
            return "not a conflict: \(error)"
        }
    }

    private func erase(_ id: String, _ house: House) async throws -> ErasureReport {
        try await house.butler.eraser.erase(conversation: id, by: "Ana") { _ in nil }
    }

    private func expectNoAlertsWaiting(_ house: House) async throws {
        #expect(try await eventually(within: .seconds(60)) { try await house.alerts().isEmpty })
    }

    private func takesNotices(_ parts: inout House.Parts) {
        parts.notify.url = "https://hooks.example.com/jack"
        parts.notify.secret = Secret("0123456789abcdef0123456789abcdef")
        parts.http = ScriptedHTTPClient { _ in ClientResponse(status: .ok) }
    }

    /// A guest of the house who orders, asks, sends a file, is not reached once, and is answered by a colleague; all with one word in it.
    private func liveThroughAStay(_ house: House) async throws -> Conversation {
        house.kernel.alerts.route { _ in }
        house.parts.pms.knows([.stay("HM1", "Lovelace", room: "204", phone: Self.peer.value)])
        house.parts.ai.answers("The zanzibar answer.", confidence: 0.9)
        house.parts.channel.has("a", .success(MediaContent(bytes: Array("zanzibar".utf8), mimeType: "text/plain")))
        try await house.ask("towels please, zanzibar", from: Self.peer)
        let picture = MediaReference(kind: .document, reference: "a", mimeType: "text/plain", fileName: "zanzibar.txt", caption: "zanzibar")
        let asked = try await house.write("when is the zanzibar breakfast", from: Self.peer, media: [picture])
        try await house.settle()
        let isFetched = try await eventually(within: .seconds(60)) {
            try await house.engine.read { [attachments = house.butler.attachments] in
                try attachments.list(of: asked, in: $0).first?.state == .stored
            }
        }
        #expect(isFetched)
        house.parts.channel.fail(with: .permanent(.unknownRecipient, "no such address"))
        try await house.ask("and when is the zanzibar lunch", from: Self.peer)
        house.parts.channel.fail(with: nil)
        let id = try await house.conversation(Self.peer).id
        _ = try await house.butler.staff.reply(to: id, text: "At zanzibar, dear guest", by: "Ana")
        _ = try await house.butler.staff.move(id, to: .resolved, by: "Ana")
        let payload = Array(#"{"alerts":[{"detail":"zanzibar","labels":{"conversation":"\#(id)"}}]}"#.utf8)
        let outbox = house.kernel.outbox, now = house.clock.now
        try await house.engine.write { transaction in
            try outbox.enqueue(
                OutboxEntry(id: "page_1", instance: "channel", kind: .page, lane: "pages", payload: payload, createdAt: now), in: transaction)
            // As where nobody could read an event.
            try transaction.run("UPDATE inbox SET state = 'dead', error = 'zanzibar', died_at = received_at WHERE id = :id", ["id": asked.sql])
        }
        try await house.settle()
        try await expectNoAlertsWaiting(house)
        return try await house.conversation(Self.peer)
    }

    @Test func noTableHoldsAWordOfADeletedConversation() async throws {
        try await withHouse({ takesNotices(&$0) }) { house async throws in
            let conversation = try await liveThroughAStay(house), tasks = try await house.tasks(Self.peer)
            let before = try await tables(holding: "zanzibar", house)
            #expect(before.isSuperset(of: ["message", "inbox", "outbox", "task", "attachment", "attachment_content"]), "\(before)")
            #expect(try await tables(holding: Self.peer.value, house).isSuperset(of: ["conversation", "inbox", "outbox", "conversation_change"]))

            let report = try await erase(conversation.id, house)
            #expect(report.conversations == 1 && report.messages == 7 && report.attachments == 1 && report.tasks == 1)
            try await house.settle()
            try await expectNoAlertsWaiting(house)
            #expect(try await tables(holding: "zanzibar", house).isEmpty)
            #expect(try await tables(holding: Self.peer.value, house) == ["guest"], "who the guest is goes with the guest")

            // What is to be done stays, and what happened is said in one line.
            let task = try #require(try await house.tasks().first)
            #expect(task.id == tasks.first?.id && task.title == tasks.first?.title && task.room == "204" && task.conversationID == nil)
            #expect(task.description.isEmpty && task.notes == nil)
            let lines = try await house.ledger(conversation.id)
            #expect(lines.map(\.step) == ["erasure"] && lines.first?.reason.hasPrefix("Ana deleted the conversation: 7 messages, 1 file") == true)
            let letters = house.kernel.letters
            let left = try await house.engine.read { try letters.list(limit: 10, in: $0) }
            #expect(left.map(\.id) == ["page_1"], "a page's state is on call's")
            #expect(await refusal(house, conversation.id)?.hasPrefix("not a conflict") == true)
        }
    }

    @Test func whoIsToldOfChangesIsToldLastThatItIsGone() async throws {
        try await withHouse({ takesNotices(&$0) }) { house async throws in
            let conversation = try await liveThroughAStay(house)
            _ = try await erase(conversation.id, house)
            try await house.settle()
            let told = try house.parts.http.requests.map { try JSONDecoder().decode(JSONValue.self, from: Data($0.body)) }
            #expect(told.first?["changeType"]?.stringValue == "created" && told.count(where: { $0["changeType"]?.stringValue == "deleted" }) == 1)
            let last = try #require(told.last)
            #expect(last["changeType"]?.stringValue == "deleted" && last["after"] == .null)
            #expect(last["before"]?["id"]?.stringValue == conversation.id && last["before"]?["state"]?.stringValue == "resolved")
            let history = try await house.engine.read { [conversations = house.butler.conversations] in
                try conversations.history(of: conversation.id, in: $0)
            }
            #expect(history.map(\.change) == ["deleted"] && history.first?.before == .none)
        }
    }

    @Test func whoWritesAgainBeginsAnew() async throws {
        try await withHouse { house async throws in
            try await house.ask("when is breakfast")
            let before = try await house.conversation()
            _ = try await erase(before.id, house)
            #expect(try await house.butler.transcript("channel", with: .guest, limit: 10).isEmpty)
            #expect(try await house.ask("when is lunch").count == 1)
            #expect(try await house.conversation().id != before.id)
            #expect(try await house.messages().count == 2)
        }
    }

    @Test func anEmergencyIsDealtWithFirst() async throws {
        try await withHouse { house async throws in
            try await house.ask("there is smoke in my room")
            let id = try await house.conversation().id
            #expect(await refusal(house, id)?.contains("waits for a human") == true)
            _ = try await house.butler.staff.move(id, to: .taken, by: "Ana")
            let task = try #require(try await house.tasks().first)
            #expect(await refusal(house, id)?.contains(task.id) == true)
            _ = try await house.butler.staff.move(task: task.id, to: .done, by: "Ana")
            #expect(await refusal(house, id)?.contains("has not reached on call") == true)
            house.kernel.alerts.route { _ in }
            try await expectNoAlertsWaiting(house)
            #expect(await refusal(house, id, unless: { _ in "nobody has acknowledged it" })?.contains("nobody has acknowledged it") == true)
            #expect(try await house.messages().count == 2, "nothing has gone so far")
            #expect(await refusal(house, id) == nil)
            #expect(try await house.tasks().map(\.description) == [""])
        }
    }

    @Test func whatIsBeingDealtWithIsNotDeleted() async throws {
        try await withHouse { house async throws in
            try await house.ask("when is breakfast")
            let id = try await house.conversation().id, asked = house.parts.ai.gate.arrived
            house.parts.ai.gate.close()
            try await house.write("and when is lunch")
            #expect(await eventually { house.parts.ai.gate.arrived > asked })
            #expect(await refusal(house, id)?.contains("being dealt with") == true)
            house.parts.ai.gate.open()
            try await house.settle()
            #expect(await refusal(house, id) == nil)
        }
    }

    @Test func whatWaitsToLeaveLeavesNoMore() async throws {
        try await withHouse { house async throws in
            house.parts.channel.fail(with: .notReady(.unreachable, "the vendor is down"))
            try await house.write("when is breakfast")
            let isWaiting = try await eventually(within: .seconds(60)) {
                try await house.engine.read { try $0.row("SELECT id FROM outbox WHERE state = 'queued' AND error IS NOT NULL") } != nil
            }
            #expect(isWaiting)
            _ = try await erase(try await house.conversation().id, house)
            house.parts.channel.fail(with: nil)
            await house.clock.advance(by: .seconds(1000))
            try await house.settle()
            #expect(house.parts.channel.sent.isEmpty)
            let letters = house.kernel.letters
            let left = try await house.engine.read { try letters.list(limit: 10, in: $0) }
            #expect(left.isEmpty)
        }
    }

    // MARK: Guests

    @Test func aGuestGoesWithAllConversationsOrNotAtAll() async throws {
        try await withHouse { house async throws in
            let mail = PeerAddress(.email, "ada@example.com")
            house.parts.pms.knows([.stay("HM1", "Lovelace", room: "204", phone: Self.peer.value, email: mail.value)])
            try await house.ask("when is the zanzibar breakfast", from: Self.peer)
            try await house.ask("when is the zanzibar lunch", from: mail)
            try await house.ask("when is dinner")
            let guest = try #require(try await house.conversation(Self.peer).guestID), other = try await house.conversation(mail)
            #expect(other.guestID == guest)
            _ = try await house.butler.staff.move(other.id, to: .escalated, by: "Ana")
            let eraser = house.butler.eraser
            #expect(await ButlerTests.refusal { try await eraser.erase(guest: guest, by: "Ana") { _ in nil } } == .conflict)
            #expect(try await house.messages(Self.peer).count == 2, "all or nothing")

            _ = try await house.butler.staff.move(other.id, to: .resolved, by: "Ana")
            #expect(try await eraser.erase(guest: guest, by: "Ana") { _ in nil }.conversations == 2)
            for word in ["zanzibar", "Lovelace", Self.peer.value, mail.value] { #expect(try await tables(holding: word, house).isEmpty, "\(word)") }
            #expect(try await house.messages().count == 2, "another guest's")
            #expect(await ButlerTests.refusal { try await eraser.erase(guest: guest, by: "Ana") { _ in nil } } == .notFound)
            #expect(try await house.ledger(guest).map(\.outcome) == ["erased"])
        }
    }

    // MARK: Retention

    @Test func whatIsOldEnoughGoesAndWhatIsOpenStays() async throws {
        try await withHouse({ $0.settings.retention.conversations = .seconds(30 * 86_400) }) { house async throws in
            func guest(_ name: String) -> PeerAddress { PeerAddress(.session, name) }
            house.parts.pms.knows([.stay("HM1", "Lovelace", room: "204", phone: Self.peer.value)])
            try await house.ask("when is breakfast", from: Self.peer)
            try await house.ask("when is breakfast", from: guest("old"))
            try await house.ask("there is smoke in my room", from: guest("open"))
            let open = try await house.conversation(guest("open"))
            _ = try await house.butler.staff.move(open.id, to: .taken, by: "Ana")
            try await house.ask("I want to complain", from: guest("waiting"))
            _ = try await house.butler.staff.move(try await house.conversation(guest("waiting")).id, to: .escalated, by: "Ana")
            house.clock.jumpWall(by: .seconds(20 * 86_400))
            try await house.ask("when is breakfast", from: guest("young"))
            #expect(try await house.butler.eraser.keepHouse { _ in nil } == 0)
            house.clock.jumpWall(by: .seconds(11 * 86_400))
            #expect(try await house.butler.eraser.keepHouse { _ in nil } == 2)
            let left = try await house.engine.read { [butler = house.butler] in try butler.conversations.list(limit: 10, in: $0).map(\.peer.value) }
            #expect(Set(left) == ["open", "waiting", "young"])
            let guests = try await house.engine.read { [butler = house.butler] in try butler.guests.list(limit: 10, in: $0) }
            #expect(guests.isEmpty)
            #expect(try await house.butler.eraser.keepHouse { _ in nil } == 0)
        }
    }

    @Test func nothingGoesByItselfUnlessTheHotelSaysSo() async throws {
        try await withHouse { house async throws in
            try await house.ask("when is breakfast")
            house.clock.jumpWall(by: .seconds(400 * 86_400))
            #expect(try await house.butler.eraser.keepHouse { _ in nil } == 0)
            #expect(try await house.messages().count == 2)
        }
    }

    @Test func aRetentionOfHoursIsAMistake() {
        var settings = RetentionSettings(), report = ValidationReport()
        settings.conversations = .seconds(3600)
        settings.check(&report)
        #expect(report.findings.map(\.key) == ["conversations"])
    }
}
