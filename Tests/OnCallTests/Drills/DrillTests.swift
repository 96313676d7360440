import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

/// A drill goes the way of a page, and counts for nothing else.
@Suite struct DrillTests {
    private func order(_ id: String = "drill_1", within: Int = 300) -> DrillOrder {
        DrillOrder(id: id, subject: DrillSubject(.receiver, "team"), within: within, by: "Rosa")
    }

    @Test(arguments: [false, true]) func whoMissesItIsNotedAndTheNextIsPaged(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.drill(order())
            night.expect(["0:00 page sms:ana"])
            let page = try #require(night.orders.first).order.page
            #expect(page.alerts.first?.summary.hasPrefix("DRILL, no alert: acknowledge this page within 5m") == true)
            #expect(page.reason.hasPrefix("DRILL: ") && page.alerts.first?.labels["drill"] == "drill_1" && page.code != nil)
            try await night.pass(to: 299)
            night.expect([])
            try await night.pass(to: 300)
            night.expect(["5:00 page sms:bob"])
            try await night.pass(to: 360)
            let code = try #require(night.orders.last?.order.page.code)
            let outcome = try await night.answer(.init(.acknowledge, .code(code), by: "bob", way: "through sms", sender: "sms|bob"))
            #expect(outcome.status == .acknowledged && outcome.text.contains("6m after it began"), "\(outcome)")
            night.expect(["6:00 resolve sms:ana", "6:00 resolve sms:bob"], anyOrder: true)
            // That is its end: nobody further is paged, and nothing stands open.
            try await night.pass(to: 4000)
            night.expect([])
            #expect(night.core.groups.isEmpty && night.core.alerts.isEmpty && night.core.codes.isEmpty)
            let report = try #require(try await night.drills().first)
            #expect(report.outcome == .acknowledged && report.acknowledgedBy == "bob" && report.way == "through sms")
            #expect(report.pages.map(\.contact) == ["sms:ana", "sms:bob"] && report.pages.map { $0.missedAt != nil } == [true, false])
            #expect(report.pages.map(\.isProven) == [false, true] && report.acknowledgedAfter == 360)
            #expect(night.lines.contains { $0.subject == "drill_1" && $0.entry.outcome == "missed" && $0.entry.reason.contains("ana") })
        }
    }

    @Test(arguments: [false, true]) func whereAllMissItItEnds(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.drill(order(within: 120))
            try await night.pass(to: 10_000)
            // The fake plan's own waits between its levels, and the drill's after the last.
            night.expect(
                [
                    "0:00 page sms:ana", "5:00 page sms:bob", "10:00 page phone:chief", "12:00 resolve sms:ana", "12:00 resolve sms:bob",
                    "12:00 resolve phone:chief",
                ])
            let report = try #require(try await night.drills().first)
            #expect(report.outcome == .missed && report.pages.allSatisfy { $0.missedAt != nil } && report.acknowledgedAfter == nil)
            #expect(night.core.alerts.isEmpty && night.core.groups.isEmpty, "and nothing is raised for it")
        }
    }

    @Test func itPassesSilencesAndThrottlesAndCountsNowhere() async throws {
        var limits = OnCallLimits()
        (limits.pagesInWindow, limits.floodPages) = (1, 1)
        try await Night.begin(limits: limits) { night in
            _ = try await night.set(
                Silence(
                    matchers: [LabelMatcher("alertname", .equal, "OnCallDrill")], startsAt: night.now, endsAt: night.now.addingTimeInterval(86_400),
                    createdBy: "Ana", comment: "quiet"))
            try await night.drill(order("drill_1"))
            try await night.drill(order("drill_2"))
            try await night.drill(order("drill_2"))
            night.expect(["0:00 page sms:ana", "0:00 page sms:ana"], "each once, however often it is ordered")
            #expect(night.core.figures.open == 0 && night.core.figures.alerts == 0 && night.core.figures.groups == 0)
            #expect(night.views([]).isEmpty && night.groups([]).isEmpty && night.tallies.isEmpty)
            // And the pages of drills are none of those that a person has had lately.
            try await night.post("Fire", "critical")
            night.expect(["0:00 page sms:ana"])
            #expect(night.summaries().map(\.isDrill).count { $0 } == 2)
        }
    }

    @Test func nobodyOutsideCanMakeAnAlertADrill() async throws {
        try await Night.begin { night in
            try await night.post("OnCallDrill", "critical", labels: ["drill": "drill_9", "receiver": "team"])
            night.expect(["0:00 page sms:ana"])
            #expect(night.views([]).count == 1 && night.core.openMatters.first?.matter.drill == nil)
            #expect(try await night.drills().isEmpty)
            #expect(night.orders.first?.order.page.reason.contains("DRILL") == false)
        }
    }

    @Test func whatFailsIsNotedAndTheNextContactTried() async throws {
        var plan = FakePlan()
        plan.receivers["team"] = .init(levels: [["sms:ana>phone:ana"], ["sms:bob"]])
        try await Night.begin(plan) { night in
            try await night.drill(order())
            #expect(try await night.fail())
            // That the sink is in trouble is no drill any more.
            let pages = night.orders.filter { $0.order.verb == .page && $0.order.page.reason.contains("DRILL") }.map(\.contact)
            #expect(pages == ["sms:ana", "phone:ana"])
            let report = try #require(try await night.drills().first)
            #expect(report.pages.map(\.failure) == ["no line", nil])
        }
    }

    @Test func theCommandLineProvesNoContact() async throws {
        try await Night.begin { night in
            try await night.drill(order())
            guard case .answered(let outcome) = try await night.answer(.acknowledge, named: "OnCallDrill") else {
                Issue.record("the drill is not known by its name")
                return
            }
            #expect(outcome.status == .acknowledged)
            let report = try #require(try await night.drills().first)
            #expect(report.outcome == .acknowledged && report.way == "command" && !report.pages[0].isProven)
        }
    }

    @Test func aDrillWithNobodyToPageSaysSo() async throws {
        var plan = FakePlan()
        plan.receivers["team"] = .init(levels: [[]])
        try await Night.begin(plan) { night in
            try await night.drill(order())
            #expect(try await night.drills().map(\.outcome) == [.nobody])
            #expect(night.core.groups.isEmpty && night.core.alerts.isEmpty)
        }
    }

    @Test func itKeepsThePlanWithWhichItBegan() async throws {
        try await Night.begin(restarts: true) { night in
            try await night.drill(order())
            var next = FakePlan(version: "v2")
            next.receivers["team"] = .init(levels: [["sms:eve"]])
            try await night.change(to: next)
            try await night.pass(to: 300)
            night.expect(["0:00 page sms:ana", "5:00 page sms:bob"])
        }
    }
}
