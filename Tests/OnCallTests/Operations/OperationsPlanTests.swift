import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import OnCall

@Suite struct OperationsPlanTests {
    private func read(_ yaml: String) -> (incidents: IncidentPlan, maintenance: MaintenancePlan, lines: [String]) {
        var diagnostics = Diagnostics()
        let root =
            YAMLReader().read(Array(yaml.utf8), file: "oncall.yaml", &diagnostics)
            ?? ConfigNode(.mapping([]), mark: .init(file: "", line: 1, column: 1))
        let plan = PlanReader(sinks: [], timezone: "Europe/Lisbon").operations(root, &diagnostics)
        return (plan.0, plan.1, diagnostics.sorted.map(\.description))
    }

    @Test func whatIsWrittenTakesThePlaceOfTheHandbooks() throws {
        let read = read(
            """
            incidents:
              priorities:
                P1: {respond_within: 10m, watch: 0s, postmortem_within: 24h}
                P4:
                  severity: info
                  playbook:
                    - {step: look, within: 2h, do: [look at it, write it down]}
                    - step: resolve
              open:
                - {matchers: ['severity="critical"', 'type=~"database_error|container_unhealthy"'], priority: P1, title: The house stands still}
            """)
        #expect(read.lines == [])
        let first = read.incidents.promise(.p1), last = read.incidents.promise(.p4)
        #expect(first.respondWithin == 600 && first.watch == 0 && first.postmortemWithin == 86_400 && first.playbook.count == 5)
        #expect(last.respondWithin == 86_400 && last.severity == .info && last.playbook.map(\.name) == ["look", "resolve"])
        #expect(last.playbook[0].within == 7200 && last.playbook[0].actions.count == 2)
        let rule = try #require(read.incidents.rules.first)
        #expect(rule.matchers.match(["severity": "critical", "type": "database_error"]) && !rule.matchers.match(["severity": "critical"]))
        #expect(rule.mark.line == 10 && rule.title == "The house stands still")
    }

    @Test(arguments: [
        ("incidents: {priorities: {P5: {}}}", "oncall.yaml:1:26: error: “P5” is no priority; did you mean “P1”?"),
        ("incidents: {priorities: {P1: {respond_within: 0s}}}", "nobody can respond within 0s"),
        ("incidents: {priorities: {P1: {respond_withn: 5m}}}", "unknown key “respond_withn”; did you mean “respond_within”?"),
        ("incidents: {priorities: {P1: {playbook: [{step: a}, {step: a}]}}}", "there is a step “a” already, at oncall.yaml:1:49"),
        ("incidents: {priorities: {P1: {playbook: [{step: postmortem}]}}}", "“postmortem” is not a step"),
        ("incidents: {priorities: {P1: {playbook: [{step: a b}]}}}", "“a b” is no name of a step"),
        ("incidents: {priorities: {P1: {playbook: [{step: a, within: 0s}]}}}", "a step takes longer than 0s"),
        ("incidents: {open: [{matchers: ['a=~\"(\"'], priority: P1}]}", "is not a matcher"),
        ("incidents: {open: [{matchers: [], priority: P1}]}", "would open an incident for every alert"),
        ("incidents: {open: [{matchers: ['a=\"\"'], priority: P1}]}", "would open an incident for every alert"),
        ("incidents: {open: [{matchers: ['a=\"b\"'], priority: p1}]}", "“p1” is not one of P1, P2, P3, P4; did you mean “P1”?"),
        ("maintenance: {windows: [{name: w, from: 25:00, to: '04:00'}]}", "is not a time of the day"),
        ("maintenance: {windows: [{name: w, from: '02:00', to: '02:00', refuse_requests: true}]}", "the window lasts the whole day"),
        ("maintenance: {windows: [{name: w, from: '02:00', to: '03:00'}]}", "warning: this window mutes nothing and refuses nothing"),
        ("maintenance: {windows: [{name: w, from: '02:00', to: '03:00', matchers: ['a!=\"b\"']}]}", "would mute every alert"),
        ("maintenance: {windows: [{name: w, weekdays: [sundy], from: '02:00', to: '03:00', refuse_requests: true}]}", "did you mean “sunday”?"),
        (
            "maintenance: {windows: [{name: w, from: '02:00', to: '03:00', timezone: Europe/Lisbo, refuse_requests: true}]}",
            "did you mean “Europe/Lisbon”?"
        ),
        (
            "maintenance: {windows: [{name: w, from: '02:00', to: '03:00', refuse_requests: true}, {name: w, from: '02:00', to: '03:00', refuse_requests: true}]}",
            "there is a window “w” already, at oncall.yaml:1:32"
        ),
        ("maintenance: {recovery: {command: [restart.sh]}}", "oncall.yaml:1:36: error: “restart.sh” is no absolute path"),
        ("maintenance: {recovery: {timeout: 2h}}", "error"),
    ]) func aMistakeIsToldWithItsPlaceAndItsMend(_ yaml: String, _ words: String) {
        let lines = read(yaml).lines
        #expect(lines.count == 1 && lines.contains { $0.contains(words) && $0.hasPrefix("oncall.yaml:1:") }, "\(lines)")
    }

    @Test func aPlanHoldsThemBesideTheRest() throws {
        let yaml =
            PlanFixture.people + """
                policies: {p: {levels: [{notify: [ana]}]}}
                emergency: {policy: p}
                route: {receiver: r}
                receivers: [{name: r, policy: p}]
                incidents: {open: [{matchers: ['severity="critical"'], priority: P1}]}
                maintenance: {windows: [{name: weekly, weekdays: [sunday], from: "02:00", to: "04:00", timezone: UTC, matchers: ['service="db"']}]}
                """
        var reader = PlanReader(sinks: PlanFixture.all, timezone: "Europe/Lisbon")
        reader.files = ConfigurationFiles { (_, _) throws(ConfigurationFiles.Problem) in Array(yaml.utf8) }
        var diagnostics = Diagnostics()
        let plan = try #require(reader.read("oncall.yaml", &diagnostics), "\(diagnostics.sorted)").plan
        #expect(plan.incidents.rules.count == 1 && plan.maintenance.windows.map(\.name) == ["weekly"])
        // 2025-09-07 is a Sunday.
        let within = PlanFixture.date("2025-09-07 03:00"), labels = ["alertname": "X", "severity": "error", "service": "db"]
        func steps(_ labels: [String: String], _ at: Date, isEmergency: Bool = false) -> String {
            RouteExplanation(.init(labels: labels, at: at, isEmergency: isEmergency), by: plan, zone: .gmt).lines.joined(separator: "\n")
        }
        #expect(steps(labels, within).contains("nobody is told until 2025-09-07 04:00:00: maintenance “weekly”, oncall.yaml:"))
        #expect(!steps(labels, PlanFixture.date("2025-09-07 04:00")).contains("maintenance"))
        #expect(!steps(["alertname": "X", "service": "web"], within).contains("maintenance"))
        #expect(steps(labels, within, isEmergency: true).contains("phone of Ana Sousa"))
    }

    @Test func whatIsMutedIsExplainedAtTheMomentAtWhichItWouldBeTold() throws {
        let plan = try PlanFixture.plan(
            PlanFixture.people + """
                policies: {p: {levels: [{notify: [ana]}]}}
                emergency: {policy: p}
                receivers: [{name: r, policy: p}]
                time_intervals:
                  - name: night
                    time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}, {start_time: '00:00', end_time: '08:00'}]}]
                route: {receiver: r, group_wait: 30s, group_interval: 5m, routes: [{matchers: ['alertname="X"'], mute_time_intervals: [night]}]}

                """)
        func steps(_ time: String, _ seconds: TimeInterval, _ severity: String = "error", silences: [Silence] = []) -> String {
            let at = PlanFixture.date(time).addingTimeInterval(seconds), labels = ["alertname": "X", "severity": severity]
            return RouteExplanation(.init(labels: labels, at: at, silences: silences), by: plan, zone: .gmt).lines.joined(separator: "\n")
        }
        // It comes before the night, and its group has waited when the night has begun; a critical one does not wait.
        let evening = steps("2026-01-05 21:59", 45)
        #expect(evening.contains("nobody is told within “night”, oncall.yaml:") && !evening.contains("phone of Ana"), "\(evening)")
        #expect(evening.contains("told at 2026-01-06 08:00:15 where it lasts: looked at again every 5"), "\(evening)")
        #expect(steps("2026-01-05 21:59", 45, "critical").contains("phone of Ana"))
        // And the other way round.
        #expect(steps("2026-01-06 07:59", 45).contains("phone of Ana"))
        #expect(steps("2026-01-06 07:59", 15).contains("told at 2026-01-06 08:04:45 where it lasts"))
        let silence = Silence(
            id: "s-1", matchers: [LabelMatcher("alertname", .equal, "X")], startsAt: PlanFixture.date("2026-01-06 11:00"),
            endsAt: PlanFixture.date("2026-01-06 12:00"), createdBy: "bea", comment: "known")
        let silenced = steps("2026-01-06 11:59", 0, silences: [silence])
        #expect(silenced.contains("nobody is told until 2026-01-06 12:00:00: silence s-1 by bea, “known”"))
        #expect(silenced.contains("told at 2026-01-06 12:04:30 where it lasts"))
        #expect(steps("2026-01-06 11:59", 30, silences: [silence]).contains("phone of Ana"), "the silence is over when the group has waited")
    }
}
