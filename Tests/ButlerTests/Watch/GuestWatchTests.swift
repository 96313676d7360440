import Foundation
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

@Suite struct GuestWatchTests {
    /// Lets time pass, and waits until what fell due is done.
    private func pass(_ time: Duration, in house: House) async throws {
        await house.clock.advance(by: time)
        let isDone = try await eventually(within: .seconds(20)) {
            let due = try await house.engine.read { [now = house.clock.now] reader in
                try reader.row(
                    "SELECT COUNT(*) AS n FROM job WHERE kind = :kind AND state = 'waiting' AND run_at <= :now",
                    ["kind": GuestWatch.jobKind.sql, "now": now.sql])?.int("n") ?? 0
            }
            // The queue may have begun to wait for the next job only after the clock was advanced: it waits half a minute at most.
            if due > 0 { await house.clock.advance(by: .seconds(1)) }
            return due == 0
        }
        #expect(isDone, "the watch did not look: \(house.logs.lines(.warning))")
    }

    private func named(_ name: String, in house: House) async throws -> [Alert] { try await house.alerts().filter { $0.name == name } }

    @Test func aGuestWhomNobodyAnswersIsAnAlertAndTheAnswerItsEnd() async throws {
        try await withHouse { house async throws in
            // No words: Jack asks a colleague.
            let id = try await house.write(nil)
            try await house.settle()
            let conversation = try await house.conversation()
            #expect(conversation.state == .escalated)
            try await pass(.seconds(14 * 60), in: house)
            #expect(try await named("GuestUnanswered", in: house).isEmpty)
            try await house.write("hello? 204 here")
            try await house.settle()
            try await pass(.seconds(61), in: house)
            let alert = try #require(try await named("GuestUnanswered", in: house).first)
            #expect(alert.severity == .error && alert.endsAt == nil && alert.annotations["message"] == id)
            #expect(alert.labels["conversation"] == conversation.id && alert.labels["channel"] == "channel")
            #expect(alert.labels["type"] == "guest_unanswered" && alert.labels["severity"] == "error")
            #expect(alert.labels["property"] == PropertyInfo.sample.id && alert.labels["vip"] == nil)
            _ = try await house.butler.staff.move(conversation.id, to: .taken, by: "Rosa")
            #expect(try await named("GuestUnanswered", in: house).first?.endsAt == nil, "that somebody took it is no answer")
            _ = try await house.butler.staff.reply(to: conversation.id, text: "I am on my way", by: "Rosa")
            let ended = try await named("GuestUnanswered", in: house)
            #expect(ended.count == 1 && ended.first?.endsAt == house.clock.now && ended.first?.fingerprint == alert.fingerprint)
            try await pass(.seconds(3600), in: house)
            #expect(try await named("GuestUnanswered", in: house).count == 1)
        }
    }

    @Test func whomJackAnswersDoesNotWait() async throws {
        try await withHouse { house async throws in
            try await house.ask("please bring two towels to 204")
            #expect(try await house.conversation().state == .active)
            try await pass(.seconds(3600), in: house)
            #expect(try await named("GuestUnanswered", in: house).isEmpty)
        }
    }

    @Test func aClosedConversationWaitsNoMore() async throws {
        try await withHouse { house async throws in
            try await house.ask(nil)
            try await pass(.seconds(16 * 60), in: house)
            #expect(try await named("GuestUnanswered", in: house).count == 1)
            _ = try await house.butler.staff.move(try await house.conversation().id, to: .resolved, by: "Rosa")
            let alert = try #require(try await named("GuestUnanswered", in: house).first)
            #expect(alert.endsAt == house.clock.now && alert.summary.contains("resolved"))
        }
    }

    @Test func whoWritesAgainAfterTheAnswerWaitsAnew() async throws {
        try await withHouse { house async throws in
            try await house.ask(nil)
            let id = try await house.conversation().id
            try await pass(.seconds(10 * 60), in: house)
            _ = try await house.butler.staff.reply(to: id, text: "I am on my way", by: "Rosa")
            try await house.ask("and nobody has come")
            try await pass(.seconds(10 * 60), in: house)
            #expect(try await named("GuestUnanswered", in: house).isEmpty, "twenty minutes after the first message, ten after the second")
            try await pass(.seconds(6 * 60), in: house)
            #expect(try await named("GuestUnanswered", in: house).first?.detail == "and nobody has come")
        }
    }

    @Test func itSurvivesARestart() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "jack-watch-\(UUID().uuidString).db")
        defer {
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file.path + suffix) }
        }
        let clock = VirtualClock()
        _ = try await withHouse({
            $0.path = file.path; $0.clock = clock
        }) { house async throws in _ = try await house.ask(nil) }
        clock.jumpWall(by: .seconds(3600))
        _ = try await withHouse({
            $0.path = file.path; $0.clock = clock
        }) { house async throws in
            let isThere = try await eventually(within: .seconds(20)) { try await !named("GuestUnanswered", in: house).isEmpty }
            #expect(isThere, "what fell due while Jack was down is looked at once")
        }
    }

    @Test func aHeldReplyKeepsTheGuestWaiting() async throws {
        try await withHouse({ $0.settings.autonomy.limits = ["request.housekeeping": .hold] }) { house async throws in
            try await house.ask("please bring two towels to 204")
            let held = try #require(try await house.held().first)
            try await pass(.seconds(16 * 60), in: house)
            #expect(try await named("GuestUnanswered", in: house).first?.endsAt == nil)
            #expect(try await named("GuestUnanswered", in: house).count == 1)
            _ = try await house.butler.staff.approve(held.id, by: "Rosa")
            #expect(try await named("GuestUnanswered", in: house).first?.endsAt != nil)
        }
    }

    @Test func aComplaintPastItsTimeIsAnAlertUntilItIsDone() async throws {
        try await withHouse({ $0.settings.watch.unanswered = nil }) { house async throws in
            let staff = house.butler.staff
            try await house.ask("please bring two towels to 204")
            let towels = try #require(try await house.tasks().first)
            var complaint = HotelTask(
                id: "tsk_1", conversationID: towels.conversationID, messageID: towels.messageID, intent: "feedback.complaint",
                department: "front_desk", room: "204", title: "A complaint", description: "the room is dirty", priority: .high,
                dueAt: house.clock.now.addingTimeInterval(1800), createdAt: house.clock.now)
            let (butler, now) = (house.butler, house.clock.now)
            let late = complaint
            try await house.engine.write { transaction in
                try butler.tasks.save(late, at: now, in: transaction)
                try butler.watch?.look(at: late, now: now, in: transaction)
            }
            try await pass(.seconds(29 * 60), in: house)
            #expect(try await named("GuestComplaintSLA", in: house).isEmpty)
            try await pass(.seconds(90), in: house)
            let alert = try #require(try await named("GuestComplaintSLA", in: house).first)
            #expect(alert.labels["type"] == "complaint_sla" && alert.labels["room"] == "204" && alert.labels["task"] == "tsk_1")
            #expect(alert.severity == .critical && alert.detail == "the room is dirty" && alert.labels["conversation"] == towels.conversationID)
            complaint = try await staff.move(task: "tsk_1", to: .inProgress, by: "Rosa")
            #expect(try await named("GuestComplaintSLA", in: house).first?.endsAt == nil)
            _ = try await staff.move(task: "tsk_1", to: .done, by: "Rosa")
            #expect(try await named("GuestComplaintSLA", in: house).first?.endsAt == house.clock.now)
            try await pass(.seconds(7200), in: house)
            #expect(try await named("GuestComplaintSLA", in: house).count == 1, "towels are no complaint")
        }
    }

    @Test func aLongQueueIsAnAlertOnceAndOverWhenItIsShort() async throws {
        try await withHouse({ $0.settings.watch.escalationQueue = 3 }) { house async throws in
            for number in 1...5 {
                try await house.ask(nil, from: PeerAddress(.session, "g\(number)"))
                #expect(try await named("EscalationQueue", in: house).count == (number > 3 ? 1 : 0), "\(number)")
            }
            #expect(try await house.butler.watch?.escalationQueue() == 5)
            for number in 1...3 {
                let id = try await house.conversation(PeerAddress(.session, "g\(number)")).id
                _ = try await house.butler.staff.move(id, to: .taken, by: "Rosa")
                #expect(try await named("EscalationQueue", in: house).first?.endsAt == (number < 3 ? nil : house.clock.now), "\(number)")
            }
        }
    }

    @Test func anEmergencyCarriesWhatRoutesIt() async throws {
        try await withHouse { house async throws in
            try await house.ask("there is smoke in my room 204!")
            let labels = try #require(try await named("GuestEmergency", in: house).first).labels
            let conversation = try await house.conversation().id
            #expect(labels["type"] == "guest_emergency" && labels["severity"] == "critical" && labels["property"] == PropertyInfo.sample.id)
            #expect(labels["room"] == "204" && labels["channel"] == "channel" && labels["conversation"] == conversation)
        }
    }
}
