import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

/// Operators call matters by whatever name they have at hand.
@Suite struct NamedAnswerTests {
    @Test(arguments: [false, true]) func everyNameOfAMatterWorks(restarts: Bool) async throws {
        let names: [@Sendable (Night) throws -> String] = [
            { try #require($0.orders.first).order.page.groupKey }, { try #require($0.orders.first).order.page.id },
            { try #require($0.orders.first?.order.page.code) }, { try #require($0.orders.first?.order.page.alerts.first).fingerprint },
            { _ in "Fire" }, { _ in "  Fire\n" }, { night in try "#" + #require(night.orders.first?.order.page.code) },
        ]
        for name in names {
            try await Night.begin(restarts: restarts) { night async throws in
                try await night.post("Fire", "critical")
                night.expect(["0:00 page sms:ana"])
                let answered = try await night.answer(.acknowledge, named: name(night), by: "Bea", note: "the pump is off")
                #expect(answered.outcome?.status == .acknowledged, "\(answered)")
                night.expect(["0:00 update sms:ana"])
                #expect(night.orders.last?.order.page.note == "acknowledged by Bea: the pump is off")
                #expect(
                    night.lines.contains { $0.entry.step == "answer" && $0.entry.reason.hasPrefix("acknowledge by Bea, command: the pump is off") })
                // The next level does not follow, and asking again changes nothing.
                try await night.pass(to: 900)
                night.expect([])
                #expect(try await night.answer(.acknowledge, named: "Fire").outcome?.status == .already)
            }
        }
    }

    @Test func whatIsResolvedStaysSoAndSaysSo() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            let key = try #require(night.orders.first).order.page.groupKey
            #expect(try await night.answer(.resolve, named: key).outcome?.status == .resolved)
            #expect(try await night.answer(.resolve, named: key).outcome?.status == .already, "its alert goes on: closed it stays")
            #expect(try await night.answer(.escalate, named: key).outcome?.status == .already)
            let shown = try #require(night.summaries().first)
            #expect(shown.closedBy == "Ana" && shown.next.isEmpty)
            try await night.post("Fire", "critical", ended: true)
            try await night.pass(to: 400)
            #expect(try await night.answer(.acknowledge, named: key).outcome?.status == .over)
            #expect(night.summaries().isEmpty)
        }
    }

    @Test func escalatingPagesTheNextAtOnce() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            #expect(try await night.answer(.escalate, named: "Fire", by: "Ana").outcome?.status == .escalated)
            night.expect(["0:00 page sms:ana", "0:00 page sms:bob"])
        }
    }

    @Test func severalWithOneNameAreListed() async throws {
        var plan = FakePlan()
        plan.groupBy = .all
        try await Night.begin(plan) { night in
            try await night.post("Fire", "critical", labels: ["room": "204"])
            try await night.post("Fire", "critical", labels: ["room": "305"])
            guard case .ambiguous(let matters) = try await night.answer(.acknowledge, named: "Fire") else {
                Issue.record("it was not ambiguous")
                return
            }
            #expect(Set(matters.compactMap { $0.open.matter.labels["room"] }) == ["204", "305"])
            #expect(night.summaries().allSatisfy { $0.open.acknowledgedBy == nil })
            let one = try #require(matters.first)
            #expect(try await night.answer(.acknowledge, named: one.open.id).outcome?.status == .acknowledged)
            #expect(night.summaries().count { $0.open.acknowledgedBy == "Ana" } == 1)
        }
    }

    @Test(arguments: ["", "Feuer", "999999", "ffffffffffffffff", "page_", "oncall:", String(repeating: "x", count: 5000), "\u{0}"])
    func whatNobodyHasAsANameListsWhatIsOpen(name: String) async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            guard case .unknown(let open) = try await night.answer(.acknowledge, named: name) else {
                Issue.record("“\(name)” was known")
                return
            }
            #expect(open.map(\.names) == [["Fire"]])
            #expect(night.summaries().first?.open.acknowledgedBy == nil)
        }
    }

    @Test func theListSaysWhoWasPagedAndWhatComesNext() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            var shown = try #require(night.summaries().first)
            #expect(shown.names == ["Fire"] && shown.paged.map(\.contact) == ["sms:ana"] && shown.open.level == 1)
            #expect(shown.next == ["sms:bob"] && shown.open.nextStepAt == Night.start.addingTimeInterval(300))
            try await night.pass(to: 600)
            shown = try #require(night.summaries().first)
            // The last level has begun: after the route's repeat_interval it begins with the first.
            #expect(shown.open.level == 0 && shown.next == ["sms:ana"] && shown.paged.count == 3)
            _ = try await night.answer(.acknowledge, named: "Fire")
            shown = try #require(night.summaries().first)
            #expect(shown.open.acknowledgedBy == "Ana" && shown.next == ["sms:ana"], "it comes back when the acknowledgement has lasted")
        }
    }
}

extension Night {
    func summaries() -> [MatterSummary] {
        var core = core
        return core.matterSummaries(at: now)
    }
}
