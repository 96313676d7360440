import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

/// Alerts of the past through changed plans, by the real reader and the real engine.
@Suite struct BacktestTests {
    /// A plan in which Ana is paged at once, and Bea some time later.
    private static func plan(
        first: String = "[ana]", wait: String = "10m", second: String = "[bea]", bea: String = "", intervals: String = "", route: String = ""
    ) throws -> OnCallPlan {
        let text = """
            people:
              ana: {name: Ana, timezone: Europe/Lisbon, contacts: [{type: phone, number: "+351910000001"}, {type: email, address: ana@example.com}]}
              bea: {name: Bea, timezone: Europe/Lisbon, contacts: [{type: phone, number: "+351910000002"}, {type: email, address: b@example.com}]\(bea)}
            policies:
              nights:
                levels:
                  - {name: first, notify: \(first), wait: \(wait)}
                  - {name: second, notify: \(second), wait: 30m}
            emergency: {policy: nights}
            \(intervals)
            route: {receiver: nights, group_by: [alertname], group_wait: 0s, repeat_interval: 12h\(route)}
            receivers: [{name: nights, policy: nights}]
            """
        var reader = PlanReader(sinks: PlanFixture.all, timezone: "Europe/Lisbon"), diagnostics = Diagnostics()
        reader.files = ConfigurationFiles { (_, _) throws(ConfigurationFiles.Problem) in Array(text.utf8) }
        let read = reader.read("oncall.yaml", &diagnostics)
        return try #require(read?.plan, "\(diagnostics.sorted.map(\.description))")
    }

    private static func alert(
        _ name: String, _ severity: String = "critical", at: String = "2026-01-14 15:00", minutes: Double? = 60, emergency: Bool = false
    ) throws -> PastOccurrence {
        let start = PlanFixture.date(at)
        var labels = ["alertname": name, "severity": severity]
        labels["emergency"] = emergency ? "true" : nil
        return try #require(PastOccurrence(PostedAlert(labels: labels, startsAt: start), overAt: minutes.map { start.addingTimeInterval($0 * 60) }))
    }

    private static func run(
        _ alerts: [PastOccurrence], old: OnCallPlan, new: OnCallPlan, answers: [OnCallHistory.Answer] = [], silences: [Silence] = [],
        from: String = "2026-01-14 00:00"
    ) -> BacktestReport {
        Backtest(
            .init(alerts: alerts, answers: answers, silences: silences), old: [(PlanFixture.date("2026-01-01"), old)], new: new,
            from: PlanFixture.date(from), to: PlanFixture.date("2026-01-16 00:00"), zone: "Europe/Lisbon"
        ).run()
    }

    /// Somebody acknowledged what had come of an alert, so many minutes after it was raised.
    private static func answer(_ alert: PastOccurrence, after minutes: Double, plan: OnCallPlan) throws -> OnCallHistory.Answer {
        let decision = try #require(plan.routes(for: alert.labels).first)
        let group = OnCallCore.group(of: alert.labels, at: decision).id
        return .init(
            matter: "oncall:\(group.fingerprintText):\(alert.raisedAt.milliseconds)", action: .acknowledge, by: "ana", way: "link",
            at: alert.raisedAt.addingTimeInterval(minutes * 60))
    }

    @Test func theSamePlanChangesNothing() throws {
        let report = Self.run([try Self.alert("Disk")], old: try Self.plan(), new: try Self.plan())
        #expect(report.added.isEmpty && report.removed.isEmpty && report.movedIntoNight.isEmpty && report.moved == 0 && report.isSound)
        #expect(report.same >= 2 && report.alerts == 1)
        #expect(report.loads.map(\.before) == report.loads.map(\.after) && report.loads.map(\.who).sorted() == ["ana", "bea"])
    }

    @Test func whoeverIsPagedBesideIsAddedWithTheLineThatDecides() throws {
        let report = Self.run([try Self.alert("Disk", minutes: 5)], old: try Self.plan(), new: try Self.plan(first: "[ana, bea]"))
        #expect(report.removed.isEmpty && report.same == 1 && report.isSound)
        let page = try #require(report.added.first)
        #expect(report.added.count == 1 && page.person == "bea" && page.contact == "phone of Bea" && page.alert == "Disk")
        #expect(page.at == PlanFixture.date("2026-01-14 15:00") && page.place == "oncall.yaml:7" && !page.isAtNight)
    }

    @Test func whoeverIsNotPagedAnyMoreIsRemovedAndACriticalAlertThatReachesFewerIsALoss() throws {
        let old = try Self.plan(), new = try Self.plan(second: "[ana]")
        let report = Self.run([try Self.alert("Disk", minutes: 20)], old: old, new: new)
        #expect(report.removed.map(\.person) == ["bea"] && !report.isSound)
        #expect(report.losses.map(\.before) == [["ana", "bea"]] && report.losses.map(\.after) == [["ana"]])
        let minor = Self.run([try Self.alert("Disk", "warning", minutes: 20)], old: old, new: new)
        #expect(minor.removed.map(\.person) == ["bea"] && minor.isSound, "only criticals and emergencies count")
        let emergency = Self.run([try Self.alert("Gas", "warning", minutes: 20, emergency: true)], old: old, new: new)
        #expect(!emergency.isSound)
    }

    @Test func whatAllIsMutedReachesNobodyAndIsALossUnlessItWasMutedBefore() throws {
        let muted = """
            time_intervals: [{name: always, time_intervals: [{months: ['1:12']}]}]
            """
        let old = try Self.plan(), new = try Self.plan(intervals: muted, route: ", routes: [{receiver: nights, mute_time_intervals: [always]}]")
        let report = Self.run([try Self.alert("Disk")], old: old, new: new)
        #expect(report.losses.map(\.after) == [[]] && report.removed.count >= 2)
        let as_before = Self.run([try Self.alert("Disk")], old: new, new: new)
        #expect(as_before.isSound && as_before.same == 0)
        // An emergency passes it.
        #expect(Self.run([try Self.alert("Gas", emergency: true)], old: old, new: new).isSound)
    }

    @Test func aPageThatComesLaterMayComeAtNight() throws {
        // 20:00 in Lisbon, and five hours later.
        let alert = try Self.alert("Disk", at: "2026-01-14 20:00", minutes: 600)
        let report = Self.run([alert], old: try Self.plan(), new: try Self.plan(wait: "5h"))
        let move = try #require(report.movedIntoNight.first)
        #expect(report.movedIntoNight.count == 1 && move.after.person == "bea")
        #expect(move.before.at == PlanFixture.date("2026-01-14 20:10") && move.after.at == PlanFixture.date("2026-01-15 01:00"))
        let bea = try #require(report.loads.first { $0.who == "bea" })
        #expect(bea.nightsBefore == 0 && bea.nightsAfter == 1 && bea.before == bea.after)
    }

    @Test func aPersonsOwnQuietHoursAreTheirNight() throws {
        let quiet = ", quiet_hours: {start: \"13:00\", end: \"15:00\"}"
        let alert = try Self.alert("Disk", at: "2026-01-14 12:50", minutes: 30)
        let report = Self.run([alert], old: try Self.plan(wait: "5m", bea: quiet), new: try Self.plan(wait: "15m", bea: quiet))
        #expect(report.movedIntoNight.map(\.after.person) == ["bea"])
        // At half past ten in the evening she sleeps no more than her quiet hours say.
        let late = try Self.alert("Disk", at: "2026-01-14 21:50", minutes: 30)
        let evening = Self.run([late], old: try Self.plan(wait: "5m", bea: quiet), new: try Self.plan(wait: "15m", bea: quiet))
        #expect(evening.movedIntoNight.isEmpty && evening.moved == 1)
    }

    @Test func answersCountAsTheyWereGiven() throws {
        let alert = try Self.alert("Disk"), old = try Self.plan()
        let answer = try Self.answer(alert, after: 5, plan: old)
        let same = Self.run([alert], old: old, new: old, answers: [answer])
        #expect(same.loads.map(\.who) == ["ana"], "Bea is not paged, for Ana had answered")
        // A plan that waits less than Ana took.
        let report = Self.run([alert], old: old, new: try Self.plan(wait: "3m"), answers: [answer])
        #expect(report.added.map(\.person) == ["bea"] && report.added.first?.at == PlanFixture.date("2026-01-14 15:03") && report.idleAnswers == 0)
    }

    @Test func silencesOfThenHoldBothPlans() throws {
        let silence = Silence(
            id: "s", matchers: [LabelMatcher("alertname", .equal, "Disk")], startsAt: PlanFixture.date("2026-01-14 00:00"),
            endsAt: PlanFixture.date("2026-01-15 00:00"), createdBy: "ana", comment: "painters")
        let report = Self.run([try Self.alert("Disk")], old: try Self.plan(), new: try Self.plan(first: "[bea]"), silences: [silence])
        #expect(report.added.isEmpty && report.loads.isEmpty && report.isSound)
    }

    @Test func whatWasOpenBeforeTheBeginningIsPlayedFromItsOwnAndOnlyLaterPagesCount() throws {
        let alert = try Self.alert("Disk", at: "2026-01-14 15:00", minutes: 780)
        let report = Self.run([alert], old: try Self.plan(), new: try Self.plan(), from: "2026-01-14 15:05")
        #expect(
            report.loads.contains { $0.who == "bea" } && report.loads.first { $0.who == "ana" }?.before == 1,
            "Ana's first page was before; one more comes with the next round")
    }

    @Test func thePlansOfThenFollowOneAnother() throws {
        let first = try Self.plan(), second = try Self.plan(first: "[bea]", second: "[ana]")
        let alerts = [try Self.alert("Disk", minutes: 5), try Self.alert("Gate", at: "2026-01-15 15:00", minutes: 5)]
        let report = Backtest(
            .init(alerts: alerts), old: [(PlanFixture.date("2026-01-01"), first), (PlanFixture.date("2026-01-15 00:00"), second)], new: first,
            from: PlanFixture.date("2026-01-14 00:00"), to: PlanFixture.date("2026-01-16 00:00"), zone: "Europe/Lisbon"
        ).run()
        #expect(report.same == 1 && report.added.map(\.person) == ["ana"] && report.removed.map(\.person) == ["bea"])
        #expect(report.removed.first?.plan == second.version && report.added.first?.plan == first.version)
    }

    @Test func jacksOwnAlertsThatGrewWorseAreOneAlertThatGoesOn() async throws {
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(KernelSchema.migrations + OnCallSchema.migrations)
        let plan = try Self.plan(), start = PlanFixture.date("2026-01-14 15:00")
        var core = OnCallCore(plan: plan)
        for (minutes, severity, ended) in [(0.0, AlertSeverity.warning, false), (2, .critical, false), (11, .critical, true)] {
            let now = start.addingTimeInterval(minutes * 60)
            core.raise(
                Alert(fingerprint: "own:leak", name: "Leak", severity: severity, summary: "a leak", startsAt: start, endsAt: ended ? now : nil),
                at: now)
            core.advance(to: now.addingTimeInterval(60))
            let rows = try OnCallRows(core.drain(), of: core, property: "main")
            try await engine.write { try rows.write(in: $0) }
        }
        let alerts = try await engine.read {
            try OnCallHistory(property: "main").occurrences(from: start, to: start.addingTimeInterval(3600), $0)
        }
        #expect(alerts.map(\.severity) == [.warning, .critical])
        let report = Self.run(alerts, old: plan, new: try Self.plan(first: "[ana, bea]"))
        // Told again when it grew worse, and not when it went on.
        #expect(report.loads.first { $0.who == "ana" }?.before == 2 && report.loads.first { $0.who == "bea" }?.after == 2)
        await engine.close()
    }

    @Test func aFloodIsPlayedInLittleTime() throws {
        let alerts = try (0..<2000).map { try Self.alert("Flood\($0)", "warning", minutes: 30) }
        let began = ContinuousClock.now
        let report = Self.run(alerts, old: try Self.plan(), new: try Self.plan(wait: "20m"))
        #expect(report.alerts == 2000 && (report.loads.first?.before ?? 0) < 200)
        #expect(ContinuousClock.now - began < .seconds(60))
    }
}
