import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

/// News of what somebody was paged for comes in few messages, and none of it is lost.
@Suite struct NewsTests {
    /// Each alert is a group of its own, and is looked at again a minute after.
    private var plan: FakePlan {
        var plan = FakePlan()
        plan.groupBy = .all
        plan.groupWait = .zero
        plan.groupInterval = .seconds(60)
        plan.receivers["team"] = .init(levels: [["sms:ana"]], wait: 100_000, escalates: true)
        return plan
    }

    private var unlimited: OnCallLimits {
        var limits = OnCallLimits()
        (limits.pagesInWindow, limits.floodPages) = (1000, 1000)
        return limits
    }

    @Test(arguments: [false, true]) func fortyEndsWithinAMinuteAreTwoMessagesThatNameEachOfThem(restarts: Bool) async throws {
        try await Night.begin(plan, limits: unlimited, restarts: restarts) { night in
            for number in 1...40 { try await night.post("Slow\(number)", number == 7 ? "critical" : "warning") }
            try await night.pass(to: 30)
            #expect(night.orders.count == 40 && night.orders.allSatisfy { $0.order.verb == .page })
            let codes = Dictionary(
                uniqueKeysWithValues: night.orders.compactMap { placed in
                    placed.order.page.code.flatMap { code in placed.order.page.alerts.first.map { ($0.name, code) } }
                })
            night.expect(Array(repeating: "0:00 page sms:ana", count: 40))
            for number in 1...40 { try await night.post("Slow\(number)", number == 7 ? "critical" : "warning", ended: true) }
            try await night.pass(to: 1000)
            night.expect(["1:00 resolve sms:ana", "2:00 resolve sms:ana"])
            let first = try #require(night.orders.dropLast().last?.order.page), rest = try #require(night.orders.last?.order.page)
            let alone = try #require(first.alerts.first?.name)
            // The one that left by itself, and every other one by its name and its code.
            #expect(first.alerts.count == 1 && first.note == nil)
            for (name, code) in codes where name != alone { #expect(rest.note?.contains("\(name) #\(code)") == true, "\(name)") }
            #expect(rest.alerts.count == 1 && rest.code == nil && codes.count == 40)
            let summary = try #require(rest.alerts.first?.summary)
            #expect(summary.hasPrefix("39 matters: 39 resolved; the most important: "), "\(summary)")
            #expect(alone == "Slow7" || (rest.severity == .critical && summary.contains("Slow7")), "\(summary)")
            #expect(night.core.groups.isEmpty && night.core.codes.isEmpty && night.core.nextDue == nil)
            // Each matter's story says by which message its end was told.
            let told = night.lines.filter { $0.entry.outcome == "told of the end" && $0.entry.reason.contains("as \(rest.id)") }
            #expect(Set(told.map(\.subject)).count == 39)
        }
    }

    @Test(arguments: [false, true]) func whatWaitsAloneIsToldAsItWouldHaveBeen(restarts: Bool) async throws {
        try await Night.begin(plan, restarts: restarts) { night in
            try await night.post("One")
            try await night.post("Two")
            try await night.pass(to: 10)
            _ = try await night.answer(.acknowledge, named: "One", by: "Bob")
            try await night.pass(to: 20)
            _ = try await night.answer(.acknowledge, named: "Two", by: "Bob", note: "the pump is off")
            try await night.pass(to: 69)
            night.expect(["0:00 page sms:ana", "0:00 page sms:ana", "0:10 update sms:ana"])
            #expect(night.reasons("held").contains { $0.contains("acknowledged by Bob: the pump is off") && $0.contains("in 50 s") })
            try await night.pass(to: 200)
            night.expect(["1:10 update sms:ana"])
            let pages = night.orders.map(\.order.page)
            #expect(pages[3].note == "acknowledged by Bob: the pump is off" && pages[3].alerts.map(\.name) == ["Two"])
            #expect(pages[3].groupKey == pages[1].groupKey && pages[3].code == pages[1].code && pages[3].id != pages[1].id)
        }
    }

    @Test(arguments: [false, true]) func theLastNewsOfAMatterCounts(restarts: Bool) async throws {
        try await Night.begin(plan, restarts: restarts) { night in
            for name in ["One", "Two", "Three"] { try await night.post(name) }
            try await night.pass(to: 5)
            for name in ["One", "Two", "Three"] { _ = try await night.answer(.acknowledge, named: name, by: "Bob") }
            _ = try await night.answer(.resolve, named: "Two", by: "Bob")
            try await night.pass(to: 66)
            night.expect(Array(repeating: "0:00 page sms:ana", count: 3) + ["0:05 update sms:ana", "1:05 update sms:ana"])
            let page = try #require(night.orders.last?.order.page)
            #expect(page.alerts.first?.summary.hasPrefix("2 matters: 1 resolved, 1 acknowledged; the most important: ") == true)
            #expect(page.note?.contains("resolved by Bob: Two #") == true && page.note?.contains("acknowledged by Bob: Three #") == true)
            #expect(page.note?.contains("acknowledged by Bob: Two") == false)
        }
    }

    @Test(arguments: [false, true]) func emergenciesAndProgramsWaitForNothing(restarts: Bool) async throws {
        var plan = plan
        plan.receivers["team"] = .init(levels: [["sms:ana", "hook:tickets"]], wait: 100_000, escalates: true)
        try await Night.begin(plan, restarts: restarts) { night in
            for name in ["One", "Two", "Three"] { try await night.post(name) }
            try await night.raise(.own("Gas", .critical, isEmergency: true))
            for name in ["One", "Two", "Three", "Gas"] { _ = try await night.answer(.acknowledge, named: name, by: "Bob") }
            let updates = night.orders.filter { $0.order.verb == .update }
            #expect(updates.count { $0.contact == "hook:tickets" } == 4)
            #expect(updates.filter { $0.contact == "sms:ana" }.flatMap(\.order.page.alerts).map(\.name) == ["One", "Gas"])
        }
    }

    @Test func whoTypesAnAnswerIsToldAtOnceThatItCounts() async throws {
        var plan = plan
        plan.receivers["team"] = .init(levels: [["sms:+351911111111", "sms:+351922222222"]], wait: 100_000, escalates: true)
        try await Night.begin(plan) { night in
            for name in ["One", "Two"] { try await night.post(name) }
            for page in night.orders.filter({ $0.contact == "sms:+351911111111" }).map(\.order.page) {
                let answer = OnCallAnswer(.acknowledge, .code(page.code ?? ""), by: "Ana", way: "reply", sender: "sms|+351911111111")
                #expect(try await night.answer(answer).status == .acknowledged)
            }
            let updates = night.orders.filter { $0.order.verb == .update }
            #expect(updates.map(\.contact).sorted() == ["sms:+351911111111", "sms:+351911111111", "sms:+351922222222"])
            try await night.pass(to: 60)
            #expect(night.orders.last?.contact == "sms:+351922222222" && night.orders.last?.order.page.alerts.map(\.name) == ["Two"])
            #expect(night.orders.count { $0.order.verb == .update } == 4)
        }
    }

    @Test(arguments: [false, true]) func aPageSaysMoreThanTheNewsThatWaits(restarts: Bool) async throws {
        var plan = plan
        plan.groupBy = .labels(["alertname"])
        try await Night.begin(plan, restarts: restarts) { night in
            try await night.post("One")
            try await night.post("Two")
            try await night.pass(to: 5)
            for name in ["One", "Two"] { _ = try await night.answer(.acknowledge, named: name, by: "Bob") }
            // It is worse than what Bob has taken: Two is paged anew, and that he had it is no news any more.
            try await night.post("Two", "critical", labels: ["room": "204"])
            try await night.pass(to: 300)
            night.expect(["0:00 page sms:ana", "0:00 page sms:ana", "0:05 update sms:ana", "0:05 page sms:ana"])
        }
    }

    @Test(arguments: [false, true]) func aFullMessageLeavesAndAWindowOfNoneTellsEachByItself(restarts: Bool) async throws {
        var limits = unlimited
        limits.newsInMessage = 3
        try await Night.begin(plan, limits: limits, restarts: restarts) { night in
            for number in 1...8 { try await night.post("Slow\(number)") }
            for number in 1...8 { _ = try await night.answer(.resolve, named: "Slow\(number)", by: "Bob") }
            #expect(night.orders.count { $0.order.verb == .resolve } == 3, "one by itself, and two messages of three")
            try await night.pass(to: 61)
            let notes = night.orders.filter { $0.order.verb == .resolve }.compactMap { $0.order.page.note ?? $0.order.page.alerts.first?.name }
            for number in 1...8 { #expect(notes.count { $0.contains("Slow\(number)") } == 1) }
        }
        limits.newsWindow = 0
        try await Night.begin(plan, limits: limits, restarts: restarts) { night in
            for number in 1...8 { try await night.post("Slow\(number)") }
            for number in 1...8 { _ = try await night.answer(.resolve, named: "Slow\(number)", by: "Bob") }
            #expect(night.orders.count { $0.order.verb == .resolve } == 8)
        }
    }

    @Test(arguments: [false, true]) func aClockThatGoesBackHoldsNoNewsUp(restarts: Bool) async throws {
        try await Night.begin(plan, restarts: restarts) { night in
            try await night.post("One")
            try await night.post("Two")
            for name in ["One", "Two"] { _ = try await night.answer(.acknowledge, named: name, by: "Bob") }
            try await night.jump(by: -3600)
            try await night.pass(to: -3600 + 61)
            #expect(night.orders.count { $0.order.verb == .update } == 2)
        }
    }

    @Test func aMessageThatDoesNotArriveIsTriedAgainAndSaysWhichSinkFails() async throws {
        try await Night.begin(plan) { night in
            for name in ["One", "Two", "Three"] { try await night.post(name) }
            for name in ["One", "Two", "Three"] { _ = try await night.answer(.acknowledge, named: name, by: "Bob") }
            try await night.pass(to: 61)
            let message = try #require(night.orders.last)
            #expect(message.order.page.id.hasPrefix("page_news_") && night.core.withdrawal(of: message.order, at: night.now) == nil)
            #expect(try await night.fail(message) == false, "the outbox goes on trying")
            #expect(night.core.isInTrouble("sms", at: night.now))
        }
    }
}
