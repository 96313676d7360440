import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

@Suite struct LevelTests {
    private static let plan =
        PlanFixture.people + """
            teams:
              security: [bruno, guard]
            schedules:
              guard: {timezone: UTC, layers: [{rotation: daily, start: 2026-01-01, handover: "00:00", people: [ana, carla]}]}
              office: {timezone: UTC, layers: [{people: [carla], restrictions: [{weekdays: [mon], from: "09:00", to: "17:00"}]}]}
            policies:
              main:
                respond_within: 15m
                acknowledgement_lasts: 4h
                repeat: 1
                levels:
                  - {name: first, notify: [office], wait: 5m}
                  - {name: second, notify: [security], wait: 10m}
                fallback: [{type: pagerduty, service_key: secret-key}]
              night:
                quiet_hours: {start: "22:00", end: "08:00", timezone: UTC}
                levels:
                  - {name: one, notify: [ana], wait: 5m}
                  - {name: only-bad, notify: [bruno], min_severity: error}
                  - {name: last, notify: [carla]}
            emergency: {policy: main}
            receivers:
              - {name: house, policy: main}
              - {name: night, policy: night}
              - {name: tell, notify: [{type: email, address: ops@example.com}]}
              - name: both
                policy: night
                slack_configs: [{channel: "#ops", title: x}]

            """

    @Test func levelsRoundsAndTheFallback() throws {
        let plan = try PlanFixture(Self.plan)
        #expect(plan.errors == [])
        #expect(plan.roster.escalates("house") && plan.roster.escalates("both") && !plan.roster.escalates("tell") && !plan.roster.escalates("nobody"))
        #expect(plan.roster.acknowledgementLasts(for: "house") == .seconds(14400) && plan.roster.acknowledgementLasts(for: "night") == nil)
        // A Monday in office hours.
        let first = try #require(plan.level(1, "house", at: "2026-01-05 10:00"))
        #expect(first.told == ["phone:+351910000003"] && first.wait == 300 && first.passedOver == [] && first.name == "first")
        #expect(first.steps[0].fallbacks.map(\.instance) == ["sms"] && first.steps[0].contact.label == "phone of carla")
        #expect(first.steps[0].reason == "on call in office (layer 1), oncall.yaml:20:36")
        // Out of them the level is passed over at once.
        let empty = try #require(plan.level(1, "house", at: "2026-01-05 08:00"))
        #expect(empty.told == [] && empty.wait == 0 && empty.passedOver == ["nobody is on call in office, oncall.yaml:20:3"])
        let second = try #require(plan.level(2, "house", at: "2026-01-05 08:00"))
        #expect(second.told == ["phone:+351910000002", "phone:+351910000001"] && second.wait == 600)
        #expect(second.steps[0].reason.hasPrefix("team security: named in second, oncall.yaml:17:"))
        // The second round, and what comes after it.
        #expect(plan.level(4, "house", at: "2026-01-06 00:00")?.told == ["phone:+351910000002", "phone:+351910000003"])
        let last = try #require(plan.level(5, "house", at: "2026-01-06 00:00"))
        #expect(
            last.told == ["pagerduty:secret-key"] && last.wait == nil && last.steps[0].contact.label == "pagerduty" && last.steps[0].person == nil)
        #expect(plan.level(6, "house", at: "2026-01-06 00:00") == nil && plan.level(0, "house", at: "2026-01-06 00:00") == nil)
    }

    @Test func inAPolicysQuietHoursLevelsAreDueWhenTheyEnd() throws {
        let plan = try PlanFixture(Self.plan)
        let held = try #require(plan.level(1, "night", .warning, at: "2026-01-05 23:00"))
        #expect(held.told == ["phone:+351910000001+540"] && held.wait == 540 * 60 + 300)
        #expect(held.passedOver.count == 1 && held.passedOver[0].contains("quiet hours 22:00–08:00 of policy night, oncall.yaml:31:18"))
        #expect(plan.level(1, "night", .critical, at: "2026-01-05 23:00")?.told == ["phone:+351910000001"])
        #expect(plan.level(1, "night", .warning, at: "2026-01-05 21:59:59")?.told == ["phone:+351910000001"])
        #expect(plan.level(1, "night", .warning, at: "2026-01-06 08:00")?.told == ["phone:+351910000001"])
        // A level that is not for this severity is passed over, and says so.
        let skipped = try #require(plan.level(2, "night", .warning, at: "2026-01-05 12:00"))
        #expect(skipped.told == [] && skipped.wait == 0 && skipped.passedOver[0].hasPrefix("only for error to critical, not warning"))
        #expect(plan.level(3, "night", .warning, at: "2026-01-05 12:00")?.wait == nil)
    }

    @Test func emergenciesPassQuietHoursAndUseEveryContact() throws {
        let plan = try PlanFixture(Self.plan)
        // Whatever receiver the tree finds.
        for receiver in ["night", "house", "tell", Roster.emergencyReceiver] {
            let second = try #require(plan.level(2, receiver, .info, at: "2026-01-05 23:00", isEmergency: true))
            #expect(
                second.told == ["phone:+351910000002", "email:bruno@example.com", "phone:+351910000001", "email:ana@example.com"], "\(receiver)")
        }
        #expect(
            plan.level(1, "tell", at: "2026-01-05 10:00", isEmergency: true)?.told == [
                "email:ops@example.com", "phone:+351910000003", "sms:+351910000003",
            ])
    }

    @Test func receiversThatOnlyTellDoSoOnce() throws {
        let plan = try PlanFixture(Self.plan)
        let told = try #require(plan.level(1, "tell", .info, at: "2026-01-05 10:00"))
        #expect(told.told == ["email:ops@example.com"] && told.wait == nil && plan.level(2, "tell", .info, at: "2026-01-05 10:00") == nil)
        #expect(told.steps[0].contact.label == "email ops@example.com")
        // A receiver with a policy and a channel tells the channel with the first level alone.
        #expect(plan.level(1, "both", at: "2026-01-05 10:00")?.told == ["slack:#ops", "phone:+351910000001"])
        #expect(plan.level(3, "both", at: "2026-01-05 10:00")?.told == ["phone:+351910000003"])
        #expect(plan.level(1, "unknown", at: "2026-01-05 10:00") == nil)
    }

    private static let personal = """
        people:
          ana:
            name: Ana
            timezone: Europe/Lisbon
            contacts:
              - {type: phone, number: "+351910000001"}
              - {type: sms, number: "+351910000001", name: text}
            rules:
              critical: [{contact: phone}]
              default: [{contact: text}, {contact: phone, after: 5m}]
            quiet_hours: {start: "23:00", end: "07:00", severity_override: critical}
            absences: [{from: 2026-08-01, to: 2026-08-02, reason: holiday}]
        policies:
          main: {levels: [{notify: [ana]}]}
        emergency: {policy: main}
        receivers: [{name: house, policy: main}]

        """

    @Test func peoplesOwnRulesQuietHoursAndAbsences() throws {
        let plan = try PlanFixture(Self.personal)
        #expect(plan.errors == [])
        #expect(plan.level(1, "house", .error, at: "2026-07-01 12:00")?.told == ["sms:+351910000001", "phone:+351910000001+5"])
        #expect(plan.level(1, "house", .critical, at: "2026-07-01 12:00")?.told == ["phone:+351910000001"])
        // Seven in Lisbon is six in UTC: the last level is not lost, but due then.
        let held = try #require(plan.level(1, "house", .error, at: "2026-07-01 23:00"))
        #expect(
            held.told == ["sms:+351910000001+420", "phone:+351910000001+425"]
                && held.passedOver == ["Ana: quiet hours 23:00–07:00, oncall.yaml:11:18"])
        #expect(plan.level(1, "house", .critical, at: "2026-07-01 23:00")?.told == ["phone:+351910000001"])
        let away = try #require(plan.level(1, "house", .critical, at: "2026-08-01 12:00"))
        #expect(away.told == ["phone:+351910000001+\(35 * 60)"] && away.passedOver == ["Ana: away (holiday), oncall.yaml:12:16"])
    }

    @Test func aSecondInstanceOfAKindIsTheNextWay() throws {
        var other = PlanFixture.sms
        other.instance = "sms2"
        let plan = try PlanFixture(Self.personal.replacing("name: text}", with: "name: text, through: sms2}"), sinks: PlanFixture.all + [other])
        #expect(plan.errors == [])
        let level = try #require(plan.level(1, "house", .error, at: "2026-07-01 12:00"))
        #expect(level.steps[0].contact.instance == "sms2" && level.steps[0].fallbacks.map(\.instance) == ["sms", "phone"])
    }

    @Test func theHandbooksScheduleWorksAsItStands() throws {
        let plan = try PlanFixture(
            """
            escalation:
              levels:
                - name: primary
                  contacts:
                    - type: pagerduty
                      service_key: key
                  wait_minutes: 5

                - name: secondary
                  contacts:
                    - type: phone
                      number: "+351910000001"
                    - type: email
                      address: ops@example.com
                  wait_minutes: 15

                - name: management
                  contacts:
                    - type: phone
                      number: "+351910000002"
                  wait_minutes: 30

              quiet_hours:
                start: "22:00"
                end: "08:00"
                severity_override: critical  # Only page for critical during quiet hours
            """)
        #expect(plan.lines == [])
        let levels = (1...3).map { plan.level($0, "default", at: "2026-01-05 23:00") }
        #expect(levels.map { $0?.told } == [["pagerduty:key"], ["phone:+351910000001", "email:ops@example.com"], ["phone:+351910000002"]])
        #expect(levels.map { $0?.wait } == [300, 900, nil] && levels.map { $0?.name } == ["primary", "secondary", "management"])
        #expect(plan.roster.escalates("default") && plan.level(4, "default", at: "2026-01-05 23:00") == nil)
        #expect(plan.level(1, "default", .warning, at: "2026-01-05 23:00")?.told == ["pagerduty:key+540"])
    }

    @Test func theHandbooksAlertmanagerReceiversTellDirectly() throws {
        let yaml = """
            receivers:
              - name: 'default'
                slack_configs:
                  - api_url: 'https://hooks.example.com/secret'
                    channel: '#jack-alerts'
              - name: 'pagerduty-critical'
                pagerduty_configs:
                  - service_key: 'key'
                    severity: critical
              - name: mail
                email_configs: [{to: "a@example.com, b@example.com", from: x@example.com}]
              - name: other
                sns_configs: [{topic_arn: x}]
            """
        let plan = try PlanFixture(yaml)
        #expect(plan.errors == [])
        #expect(
            plan.lines == [
                "oncall.yaml:13:5: warning: Jack has no alert plugin for “sns_configs”: nobody is told by it; name contacts of Jack's own under notify:, or "
                    + "give the receiver another kind"
            ])
        #expect(plan.level(1, "default", at: "2026-01-05 10:00")?.told == ["slack:#jack-alerts"])
        #expect(plan.level(1, "pagerduty-critical", at: "2026-01-05 10:00")?.told == ["pagerduty:key"])
        #expect(plan.level(1, "pagerduty-critical", at: "2026-01-05 10:00")?.steps[0].contact.label == "pagerduty")
        #expect(plan.level(1, "mail", at: "2026-01-05 10:00")?.told == ["email:a@example.com", "email:b@example.com"])
        // News goes together to people, and by itself to what keeps an incident for each matter.
        #expect(plan.level(1, "mail", at: "2026-01-05 10:00")?.steps.map(\.contact.bundlesNews) == [true, true])
        #expect(plan.level(1, "pagerduty-critical", at: "2026-01-05 10:00")?.steps.map(\.contact.bundlesNews) == [false])
        let own = try PlanFixture(PlanFixture.people).roster.contactWays.map(\.contact)
        #expect(Set(own.filter(\.bundlesNews).map(\.instance)) == ["sms", "email"] && own.contains { $0.instance == "phone" })
        let nobody = try #require(plan.level(1, "other", at: "2026-01-05 10:00"))
        #expect(nobody.told == [] && nobody.passedOver == ["the receiver other tells nobody, oncall.yaml:12:11"])
        #expect(!plan.roster.escalates("default"))
        // A kind that Jack has, and nobody switched on.
        let bare = try PlanFixture(yaml, sinks: [PlanFixture.email, PlanFixture.phone])
        #expect(
            bare.lines.contains {
                $0
                    == "oncall.yaml:3:5: warning: “slack_configs” is the plugin slack's, and no instance of it is configured; add slack: under alerts: in "
                    + "jack.yaml, with its settings"
            })
    }
}

/// The sample hotel's plan, which ships.
@Suite struct SamplePlanTests {
    private func text() throws -> String {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../config/oncall.yaml")
        // Every variable has a default, which the program fills in.
        return try String(contentsOf: file, encoding: .utf8).replacing(/\$\{[A-Z_]+:-([^}]*)\}/) { "\($0.1)" }
    }

    private func plan() throws -> PlanFixture { try PlanFixture(text()) }

    @Test func itIsSoundAndCoversEveryMomentOfAYear() throws {
        let plan = try plan()
        #expect(plan.lines == [])
        let coverage = try PlanFixture.plan(text()).coverage(from: PlanFixture.date("2026-11-21"), to: PlanFixture.date("2027-11-21"))
        #expect(coverage.isSound && coverage.receivers == 7 && coverage.routes == 8)
        // Nobody can say which alerts carry the label that the weekly window asks for.
        #expect(coverage.notes.count == 1 && coverage.notes[0].contains("the maintenance window “weekly”"))
        // Warnings of channels wait for the morning, and that is said.
        #expect(coverage.gaps.allSatisfy { $0.receiver == "channels" && $0.kind == .quietHours })
        #expect(plan.roster.scheduleGaps(from: PlanFixture.date("2026-11-21"), to: PlanFixture.date("2027-11-21")) == [])
    }

    @Test func theHandbooksTableHolds() throws {
        let plan = try plan(), night = "2026-11-25 02:10"
        func people(_ receiver: String, _ number: Int) -> [String] { plan.level(number, receiver, at: night)?.steps.compactMap(\.person) ?? [] }
        #expect(people("engineering", 1) == ["ana"] && people("engineering", 2) == ["eva", "gloria"])
        #expect(people("channels", 1) == ["ana"] && people("channels", 2) == ["eva", "gloria"])
        #expect(people("engineer-informed", 1) == ["ana"] && plan.level(2, "engineer-informed", at: night) == nil)
        #expect(people("security", 1) == ["clara"] && people("security", 2) == ["eva", "gloria", "ana"])
        #expect(people("guests", 1) == ["eva"] && people("guests", 2) == ["gloria"])
        #expect(plan.level(1, "security", at: night)?.wait == 120 && plan.level(1, "guests", at: night)?.wait == 1200)
    }
}
