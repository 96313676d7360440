import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

/// Who is told when, as Alertmanager's dispatcher and its notification log have it.
@Suite struct TellingTests {
    /// A receiver that is told once.
    private var plain: FakePlan {
        var plan = FakePlan()
        plan.receivers["team"] = .init(levels: [["mail:team"]], escalates: false)
        return plan
    }

    @Test(arguments: [false, true]) func aGroupWaitsForMoreAndIsToldOnce(restarts: Bool) async throws {
        try await Night.begin(plain, restarts: restarts) { night in
            try await night.post("Slow", labels: ["room": "1"])
            try await night.pass(to: 20)
            try await night.post("Slow", labels: ["room": "2"])
            try await night.pass(to: 29)
            night.expect([])
            try await night.pass(to: 600)
            night.expect(["0:30 page mail:team"])
            #expect(night.orders.last?.order.page.alerts.count == 2)
            #expect(night.orders.last?.order.page.reason.hasPrefix("first telling") == true)
        }
    }

    @Test(arguments: [false, true]) func theFirstPageOfACriticalWaitsForNothing(restarts: Bool) async throws {
        try await Night.begin(plain, restarts: restarts) { night in
            try await night.post("Slow", "warning", labels: ["room": "1"])
            try await night.pass(to: 5)
            try await night.post("Slow", "critical", labels: ["room": "2"])
            night.expect(["0:05 page mail:team"])
            // The next critical does not wait for the group either; what comes within a second is one page.
            try await night.post("Slow", "critical", labels: ["room": "3"])
            try await night.post("Slow", "critical", labels: ["room": "4"])
            night.expect([])
            try await night.pass(to: 305)
            night.expect(["0:06 page mail:team"])
        }
    }

    @Test func anAlertThatIsOlderThanGroupWaitIsToldAtOnce() async throws {
        try await Night.begin(plain) { night in
            try await night.post("Slow", startsAgo: 31)
            night.expect(["0:00 page mail:team"])
        }
    }

    @Test(arguments: [false, true]) func whatIsNewEndedOrLastsIsToldAtTheGroupsTimes(restarts: Bool) async throws {
        var plan = plain
        plan.repeatInterval = .seconds(3600)
        try await Night.begin(plan, restarts: restarts) { night in
            try await night.post("Slow", labels: ["room": "1"])
            try await night.pass(to: 100)
            night.expect(["0:30 page mail:team"])
            try await night.post("Slow", labels: ["room": "2"])
            try await night.pass(to: 400)
            night.expect(["5:30 page mail:team"], "a new alert, at the next group_interval")
            try await night.post("Slow", labels: ["room": "2"], ended: true)
            try await night.pass(to: 700)
            night.expect(["10:30 update mail:team"])
            try await night.pass(to: 5000)
            night.expect(["75:30 page mail:team"], "told again after repeat_interval, at the group's next turn")
            try await night.post("Slow", labels: ["room": "1"], ended: true)
            try await night.pass(to: 10_000)
            night.expect(["85:30 resolve mail:team"])
            #expect(night.core.alerts.isEmpty && night.core.groups.isEmpty && night.core.nextDue == nil && night.core.codes.isEmpty)
        }
    }

    @Test(arguments: [false, true]) func whoDoesNotWantToHearEndsHearsNone(restarts: Bool) async throws {
        var plan = plain
        plan.receivers["team"] = .init(levels: [["start:team", "mail:team"]], escalates: false)
        try await Night.begin(plan, restarts: restarts) { night in
            try await night.post("Slow", labels: ["room": "1"])
            try await night.post("Slow", labels: ["room": "2"])
            try await night.pass(to: 100)
            night.expect(["0:30 page mail:team", "0:30 page start:team"], anyOrder: true)
            try await night.post("Slow", labels: ["room": "2"], ended: true)
            try await night.pass(to: 400)
            night.expect(["5:30 update mail:team"])
            try await night.post("Slow", labels: ["room": "1"], ended: true)
            try await night.pass(to: 1000)
            night.expect(["10:30 resolve mail:team"])
            #expect(night.core.alerts.isEmpty && night.core.groups.isEmpty && night.core.codes.isEmpty)
        }
    }

    @Test func whatEndsBeforeAnybodyIsToldIsNotTold() async throws {
        try await Night.begin(plain) { night in
            try await night.post("Slow")
            try await night.pass(to: 10)
            try await night.post("Slow", ended: true)
            try await night.pass(to: 1000)
            night.expect([])
            #expect(night.reasons("not told").contains { $0.contains("over before") })
        }
    }

    @Test func anAlertWithoutAnEndEndsWhenNothingIsHeardOfIt() async throws {
        try await Night.begin(plain) { night in
            let alert = PostedAlert(labels: ["alertname": "Slow"])
            try await night.post([alert])
            try await night.pass(to: 200)
            try await night.post([alert])
            try await night.pass(to: 400)
            night.expect(["0:30 page mail:team"])
            try await night.pass(to: 631)
            night.expect(["10:30 resolve mail:team"])
        }
    }

    @Test func anExplicitEndIsKeptBesideARefresh() async throws {
        try await Night.begin(plain) { night in
            let end = Night.start.addingTimeInterval(3000)
            try await night.post([PostedAlert(labels: ["alertname": "Slow"], startsAt: Night.start, endsAt: end)])
            try await night.pass(to: 10)
            try await night.post([PostedAlert(labels: ["alertname": "Slow"], startsAt: Night.start.addingTimeInterval(5))])
            let alert = try #require(night.core.alerts.values.first)
            #expect(alert.startsAt == Night.start && alert.endsAt == end)
        }
    }

    @Test func clocksThatDifferAreTakenAsTheyAre() async throws {
        try await Night.begin(plain) { night in
            // Its clock is an hour ahead: it fires, and nobody waits for its time to come.
            try await night.post([
                PostedAlert(
                    labels: ["alertname": "Ahead"], startsAt: Night.start.addingTimeInterval(3600), endsAt: Night.start.addingTimeInterval(7200))
            ])
            try await night.pass(to: 60)
            night.expect(["0:30 page mail:team"])
            // Its clock is an hour behind: what ended then is over.
            try await night.post([
                PostedAlert(
                    labels: ["alertname": "Behind"], startsAt: Night.start.addingTimeInterval(-7200), endsAt: Night.start.addingTimeInterval(-3600))
            ])
            try await night.pass(to: 200)
            night.expect([])
        }
    }

    @Test(arguments: [false, true]) func silencesMuteWithAReasonAndEmergenciesPass(restarts: Bool) async throws {
        try await Night.begin(plain, restarts: restarts) { night in
            let id = try await night.set(
                Silence(
                    matchers: [LabelMatcher("alertname", .fits, "Sl.*")], startsAt: Night.start, endsAt: Night.start.addingTimeInterval(400),
                    createdBy: "Ana", comment: "painters"))
            try await night.post("Slow", "critical")
            try await night.pass(to: 60)
            night.expect([])
            #expect(night.reasons("silenced").contains { $0.contains(id) && $0.contains("painters") })
            #expect(night.views([]).first?.silencedBy == [id])
            try await night.raise(.own("Slow", .info, isEmergency: true))
            night.expect(["1:00 page mail:team"])
            try await night.pass(to: 1000)
            // The silence is over at 6:40; what it held is told at the group's next turn.
            night.expect(["11:00 page mail:team"])
        }
    }

    @Test func theEmergencyLabelFromOutsideIsNotBelieved() async throws {
        var plan = plain
        plan.muted = (Night.start, Night.start.addingTimeInterval(3600))
        try await Night.begin(plan) { night in
            try await night.post("Fire", "critical", labels: ["emergency": "true"])
            try await night.pass(to: 600)
            night.expect([])
            #expect(night.lines.contains { $0.entry.outcome == "muted" && $0.entry.rule == "oncall.yaml:33" })
            #expect(night.views([]).first?.mutedBy == ["night"])
            try await night.raise(.own("Fire", .critical, isEmergency: true))
            night.expect(["10:00 page mail:team"])
        }
        var limits = OnCallLimits()
        limits.trustsEmergencyLabel = true
        try await Night.begin(plan, limits: limits) { night in
            try await night.post("Fire", "critical", labels: ["emergency": "true"])
            night.expect(["0:00 page mail:team"])
        }
    }

    @Test func whatIsMutedIsToldWhenTheTimeIsOver() async throws {
        var plan = plain
        plan.muted = (Night.start, Night.start.addingTimeInterval(3600))
        try await Night.begin(plan) { night in
            try await night.post("Slow")
            try await night.pass(to: 4000)
            night.expect(["60:30 page mail:team"])
            #expect(night.lines.count { $0.entry.outcome == "muted" } == 1, "the ledger has the reason once")
        }
    }

    @Test(arguments: [false, true]) func inhibitionLastsWhileItsSourceFires(restarts: Bool) async throws {
        var plan = plain
        plan.inhibit = (LabelMatcher("alertname", .equal, "DatabaseDown"), LabelMatcher("alertname", .equal, "Slow"))
        try await Night.begin(plan, restarts: restarts) { night in
            try await night.post("DatabaseDown", "critical")
            try await night.post("Slow", "critical")
            try await night.pass(to: 100)
            night.expect(["0:00 page mail:team"])
            #expect(night.lines.contains { $0.entry.outcome == "inhibited" && $0.entry.rule == "oncall.yaml:44" })
            let view = try #require(night.views([LabelMatcher("alertname", .equal, "Slow")]).first)
            #expect(view.state == .suppressed && view.inhibitedBy.count == 1)
            try await night.post("DatabaseDown", "critical", ended: true)
            try await night.pass(to: 301)
            night.expect(["5:00 resolve mail:team", "5:00 page mail:team"], anyOrder: true)
        }
    }

    @Test func aRouteThatGoesOnTellsTwoReceivers() async throws {
        var plan = plain
        plan.places = [.init(matchers: [LabelMatcher("severity", .equal, "critical")], receiver: "team", goesOn: true), .init(receiver: "desk")]
        plan.receivers["desk"] = .init(levels: [["log"]], escalates: false)
        try await Night.begin(plan) { night in
            try await night.post("Slow", "critical")
            #expect(Set(night.orders.map(\.contact)) == ["mail:team", "log"])
            #expect(night.groups([]).map(\.receiver) == ["desk", "team"])
        }
    }
}

extension Alert {
    static func own(
        _ name: String, _ severity: AlertSeverity = .error, isEmergency: Bool = false, labels: [String: String] = [:], ended: Bool = false
    ) -> Alert {
        Alert(
            fingerprint: "test:\(name)", name: name, severity: severity, summary: "\(name) in words", labels: labels, startsAt: Night.start,
            endsAt: ended ? Night.start.addingTimeInterval(1) : nil, isEmergency: isEmergency)
    }
}
