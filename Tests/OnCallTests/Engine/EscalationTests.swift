import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

@Suite struct EscalationTests {
    private let fire = "critical"

    @Test(arguments: [false, true]) func levelsFollowUntilSomebodyAnswers(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Fire", fire)
            try await night.pass(to: 3000)
            night.expect(["0:00 page sms:ana", "5:00 page sms:bob", "10:00 page phone:chief"])
            #expect(night.orders.map(\.order.page.level) == [1, 2, 3])
            #expect(night.orders[1].order.page.reason.contains("oncall.yaml:22"))
            #expect(night.lines.contains { $0.entry.outcome == "paged" && $0.entry.rule == "oncall.yaml:22" })
            // Nobody answered: all of it begins again after repeat_interval.
            try await night.pass(to: 600 + 14_400 + 10)
            night.expect(["250:00 page sms:ana"])
        }
    }

    @Test(arguments: [false, true]) func anEmptyLevelIsNotWaitedFor(restarts: Bool) async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.levels = [[], ["sms:bob"]]
        try await Night.begin(plan, restarts: restarts) { night in
            try await night.post("Fire", fire)
            night.expect(["0:00 page sms:bob"])
            #expect(night.reasons("passed over").contains("nobody is on call"))
        }
    }

    @Test func whereNobodyIsReachedThatIsAnAlert() async throws {
        var plan = FakePlan()
        plan.places = [.init(matchers: [LabelMatcher("alertname", .equal, "NobodyReached")], receiver: "desk"), .init(receiver: "team")]
        plan.receivers["team"]?.levels = [[], []]
        plan.receivers["desk"] = .init(levels: [["log:desk"]], escalates: false)
        try await Night.begin(plan) { night in
            try await night.post("Fire", fire)
            night.expect(["0:00 page log:desk"])
            #expect(night.reasons("nobody").count > 0)
        }
        // Where that reaches nobody either, it ends there.
        plan.receivers["desk"]?.levels = [[]]
        try await Night.begin(plan) { night in
            try await night.post("Fire", fire)
            try await night.pass(to: 2000)
            night.expect([])
        }
    }

    @Test(arguments: [false, true]) func aPersonsOwnRulesGoOnWithinALevel(restarts: Bool) async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.levels = [["sms:ana", "phone:ana@120"], ["sms:bob"]]
        try await Night.begin(plan, restarts: restarts) { night in
            try await night.post("Fire", fire)
            try await night.pass(to: 400)
            night.expect(["0:00 page sms:ana", "2:00 page phone:ana", "5:00 page sms:bob"])
        }
    }

    @Test(arguments: [false, true]) func anAnswerHoldsAllUntilItsTimeIsOver(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Fire", fire)
            try await night.pass(to: 301)
            night.expect(["0:00 page sms:ana", "5:00 page sms:bob"])
            let outcome = try await night.acknowledge(by: "Bob")
            #expect(outcome.status == .acknowledged)
            night.expect(["5:01 update sms:ana", "5:01 update sms:bob"])
            #expect(night.orders.last?.order.page.note == "acknowledged by Bob")
            #expect(try await night.acknowledge(by: "Ana").status == .already)
            try await night.pass(to: 301 + 1799)
            night.expect([])
            try await night.pass(to: 301 + 1801)
            night.expect(["35:01 page sms:ana"])
            #expect(night.orders.last?.order.page.reason.contains("acknowledged by Bob") == true)
            try await night.post("Fire", fire, ended: true)
            try await night.pass(to: 2500)
            night.expect(["40:00 resolve sms:bob", "40:00 resolve sms:ana"])
            try await night.pass(to: 40_000)
            night.expect([])
        }
    }

    @Test func whatEndsMeanwhileIsNotEscalated() async throws {
        try await Night.begin { night in
            try await night.post("Fire", fire)
            try await night.pass(to: 100)
            try await night.post("Fire", fire, ended: true)
            try await night.pass(to: 1000)
            night.expect(["0:00 page sms:ana", "5:00 resolve sms:ana"])
        }
    }

    @Test(arguments: [false, true]) func newAlertsAreNewsAndWorseOnesArePages(restarts: Bool) async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.wait = 100_000
        try await Night.begin(plan, restarts: restarts) { night in
            try await night.post("Fire", "warning", labels: ["room": "1"])
            try await night.pass(to: 40)
            night.expect(["0:30 page sms:ana"])
            try await night.post("Fire", "warning", labels: ["room": "2"])
            try await night.pass(to: 340)
            night.expect(["5:30 update sms:ana"])
            try await night.pass(to: 400)
            _ = try await night.acknowledge()
            night.expect(["6:40 update sms:ana"])
            try await night.post("Fire", "critical", labels: ["room": "3"])
            night.expect(["6:40 page sms:ana"], "what was acknowledged was less")
            #expect(night.orders.last?.order.page.reason.contains("severity rose from warning to critical") == true)
        }
    }

    @Test(arguments: [false, true]) func aRunningEscalationKeepsItsPlan(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Fire", fire)
            try await night.pass(to: 10)
            var next = FakePlan(version: "v2")
            next.receivers["team"]?.levels = [["sms:carl"], ["sms:dora"]]
            try await night.change(to: next)
            try await night.post("Flood", fire)
            try await night.pass(to: 400)
            night.expect(["0:00 page sms:ana", "0:10 page sms:carl", "5:00 page sms:bob", "5:10 page sms:dora"])
            #expect(night.core.plansInUse == ["v1", "v2"])
            // The same again, after its end: by the new plan.
            try await night.post("Fire", fire, ended: true)
            try await night.pass(to: 601)
            night.expect(["10:00 resolve sms:ana", "10:00 resolve sms:bob"])
            try await night.post("Fire", fire)
            night.expect(["10:01 page sms:carl"])
        }
    }

    @Test func whatWasNotToldYetGoesByTheNewPlan() async throws {
        try await Night.begin { night in
            try await night.post("Slow")
            try await night.pass(to: 10)
            var next = FakePlan(version: "v2")
            next.places = [.init(receiver: "other")]
            next.receivers = ["other": .init(levels: [["sms:carl"]])]
            try await night.change(to: next)
            try await night.pass(to: 100)
            night.expect(["0:40 page sms:carl"])
        }
    }

    @Test(arguments: [false, true]) func aSinkThatFailsHandsOnAtOnce(restarts: Bool) async throws {
        var plan = FakePlan()
        plan.places = [.init(matchers: [LabelMatcher("alertname", .equal, "PageNotDelivered")], receiver: "desk"), .init(receiver: "team")]
        plan.receivers["team"]?.levels = [["sms:ana>phone:ana>mail:ana"], ["sms:bob"]]
        plan.receivers["desk"] = .init(levels: [["sms:desk>log:desk"]], escalates: false)
        try await Night.begin(plan, restarts: restarts) { night in
            try await night.post("Fire", fire)
            night.expect(["0:00 page sms:ana"])
            let first = night.orders[0]
            #expect(try await night.fail(first))
            night.expect(["0:00 page phone:ana"])
            #expect(try await night.fail(first), "told again, it is in other hands already")
            night.expect([])
            try await night.pass(to: 31)
            // The failure is an alert of its own, and does not go through what failed.
            night.expect(["0:30 page log:desk"])
            let told = try #require(night.orders.last)
            let isTaken = try await night.fail(told)
            #expect(!isTaken)
            try await night.pass(to: 60)
            night.expect([])
            // There is no other way: the same one is tried again, soon.
            try await night.pass(to: 200)
            night.expect(["1:01 page log:desk"])
            #expect(night.core.alerts.count == 2, "that a page about a failure fails is no further alert")
        }
    }

    @Test func whereALevelCannotBeReachedTheNextIsNotKeptWaiting() async throws {
        try await Night.begin { night in
            try await night.post("Fire", fire)
            try await night.fail()
            night.expect(["0:00 page sms:ana", "0:00 page sms:bob"])
        }
    }

    @Test(arguments: [false, true]) func aCallThatNobodyAnswersIsTheNextContactsTurnAndNoFaultOfTheSinks(restarts: Bool) async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.levels = [["phone:ana>sms:ana"], ["sms:bob"]]
        try await Night.begin(plan, restarts: restarts) { night in
            try await night.post("Fire", fire)
            night.expect(["0:00 page phone:ana"])
            try await night.pass(to: 20)
            try await night.reachedNobody()
            night.expect(["0:20 page sms:ana"])
            #expect(!night.core.isInTrouble("phone", at: night.now))
            _ = try await night.acknowledge()
            let before = night.orders.count { $0.order.verb == .page }
            try await night.reachedNobody()
            #expect(night.orders.count { $0.order.verb == .page } == before, "whoever has acknowledged it was reached")
        }
    }

    @Test func theEndOfASinksTroubleIsTold() async throws {
        try await Night.begin { night in
            try await night.post("Fire", fire)
            try await night.fail()
            #expect(night.core.isInTrouble("sms", at: night.now))
        }
    }

    @Test(arguments: [false, true]) func aPersonMayPassItOnOrCloseIt(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Fire", fire)
            let matter = night.orders[0].order.page.groupKey
            #expect(try await night.answer(.init(.escalate, .reference(matter), by: "Ana", way: "key 6")).status == .escalated)
            night.expect(["0:00 page sms:ana", "0:00 page sms:bob"])
            #expect(try await night.answer(.init(.resolve, .reference(night.orders[0].order.page.id), by: "Bob", way: "key 9")).status == .resolved)
            night.expect(["0:00 resolve sms:ana", "0:00 resolve sms:bob"])
            try await night.post("Fire", fire)
            try await night.pass(to: 14_399)
            night.expect([], "Prometheus still says so, and Bob has closed it")
            try await night.pass(to: 14_401)
            night.expect(["240:00 page sms:ana"], "but it lasts")
        }
    }

    @Test(arguments: [false, true]) func anAlertOfJacksOwnEndsWhenAPersonClosesIt(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.raise(.own("Letter", .critical))
            #expect(try await night.answer(.init(.resolve, .reference(night.orders[0].order.page.id), by: "Bob", way: "link")).status == .resolved)
            try await night.pass(to: 50_000)
            night.expect(["0:00 page sms:ana", "0:00 resolve sms:ana"])
            #expect(night.core.alerts.isEmpty && night.core.groups.isEmpty)
        }
    }

    @Test(arguments: [false, true]) func aSilencePausesAnEscalation(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Fire", fire)
            try await night.pass(to: 60)
            night.expect(["0:00 page sms:ana"])
            _ = try await night.set(
                Silence(
                    matchers: [LabelMatcher("alertname", .equal, "Fire")], startsAt: night.now, endsAt: night.now.addingTimeInterval(600),
                    createdBy: "Ana",
                    comment: "on it"))
            try await night.pass(to: 899)
            night.expect([])
            try await night.pass(to: 901)
            night.expect(["15:00 page sms:bob"])
        }
    }

    @Test(arguments: [false, true]) func aClockThatGoesBackHoldsNothingUp(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Fire", fire)
            try await night.pass(to: 200)
            try await night.jump(by: -3600)
            try await night.pass(to: 200 - 3600 + 100)
            night.expect(["0:00 page sms:ana", "-55:00 page sms:bob"])
        }
    }

    @Test func aClockThatGoesForwardBringsWhatIsOverdue() async throws {
        try await Night.begin { night in
            try await night.post([PostedAlert(labels: ["alertname": "Fire", "severity": "critical"])])
            try await night.pass(to: 200)
            try await night.jump(by: 7200)
            try await night.pass(to: 7400)
            // Its end was only reckoned: whoever refreshes it has not been silent for two hours.
            night.expect(["0:00 page sms:ana", "123:20 page sms:bob"])
        }
    }

    @Test func anInstanceIsNotTheWayToTellOfItsOwnTrouble() async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.levels = [["sms:ana>phone:ana"], ["sms:bob"]]
        try await Night.begin(plan) { night in
            var unwell = Alert.own("InstanceUnhealthy", .critical, labels: ["instance": "sms"])
            unwell.fingerprint = "instance:sms"
            try await night.raise(unwell)
            try await night.pass(to: 400)
            night.expect(["0:00 page phone:ana"])
            #expect(night.reasons("not told").contains { $0.contains("in trouble") })
        }
    }
}
