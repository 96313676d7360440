import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

@Suite struct FloodTests {
    private var plan: FakePlan {
        var plan = FakePlan()
        plan.groupBy = .all
        plan.groupWait = .zero
        plan.receivers["team"] = .init(levels: [["sms:ana>phone:ana"]], wait: 300, escalates: true)
        return plan
    }

    @Test(arguments: [false, true]) func whatIsTooMuchForOnePersonIsToldTogether(restarts: Bool) async throws {
        try await Night.begin(plan, restarts: restarts) { night in
            for number in 0..<15 { try await night.post("Slow\(number)", "warning") }
            try await night.pass(to: 30)
            night.expect(Array(repeating: "0:00 page sms:ana", count: 10))
            #expect(night.reasons("bundled").count > 0)
            try await night.post("Fire", "critical")
            night.expect(["0:30 page sms:ana"], "the first page of a new critical waits for nothing")
            try await night.raise(.own("Gas", .critical, isEmergency: true))
            night.expect(["0:30 page sms:ana"])
            _ = try await night.answer(.acknowledge, named: "Gas", by: "Bob")
            night.expect(["0:30 update sms:ana"])
            try await night.pass(to: 700)
            night.expect(["10:00 page sms:ana"])
            let bundle = try #require(night.orders.last?.order.page)
            #expect(bundle.alerts.first?.summary == "5 matters together: 5 warning" && bundle.alerts.count == 6)
            #expect(night.core.standing(of: bundle.id, at: night.now) == .open)
            // One answer is for all of them.
            let answer = OnCallAnswer(.acknowledge, .code(bundle.code ?? ""), by: "Ana", way: "reply", sender: "sms|ana")
            #expect(try await night.answer(answer).status == .acknowledged)
            #expect(night.core.openMatters.count { $0.acknowledgedBy == "Ana" } == 5)
            #expect(night.core.standing(of: bundle.id, at: night.now) == .acknowledged(by: "Ana"))
            for number in 10..<15 { try await night.post("Slow\(number)", "warning", ended: true) }
            try await night.pass(to: 1200)
            #expect(night.orders.count { $0.order.verb == .resolve && $0.order.page.groupKey == bundle.groupKey } == 1, "and one end")
        }
    }

    @Test(arguments: [false, true]) func aProgramIsToldOfEachGroupByItself(restarts: Bool) async throws {
        var plan = plan
        plan.receivers["team"] = .init(levels: [["hook:tickets", "sms:ana"]], escalates: false)
        try await Night.begin(plan, restarts: restarts) { night in
            for number in 0..<40 { try await night.post("Slow\(number)", "warning") }
            try await night.pass(to: 30)
            #expect(night.orders.count { $0.contact == "hook:tickets" } == 40 && night.orders.count { $0.contact == "sms:ana" } == 10)
        }
    }

    @Test func aBundleThatFailsGoesTheNextWay() async throws {
        try await Night.begin(plan) { night in
            for number in 0..<15 { try await night.post("Slow\(number)", "warning") }
            try await night.pass(to: 700)
            let bundle = try #require(night.orders.last)
            #expect(try await night.fail(bundle))
            #expect(night.orders.contains { $0.contact == "phone:ana" && $0.order.page.alerts.first?.summary.contains("5 matters together") == true })
        }
    }

    @Test func thousandsInAMinuteAreFewPagesAndTrueOnes() async throws {
        let count = 6000
        try await Night.begin(plan) { night in
            for second in 0..<60 {
                try await night.pass(to: Double(second))
                let alerts = (0..<count / 60 + 1).map { number in
                    PostedAlert(
                        labels: ["alertname": "Flood", "severity": number % 2 == 0 ? "critical" : "warning", "host": "\(second)-\(number)"],
                        endsAt: Night.start.addingTimeInterval(3000))
                }
                try await night.post(alerts)
            }
            try await night.pass(to: 1500)
            let pages = night.orders.filter { $0.order.verb == .page }
            #expect(pages.count < 60, "pages are few: \(pages.count)")
            let told = pages.flatMap(\.order.page.alerts).filter { $0.fingerprint.hasPrefix("oncall:bundle") }.compactMap {
                Int($0.annotations["count"] ?? "")
            }
            #expect(
                told.reduce(0, +) + pages.count { !$0.order.page.id.hasPrefix("page_bundle") } >= night.core.alerts.count,
                "and true: nobody is left out")
            #expect(pages.allSatisfy { $0.order.page.alerts.count <= 21 })
            try await night.pass(to: 4000)
            #expect(night.core.alerts.isEmpty && night.core.groups.isEmpty && night.core.codes.isEmpty && night.core.bundleCodes.isEmpty)
            #expect(night.orders.count { $0.order.verb == .resolve } < 60)
        }
    }

    @Test func aLargeGroupIsOnePageWithACount() async throws {
        var plan = FakePlan()
        plan.groupWait = .seconds(30)
        try await Night.begin(plan) { night in
            try await night.post((0..<5000).map { PostedAlert(labels: ["alertname": "Flood", "severity": "warning", "host": "\($0)"]) })
            try await night.pass(to: 60)
            night.expect(["0:30 page sms:ana"])
            let page = try #require(night.orders.last?.order.page)
            #expect(page.alerts.count == 21 && page.alerts.last?.summary == "4980 more alerts: 4980 warning")
        }
    }

    @Test func theHeapGivesTheFirstFirst() {
        var heap = DueHeap()
        let times = (0..<500).map { _ in Double(Int.random(in: 0..<200)) }
        for (index, time) in times.enumerated() { heap.push(.init(due: Date(timeIntervalSince1970: time), group: UInt64(index))) }
        var found: [Double] = []
        while let item = heap.pop() { found.append(item.due.timeIntervalSince1970) }
        #expect(found == times.sorted())
    }
}
