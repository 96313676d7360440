import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

/// What must wake somebody although something else has been told, passed on, answered or lost.
@Suite struct WakingTests {
    // MARK: Something new while something is open

    @Test(arguments: [false, true]) func aNewCriticalPagesThoseAgainWhoHaveTheOthers(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Fire", "critical", labels: ["room": "204"])
            try await night.pass(to: 310)
            night.expect(["0:00 page sms:ana", "5:00 page sms:bob"])
            try await night.post("Fire", "critical", labels: ["room": "305"])
            night.expect(["5:10 page sms:ana", "5:10 page sms:bob"])
            #expect(night.orders.last?.order.page.alerts.compactMap { $0.labels["room"] }.sorted() == ["204", "305"])
            // The levels go on as they were.
            try await night.pass(to: 700)
            night.expect(["10:00 page phone:chief"])
        }
    }

    @Test(arguments: [false, true]) func anAnswerToOneIsNoneToTheNext(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Fire", "critical", labels: ["room": "204"])
            try await night.pass(to: 20)
            _ = try await night.acknowledge()
            night.expect(["0:00 page sms:ana", "0:20 update sms:ana"])
            try await night.pass(to: 60)
            try await night.post("Fire", "critical", labels: ["room": "305"])
            try await night.pass(to: 400)
            night.expect(["1:00 page sms:ana", "6:00 page sms:bob"])
        }
    }

    @Test func whatIsNotCriticalWaitsForTheGroup() async throws {
        try await Night.begin { night in
            try await night.post("Slow", "warning", labels: ["room": "204"])
            try await night.pass(to: 40)
            _ = try await night.acknowledge()
            night.expect(["0:30 page sms:ana", "0:40 update sms:ana"])
            try await night.post("Slow", "warning", labels: ["room": "305"])
            try await night.pass(to: 330)
            night.expect(["5:30 update sms:ana"])
        }
    }

    @Test func manyNewOnesAreOnePageASecond() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical", labels: ["room": "1"])
            for room in 2...50 { try await night.post("Fire", "critical", labels: ["room": "\(room)"]) }
            try await night.pass(to: 5)
            night.expect(["0:00 page sms:ana", "0:01 page sms:ana"])
        }
    }

    // MARK: Nobody answers

    @Test(arguments: [false, true]) func anEmergencyThatNobodyAnswersGoesRound(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.raise(.own("Smoke", .critical, isEmergency: true))
            try await night.pass(to: 910)
            night.expect(["0:00 page sms:ana", "5:00 page sms:bob", "10:00 page phone:chief", "15:00 page sms:ana"])
        }
    }

    // MARK: The line is down

    @Test(arguments: [false, true]) func aRoundThatReachesNobodyBeginsAgainSoon(restarts: Bool) async throws {
        var plan = FakePlan()
        plan.places = [.init(matchers: [LabelMatcher("alertname", .equal, "Fire")], receiver: "team"), .init(receiver: "desk")]
        plan.receivers["desk"] = .init(levels: [["log:desk"]], escalates: false)
        try await Night.begin(plan, restarts: restarts) { night in
            func failAll() async throws {
                for _ in 0..<3 {
                    let last = try #require(night.orders.last { $0.order.verb == .page && $0.instance != "log" })
                    try await night.fail(last)
                }
            }
            try await night.post("Fire", "critical")
            try await failAll()
            // Which sink fails is told as well, by a way that works.
            #expect(night.orders.filter { $0.instance == "log" }.flatMap(\.order.page.alerts).contains { $0.name == "NobodyReached" })
            let pages = {
                night.orders.filter { $0.instance != "log" }.map(\.at.timeIntervalSince1970).map { Int($0) - Int(Night.start.timeIntervalSince1970) }
            }
            #expect(pages() == [0, 0, 0])
            try await night.pass(to: 30)
            #expect(pages() == [0, 0, 0, 30])
            try await failAll()
            try await night.pass(to: 89)
            #expect(pages().count == 6)
            try await night.pass(to: 90)
            #expect(pages().suffix(1) == [90])
            // The line is back: the first page arrives, and the levels follow as planned.
            let last = try #require(night.orders.last { $0.instance != "log" })
            try await night.deliver(last)
            try await night.pass(to: 391)
            #expect(pages().suffix(2) == [90, 390])
            #expect(night.views([LabelMatcher("alertname", .equal, "NobodyReached")]).isEmpty)
        }
    }

    @Test func aPageThatIsTriedForLongYieldsToTheNewerOne() async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.levels = [["sms:ana"]]
        try await Night.begin(plan) { night in
            try await night.post("Fire", "critical")
            let first = try #require(night.orders.first)
            #expect(try await night.fail(first) == false, "the outbox goes on trying")
            #expect(night.core.withdrawal(of: first.order, at: night.now) == nil)
            try await night.pass(to: 30)
            let second = try #require(night.orders.last { $0.contact == "sms:ana" })
            #expect(second.order.page.id != first.order.page.id)
            #expect(night.core.withdrawal(of: first.order, at: night.now)?.contains("later page") == true)
            #expect(night.core.withdrawal(of: second.order, at: night.now) == nil)
        }
    }

    @Test func whoWasReachedLateIsToldOfTheEnd() async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.levels = [["sms:ana", "sms:bob"]]
        try await Night.begin(plan) { night in
            try await night.post("Fire", "critical")
            let first = try #require(night.orders.first)
            try await night.fail(first)
            try await night.deliver(first)
            try await night.post("Fire", "critical", ended: true)
            try await night.pass(to: 301)
            #expect(night.orders.filter { $0.order.verb == .resolve }.map(\.contact).sorted() == ["sms:ana", "sms:bob"])
        }
    }

    // MARK: Passing on

    @Test(arguments: [false, true]) func whoPassesOnWhatTheyTookIsNotPagedAgain(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Fire", "critical")
            try await night.pass(to: 120)
            _ = try await night.acknowledge()
            try await night.pass(to: 240)
            let passed = try await night.answer(.escalate, named: "Fire").outcome
            #expect(passed?.status == .escalated)
            night.expect(["0:00 page sms:ana", "2:00 update sms:ana", "4:00 page sms:bob"])
            // A doubled tap is one.
            #expect(try await night.answer(.escalate, named: "Fire").outcome?.status == .already)
            night.expect([])
            try await night.pass(to: 541)
            night.expect(["9:00 page phone:chief"])
        }
    }

    @Test func whereNobodyComesNextThatIsSaid() async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.levels = [["sms:ana"]]
        plan.receivers["team"]?.escalates = false
        try await Night.begin(plan) { night in
            try await night.post("Fire", "critical")
            let passed = try await night.answer(.escalate, named: "Fire").outcome
            #expect(passed?.status == .already && passed?.text.contains("nobody comes after you") == true)
            night.expect(["0:00 page sms:ana"])
        }
    }

    // MARK: Clocks and labels

    @Test func aClockThatWasPutBackWhileNobodyWatchedHoldsNobodyUp() async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.levels = [["sms:ana", "phone:ana@120"], ["sms:bob"]]
        try await Night.begin(plan, restarts: true) { night in
            try await night.post("Fire", "critical")
            try await night.raise(.own("Over", .critical))
            try await night.raise(.own("Over", .critical, ended: true))
            night.putBack(by: 7200)
            // Whatever happens next is written, and read by the clock of now.
            try await night.post("Other", "info")
            try await night.pass(to: -7200 + 160)
            #expect(
                night.orders.contains { $0.contact == "phone:ana" && $0.order.page.alerts.contains { $0.name == "Fire" } },
                "\(night.orders.map { "\($0.at) \($0.order.verb) \($0.contact) \($0.order.page.alerts.map(\.name)) \($0.order.page.reason)" })")
            #expect(night.views([LabelMatcher("alertname", .equal, "Over")]).isEmpty)
        }
    }

    @Test func aLabelFromOutsideSwitchesNoSinkOff() async throws {
        try await Night.begin { night in
            try await night.raise(.own("Fire", .critical, labels: ["instance": "sms"]))
            night.expect(["0:00 page sms:ana"])
        }
    }

    @Test func aBundleIsLookedAtAgainWhenItLeaves() async throws {
        var limits = OnCallLimits()
        limits.pagesInWindow = 1
        try await Night.begin(limits: limits) { night in
            for name in ["One", "Two", "Three"] { try await night.post(name, "error") }
            try await night.pass(to: 631)
            let bundle = try #require(night.orders.last { $0.order.page.id.hasPrefix("page_bundle_") && $0.order.verb == .page })
            #expect(night.core.withdrawal(of: bundle.order, at: night.now) == nil)
            for name in ["One", "Two", "Three"] { _ = try await night.answer(.acknowledge, named: name) }
            #expect(night.core.withdrawal(of: bundle.order, at: night.now)?.contains("acknowledged") == true)
        }
    }

    @Test func whoTypesAnAnswerToWhatIsOverIsToldSo() async throws {
        try await Night.begin { night in
            try await night.answer(
                OnCallAnswer(.acknowledge, .code("999999"), by: "ana", way: "through sms", sender: "sms|ana"))
            var core = night.core
            let outcome = AnswerOutcome(status: .over, text: "it is over already")
            core.reply(outcome, to: "+351911111111", through: "sms", at: night.now)
            #expect(core.drain().orders.isEmpty, "a stranger gets no text from us")
            var plan = FakePlan()
            plan.receivers["team"]?.levels = [["sms:+351911111111"]]
            core.change(to: plan, at: night.now)
            core.reply(outcome, to: "+351 911 111 111", through: "sms", at: night.now)
            let reply = try #require(core.drain().orders.first)
            #expect(reply.order.verb == .update && reply.order.page.recipient == "+351911111111")
            #expect(reply.order.page.alerts.first?.summary == "it is over already")
        }
    }
}
