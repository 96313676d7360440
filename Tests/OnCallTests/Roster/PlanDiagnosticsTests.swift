import PluginAPI
import Testing

@testable import OnCall

/// Every broken plan gets its place and its mend, and none stops the reading of the rest.
@Suite struct PlanDiagnosticsTests {
    private static let sound =
        PlanFixture.people + """
            schedules:
              desk: {layers: [{people: [ana, bruno]}]}
            policies:
              main: {levels: [{notify: [desk]}]}
            emergency: {policy: main}
            receivers: [{name: house, policy: main}]

            """

    @Test func theSoundOneHasNone() throws { #expect(try PlanFixture(Self.sound).lines == []) }

    static let broken: [(String, String, String)] = [
        ("[ana, bruno]}", "[ana, brno]}", "18… error: there is no person “brno”; did you mean “bruno”?"),
        ("[ana, bruno]}", "[]}", "error: the rotation of layer 1 has nobody; add people: with at least one name, or ical:"),
        ("notify: [desk]", "notify: [dsk]", "error: there is no person, schedule or team “dsk”; did you mean “desk”?"),
        ("notify: [desk]", "notify: []", "error: the level pages nobody; add notify: with people, schedules, teams or contacts"),
        ("levels: [{notify: [desk]}]", "levels: []", "error: the policy “main” has no level: nobody is paged; add levels:"),
        ("name: house, policy: main", "name: house, policy: mian", "error: there is no policy “mian”; did you mean “main”?"),
        ("name: house, policy: main", "name: house, polcy: main", "error: unknown key “polcy”; did you mean “policy”?"),
        (
            "emergency: {policy: main}\n", "",
            "error: emergencies have no policy: nothing proves that they end at a person; add emergency: {policy: …}"
        ),
        (
            "number: \"+351910000002\"", "number: \"910000002\"",
            "10:31: error: “910000002” is no phone number; write it with + and the country's code, such as \"+351210000000\""
        ),
        ("number: \"+351910000002\"", "number: \"+3519\"", "10:31: error: “+3519” is no phone number; write + and 8 to 15 digits"),
        ("number: \"+351910000002\"", "numbr: \"+351910000002\"", "error: unknown key “numbr”; did you mean “number”?"),
        ("address: bruno@example.com", "address: bruno", "11:32: error: “bruno” is not an e-mail address; write for example ana@example.com"),
        (
            "type: phone, number: \"+351910000002\"", "type: phon, number: \"+351910000002\"",
            "10:16: error: there is no kind of contact “phon”; did you mean “phone”?"
        ),
        (
            "type: phone, number: \"+351910000002\"", "type: phone, number: \"+351910000002\", through: sms",
            "error: there is no alert instance “sms” that carries this kind of contact; there is phone"
        ),
        (
            "name: Bruno Dias", "timezone: Europe/Lissabon",
            "8:15: error: “Europe/Lissabon” is no time zone that is known; did you mean “Europe/Lisbon”?"
        ),
        ("name: Bruno Dias", "timezone: Lisbon", "8:15: error: “Lisbon” is no time zone that is known; did you mean “Europe/Lisbon”?"),
        ("name: Bruno Dias", "nam: Bruno Dias", "8:5: error: unknown key “nam”; did you mean “name”?"),
        ("name: Bruno Dias", "rules: {critical: [{contact: sms}]}", "error: bruno has no contact “sms”; there is email, phone"),
        (
            "name: Bruno Dias", "rules: {catastrophic: [{contact: phone}]}",
            "error: “catastrophic” is no severity; there is critical, default, error, info, warning"
        ),
        (
            "name: Bruno Dias", "quiet_hours: {start: \"25:00\", end: \"08:00\"}",
            "error: “25:00” is not a time of the day; write for example \"22:00\", from 00:00 to 24:00"
        ),
        ("name: Bruno Dias", "absences: [{from: 2026-02-30, to: 2026-03-01}]", "error: “2026-02-30” is not a day or a time that exists"),
        ("name: Bruno Dias", "absences: [{from: 2026-03-02, to: 2026-03-01}]", "error: it ends (2026-03-01) before it begins (2026-03-02)"),
        (
            "people: [ana, bruno]}]}", "people: [ana, bruno]}], overrides: [{from: \"2026-03-29 01:30\", to: 2026-03-30, person: ana}]}",
            "error: 2026-03-29 01:30 does not exist in Europe/Lisbon: the clock goes from 2026-03-29 01:00 to 2026-03-29 02:00; write 2026-03-29 02:00"
        ),
        (
            "people: [ana, bruno]}]}", "people: [ana, bruno]}], overrides: [{from: \"2026-10-25 01:30\", to: 2026-10-26, person: ana}]}",
            "warning: 2026-10-25 01:30 comes twice in Europe/Lisbon: the first is meant; write it in UTC to be sure: 2026-10-25T00:30Z"
        ),
        (
            "people: [ana, bruno]}]}",
            "people: [ana, bruno]}], overrides: [{from: 2026-03-01, to: 2026-03-05, person: ana}, {from: 2026-03-05, to: 2026-03-06, person: bruno}]}",
            "error: this override overlaps the one at oncall.yaml:17:"
        ),
        (
            "people: [ana, bruno]}]}",
            "people: [ana, bruno]}], temporary: [{from: 2026-03-01, to: 2026-03-05, people: [ana]}, {from: 2026-03-04, to: 2026-03-06, people: [ana]}]}",
            "error: this temporary schedule overlaps the one at oncall.yaml:17:"
        ),
        (
            "people: [ana, bruno]}]}", "people: [ana, bruno]}], holidays: [{dates: [2026-12-25], layer: weekends}]}",
            "error: there is no layer “weekends” in this schedule"
        ),
        (
            "people: [ana, bruno]}]}", "people: [ana, bruno], restrictions: [{from: friday 17:00, to: \"09:00\"}]}]}",
            "error: the restriction names a day of the week at one end only"
        ),
        ("levels: [{notify: [desk]}]", "levels: [{notify: [desk]}], then: main", "error: the policies go in a circle: main → main"),
        (
            "levels: [{notify: [desk]}]", "levels: [{notify: [desk], min_severity: critical, max_severity: error}]",
            "error: this level is never reached: no severity is at least critical and at most error"
        ),
        ("levels: [{notify: [desk]}]", "levels: [{notify: [desk], wait: 5}]", "error: “5” is not a duration; say the unit: 5s or 5m?"),
        (
            "levels: [{notify: [desk]}]", "levels: [{notify: [desk], min_severity: error}]",
            "warning: the policy “main” has no level for info, warning: nobody is told of it"
        ),
        ("policies:\n", "policies:\n  spare: {levels: [{notify: [desk]}]}\n", "warning: the policy “spare” is never reached: no receiver follows it"),
        ("schedules:\n", "teams: {night: [ana]}\nschedules:\n", "warning: the team “night” is never used"),
        (
            "schedules:\n", "teams: {ana: [bruno]}\nschedules:\n",
            "error: “ana” is a person already, at oncall.yaml:2:3, and now a team; give one of them another name"
        ),
        ("notify: [desk]", "notify: [a]}]}\nteams: {a: [b], b: [a]}\nx: {y: [{z: [q]", "error: the team “a” comes back to itself: a → b → a"),
    ]

    @Test(arguments: PlanDiagnosticsTests.broken.indices) func eachMistakeIsTold(_ index: Int) throws {
        let (old, new, expected) = Self.broken[index]
        #expect(Self.sound.contains(old))
        let plan = try PlanFixture(Self.sound.replacing(old, with: new, maxReplacements: 1))
        let wanted = expected.split(separator: "… ").last.map(String.init) ?? expected
        #expect(plan.lines.contains { $0.hasPrefix("oncall.yaml:") && $0.contains(wanted) }, "\(wanted)\n\(plan.lines.joined(separator: "\n"))")
    }

    @Test func allMistakesAreToldInOneRun() throws {
        let plan = try PlanFixture(
            """
            people:
              ana: {nam: Ana}
              bruno: {contacts: []}
            schedules:
              desk: {layers: [{people: [ana, nobody]}], timezone: Mars/Base}
            emergency: {polcy: main}
            policies:
              main: {levels: [{notify: [desk, ghost], wait: 5}, {notify: [phantom]}]}
            receivers: [{name: house, policy: other}]
            """)
        for part in [
            "“nam”", "bruno has no contact", "“nobody”", "“Mars/Base”", "“polcy”", "“5” is not a duration", "“phantom”", "no policy “other”",
        ] {
            #expect(plan.errors.contains { $0.contains(part) }, "\(part)")
        }
        // Ana's entry is not sound, but she is known.
        #expect(!plan.errors.contains { $0.contains("no person “ana”") })
    }

    @Test func anEmergencyMustEndAtPeopleByTwoPlugins() throws {
        // Two instances of one plugin are one.
        let plan = try PlanFixture(
            """
            people:
              ana: {contacts: [{type: sms, number: "+351910000001"}, {type: email, address: ana@example.com}]}
            policies:
              main: {levels: [{notify: [ana]}]}
            emergency: {policy: main}
            receivers: [{name: house, policy: main}]
            """)
        #expect(
            plan.errors == [
                "oncall.yaml:4:3: error: the policy “main”, which emergencies follow, ends at people by channel alone: an emergency must reach people by two "
                    + "independent alert plugins; give ana (oncall.yaml:2:3) a contact of another kind"
            ])
        // One of those on call has no second way.
        let uneven = try PlanFixture(Self.sound.replacing("      - {type: email, address: bruno@example.com}\n", with: ""))
        #expect(
            uneven.errors.count == 1 && uneven.errors[0].contains("ends at people by phone alone") && uneven.errors[0].contains("everybody of desk"))
        // What reaches no person does not count, and nothing configured says so.
        let bare = try PlanFixture(Self.sound, sinks: [PlanFixture.log])
        #expect(bare.errors.count == 1 && bare.errors[0].contains("ends at no alert plugin that is sure to reach people"))
        #expect(bare.errors[0].hasSuffix("jack.yaml has no alert plugin that reaches people"))
        #expect(
            bare.lines.contains {
                $0.contains("no alert instance carries contacts of type “phone”") && $0.contains("add phone: under alerts: in jack.yaml")
            })
    }

    @Test func hostileTextIsAnswered() throws {
        let long = String(repeating: "x", count: 200_000)
        for yaml in [
            "people: 5", "people: [a]", "schedules: {a: 1}", "policies: {a: {levels: {}}}", "escalation: []", "emergency: main", "teams: {a: {b: c}}",
            "people: {\(long): {}}", "people: {a: {contacts: [{type: phone, number: \(long)}]}}", "timezone: \(long)",
            "policies: {a: {levels: [{notify: [\(long)]}]}}",
            "receivers: [{name: a, notify: 7}]",
        ] {
            let plan = try PlanFixture(yaml)
            #expect(!plan.errors.isEmpty && plan.errors.allSatisfy { $0.contains("oncall.yaml:1:") }, "\(yaml.prefix(60))")
        }
    }

    @Test func whoHearsOfAnEmergencyIsKnownWithoutAClock() throws {
        let plan = try PlanFixture(
            """
            people:
              ana: {contacts: [{type: phone, number: "+351210000001"}, {type: log}]}
              bea: {contacts: [{type: sms, number: "+351210000002"}, {type: email, address: bea@example.com}]}
              carl: {contacts: [{type: phone, number: "+351210000003"}]}
            schedules: {nights: {layers: [{rotation: weekly, people: [ana, bea]}]}}
            policies:
              fire: {levels: [{notify: [nights], wait: 5m}]}
              days: {levels: [{notify: [carl], wait: 5m}]}
            emergency: {policy: fire}
            route: {receiver: days}
            receivers: [{name: days, policy: days}]
            """)
        // Everybody who may ever be on call, and nobody whom only a log would tell.
        #expect(
            plan.roster.emergencyContacts.map { $0.map { "\($0.instance) \($0.recipient ?? "")" } } == [
                ["phone +351210000001"], ["sms +351210000002"], ["email bea@example.com"],
            ], "\(plan.lines)")
    }
}
