import Foundation
import PluginAPI
import Testing

@testable import OnCall

/// What a reload would do to what stands open: said before, and then done.
@Suite struct PlanPreviewTests {
    private func lines(_ night: Night, _ plan: FakePlan) -> [String] {
        var preview = PlanPreview(night.core, taking: plan, at: night.now)
        return preview.lines()
    }

    /// Two receivers; what has `room` goes to the desk.
    private static let other: FakePlan = {
        var plan = FakePlan(version: "v2")
        plan.places = [.init(matchers: [LabelMatcher("room", .notEqual, "")], receiver: "desk"), .init(receiver: "team")]
        plan.receivers["desk"] = .init(levels: [["sms:dora"], ["phone:chief"]])
        return plan
    }()

    @Test(arguments: [false, true]) func anAlertThatWaitsForItsFirstPageMoves(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Lamp", labels: ["room": "204"])
            try await night.post("Disk")
            let lines = lines(night, Self.other)
            #expect(lines.count == 1, "\(lines)")
            let line = try #require(lines.first)
            #expect(line.hasPrefix("alert Lamp (") && line.contains("now team pages sms:ana at "), "\(line)")
            #expect(line.contains("by the new plan desk pages sms:dora at ") && line.contains("oncall.yaml:10:5"), "\(line)")
            try await night.change(to: Self.other)
            try await night.pass(to: 60)
            night.expect(["0:30 page sms:dora", "0:30 page sms:ana"], anyOrder: true)
        }
    }

    @Test(arguments: [false, true]) func anOpenMatterKeepsItsNextLevelAndTheLineSaysSo(restarts: Bool) async throws {
        var next = FakePlan(version: "v2")
        next.receivers["team"]?.levels = [["sms:ana"], ["sms:zoe"]]
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Fire", "critical", labels: ["room": "204"])
            night.expect(["0:00 page sms:ana"])
            let lines = lines(night, next)
            #expect(
                lines.count == 1 && lines[0].hasPrefix("open: oncall:") && lines[0].contains("(Fire): team pages sms:bob, as level 2 at "), "\(lines)"
            )
            #expect(lines[0].contains("it keeps the plan with which it began, though by the new one team would page sms:zoe"), "\(lines)")
            // Another receiver altogether.
            #expect(self.lines(night, Self.other).first?.contains("by the new one desk would page phone:chief, oncall.yaml:10:5") == true)
            try await night.change(to: next)
            try await night.pass(to: 301)
            night.expect(["5:00 page sms:bob"])
        }
    }

    @Test func whatIsToComeWithinALevelIsLookedAt() async throws {
        var plan = FakePlan(), next = FakePlan(version: "v2")
        plan.receivers["team"]?.levels = [["sms:ana", "phone:ana@120"], ["sms:bob"]]
        next.receivers["team"]?.levels = [["sms:ana", "phone:zoe@120"], ["sms:bob"]]
        try await Night.begin(plan) { night in
            try await night.post("Fire", "critical")
            try await night.pass(to: 60)
            night.expect(["0:00 page sms:ana"])
            let lines = lines(night, next)
            #expect(lines.count == 1 && lines[0].contains("team pages phone:ana, as the next step of level 1"), "\(lines)")
            #expect(lines[0].contains("team would page phone:zoe"), "\(lines)")
            try await night.change(to: next)
            try await night.pass(to: 130)
            night.expect(["2:00 page phone:ana"])
            // Now the level after it is next, and that is the same.
            #expect(self.lines(night, next) == [])
        }
    }

    @Test func whatFollowsAnAcknowledgementIsLookedAt() async throws {
        var next = FakePlan(version: "v2")
        next.receivers["team"]?.levels = [["sms:zoe"], ["sms:bob"], ["phone:chief"]]
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            _ = try await night.acknowledge()
            night.expect(["0:00 page sms:ana", "0:00 update sms:ana"])
            let lines = lines(night, next)
            #expect(lines.count == 1 && lines[0].contains("team pages sms:ana, when the acknowledgement ends at "), "\(lines)")
            #expect(lines[0].contains("team would page sms:zoe"), "\(lines)")
            try await night.change(to: next)
            try await night.pass(to: 1801)
            night.expect(["30:00 page sms:ana"])
        }
    }

    @Test func whatSomebodyHasClosedMovesWithItsAlert() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical", labels: ["room": "204"])
            _ = try await night.answer(.resolve, named: "Fire")
            night.expect(["0:00 page sms:ana", "0:00 resolve sms:ana"])
            let lines = lines(night, Self.other)
            #expect(lines.count == 1 && lines[0].contains("now team pages sms:ana again at ") && lines[0].contains("(closed by Ana)"), "\(lines)")
            #expect(lines[0].contains("by the new plan desk pages sms:dora at "), "\(lines)")
            try await night.change(to: Self.other)
            try await night.pass(to: 1)
            night.expect(["0:00 page sms:dora"])
        }
    }

    @Test func whoIsPagedLaterForAMuteOrNotAtAllIsListed() async throws {
        var muted = FakePlan(version: "v2"), inhibiting = FakePlan(version: "v3")
        muted.muted = (Night.start, Night.start + 3600)
        inhibiting.inhibit = (LabelMatcher("alertname", .equal, "Fire"), LabelMatcher("alertname", .equal, "Disk"))
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            try await night.post("Disk")
            night.expect(["0:00 page sms:ana"])
            let late = lines(night, muted)
            #expect(late.count == 1 && late[0].hasPrefix("alert Disk") && late[0].contains("(muted by “night” on the route to team)"), "\(late)")
            let never = lines(night, inhibiting)
            #expect(never.count == 1 && never[0].contains("by the new plan team pages nobody (inhibited by another alert)"), "\(never)")
            try await night.change(to: inhibiting)
            try await night.pass(to: 200)
            night.expect([])
        }
    }

    @Test func whatStaysAsItIsIsNotListed() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            try await night.post("Disk")
            #expect(self.lines(night, FakePlan(version: "v2")) == [])
            // What is over goes nowhere.
            try await night.post("Disk", ended: true)
            #expect(self.lines(night, Self.other) == [])
        }
    }
}
