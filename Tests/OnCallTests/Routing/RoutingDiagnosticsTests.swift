import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

@Suite struct RoutingDiagnosticsTests {
    private static let tail = "receivers: [{name: r}]"

    private static let mistakes: [(String, [String])] = [
        (
            "route: {receiver: x}\nreceivers: [{name: primary}, {name: secondary}]",
            [
                "f:1:19: error: there is no receiver “x”; there is primary, secondary",
                "f:2:20: warning: no route leads to the receiver “primary”; name it in a route, or remove it",
                "f:2:37: warning: no route leads to the receiver “secondary”; name it in a route, or remove it",
            ]
        ),
        (
            "route: {receiver: primry}\nreceivers: [{name: primary}]",
            [
                "f:1:19: error: there is no receiver “primry”; did you mean “primary”?",
                "f:2:20: warning: no route leads to the receiver “primary”; name it in a route, or remove it",
            ]
        ),
        (
            "route: {receiver: r}\nreceivers: [{name: r}, {name: r}]",
            ["f:2:31: error: there is another receiver “r”, at f:2:20; give one of them another name, or make one of the two"]
        ),
        (
            "route: {receiver: r}\nreceivers: [{slack_configs: []}, x, {name: r}]",
            [
                "f:2:13: error: a receiver has no name; add name:, by which routes call it",
                "f:2:34: error: expected a receiver, found “x”; write - name: and under it how it is reached",
            ]
        ),
        (
            "route: {matchers: [a=b], receiver: r}\n\(tail)",
            ["f:1:9: error: the first route takes every alert and may have no matchers; put matchers into a route under routes:"]
        ),
        (
            "route: {continue: true, receiver: r}\n\(tail)",
            ["f:1:9: error: the first route takes every alert and may have no continue; put continue into a route under routes:"]
        ),
        ("route: {continue: false, matchers: [], receiver: r}\n\(tail)", []),
        (
            "route: {group_wait: 1s}\n\(tail)",
            [
                "f:1:8: error: the first route has no receiver; add receiver:, the one of all alerts that no other route takes",
                "f:2:20: warning: no route leads to the receiver “r”; name it in a route, or remove it",
            ]
        ),
        (tail, ["f:1:1: error: there is no route; add route: with the receiver of all alerts that no other route takes"]),
        ("", ["f:1:1: error: there is no route; add route: with the receiver of all alerts that no other route takes"]),
        ("[]", ["f:1:1: error: expected a routing plan, found a list; write its keys as “key: value”"]),
        (
            "route: {receiver: r, routes: [{mute_time_intervals: [nigth]}]}\n\(tail)\ntime_intervals: [{name: night, time_intervals: [{months: [may]}]}]",
            ["f:1:54: error: there is no time interval “nigth”; did you mean “night”?"]
        ),
        (
            "route: {receiver: r, active_time_intervals: [x]}\n\(tail)\ntime_intervals: [{name: x, time_intervals: [{months: [may]}]}]",
            ["f:1:22: error: the first route takes every alert and may have no time intervals; put active_time_intervals into a route under routes:"]
        ),
        ("route: {receiver: r, group_by: [a, b, a]}\n\(tail)", ["f:1:39: error: “a” stands twice in group_by; keep one of them"]),
        (
            "route: {receiver: r, group_by: ['...', b]}\n\(tail)",
            ["f:1:32: error: “...” already stands for every label; write group_by: ['...'] alone, or the labels without it"]
        ),
        ("route: {receiver: r, group_by: a}\n\(tail)", ["f:1:32: error: expected a list, found “a”; write group_by: [a]"]),
        (
            "route: {receiver: r, group_interval: 0s, repeat_interval: 0, group_wait: 0}\n\(tail)",
            [
                "f:1:38: error: group_interval may not be zero; write for example group_interval: 5m",
                "f:1:59: error: repeat_interval may not be zero; write for example repeat_interval: 5m",
            ]
        ),
        (
            "route: {receiver: r, group_wait: 30, group_interval: 5 minutes}\nglobal: {resolve_timeout: 1h1d}\n\(tail)",
            [
                "f:1:34: error: “30” is not a duration; say the unit: 30s or 30m?",
                "f:1:54: error: “5 minutes” is not a duration; write for example 30s, 5m, 1h30m or 1d; units y, w, d, h, m, s, ms from the largest to the smallest",
                "f:2:27: error: “1h1d” is not a duration; write for example 30s, 5m, 1h30m or 1d; units y, w, d, h, m, s, ms from the largest to the smallest",
            ]
        ),
        (
            "route: {receiver: r, routes: [{match_re: {a: 'x('}}, {matchers: ['a=~\"(?!x)\"']}]}\n\(tail)",
            [
                "f:1:46: error: “x(” is not a regular expression: a “(” is not closed; look at character 2 of the pattern",
                "f:1:66: error: “a=~\"(?!x)\"” is not a matcher: look-around is not supported, as in RE2; say the same with two matchers, at character 1 of the pattern; look at character 4; write for example severity=\"critical\" or room=~\"2..\"",
            ]
        ),
        (
            "route: {receiver: r, routes: [{matchers: [severity]}, {match: {a-b: c}}, {match: [a]}, {match_re: {a: ~}}]}\n\(tail)",
            [
                "f:1:43: error: “severity” is not a matcher: one of =, !=, =~ and !~ is missing; look at character 9; write for example severity=\"critical\" or room=~\"2..\"",
                "f:1:64: error: “a-b” is not a label's name here; use letters, digits and _, or write it under matchers in quotes",
                "f:1:82: error: expected labels and values, found a list; write match: {severity: critical}, or use matchers",
                "f:1:103: error: match_re has no pattern for “a”; write one, or remove the line",
            ]
        ),
        (
            "route: {reciever: r, receiver: r}\nroutes: []\ntempates: []\n\(tail)",
            [
                "f:1:9: error: a route has no key “reciever”; did you mean “receiver”?",
                "f:2:1: error: a routing plan has no key “routes”; did you mean “route”?",
                "f:3:1: error: a routing plan has no key “tempates”; did you mean “templates”?",
            ]
        ),
        (
            "route: {receiver: r, routes: [~, [], {continue: maybe}]}\n\(tail)",
            [
                "f:1:31: error: expected a route, found nothing; write it, or remove the line",
                "f:1:34: error: expected a route, found a list; write its keys as “key: value”",
                "f:1:49: error: expected true or false, found “maybe”",
            ]
        ),
        (
            "route: {receiver: r, routes: [{receiver: r}, {matchers: [a=b]}]}\n\(tail)",
            [
                "f:1:46: warning: no alert comes to this route: the one at f:1:31 takes every one; give that one matchers, or continue: true, or put it last"
            ]
        ),
        (
            "route: {receiver: r, routes: [{matchers: ['a=~\"b)|(?:c\"']}]}\n\(tail)",
            ["f:1:43: warning: the brackets of “b)|(?:c” do not pair, so it may fit a part of a value; put the whole pattern in brackets"]
        ),
        (
            "route: {receiver: r}\ntracing: {}\ntemplates: ['*.tmpl']\n\(tail)",
            [
                "f:2:1: note: tracing means nothing to Jack; you may leave it",
                "f:3:1: note: Jack writes its own texts and reads no templates; you may leave it",
            ]
        ),
        (
            "route: {receiver: r}\ninhibit_rules: [{source_matchers: [a=b], equal: ['']}, {sourcematch: {}, source_match: {a: b}, target_match: {a: c}}]\n\(tail)",
            [
                "f:2:17: warning: this rule has no target_matchers, so every alert is its target; add target_matchers:",
                "f:2:50: error: a label's name is empty; write it, or remove it from the list",
                "f:2:57: error: an inhibit rule has no key “sourcematch”; did you mean “source_match”?",
            ]
        ),
        (
            "route: {receiver: r}\nglobal: {slack_api_ulr: x}\n\(tail)",
            ["f:2:10: error: global has no key “slack_api_ulr”; did you mean “slack_api_url”?"]
        ),
    ]

    @Test(arguments: mistakes)
    func saysWhatIsWrongAndWhatToDo(yaml: String, said: [String]) {
        let plan = readPlan(yaml)
        #expect(plan.said == said)
        #expect((plan.routing == nil) == said.contains { $0.contains("error:") })
    }

    private static func interval(_ window: String) -> String {
        "route: {receiver: r}\n\(tail)\ntime_intervals:\n- name: t\n  time_intervals:\n  - \(window)\n"
    }

    private static let timeMistakes: [(String, String)] = [
        (
            "times: [{start_time: '9:00', end_time: '17:00'}]",
            "f:6:26: error: “9:00” is not a time of day; write hours and minutes, from '00:00' to '24:00'"
        ),
        (
            "times: [{start_time: '22:00', end_time: '06:00'}]",
            "f:6:45: error: the time ends before it begins; over midnight write two ranges: one up to '24:00', and one from '00:00'"
        ),
        ("times: [{start_time: '22:00'}]", "f:6:13: error: end_time is missing; write end_time: '09:00'"),
        (
            "times: [{start_time: '24:00', end_time: '24:01'}]",
            "f:6:45: error: “24:01” is not a time of day; write hours and minutes, from '00:00' to '24:00'"
        ),
        ("weekdays: [mon]", "f:6:16: error: “mon” is none of weekdays; write for example ['monday:friday']"),
        (
            "weekdays: ['friday:monday']",
            "f:6:16: error: “friday:monday” ends before it begins; write two ranges, one up to the end and one from the beginning"
        ),
        ("months: [sept]", "f:6:14: error: “sept” is none of months; write for example ['june:august']"),
        (
            "months: ['december:february']",
            "f:6:14: error: “december:february” ends before it begins; write two ranges, one up to the end and one from the beginning"
        ),
        ("months: [13]", "f:6:5: warning: no moment is ever in this time; look whether its months, days, weekdays and years can come together"),
        ("days_of_month: [0]", "f:6:21: error: “0” is no day of a month; write 1 to 31, or -1 to -31 counted from the end; a range as '1:7'"),
        ("days_of_month: ['-1:1']", "f:6:21: error: “-1:1” ends before it begins; write the earlier day first, or two ranges"),
        ("days_of_month: ['20:-10']", "f:6:21: error: “20:-10” ends before it begins; write the earlier day first, or two ranges"),
        (
            "{days_of_month: [30], months: [february]}",
            "f:6:5: warning: no moment is ever in this time; look whether its months, days, weekdays and years can come together"
        ),
        (
            "{days_of_month: [29], months: [february], years: ['2025:2027']}",
            "f:6:5: warning: no moment is ever in this time; look whether its months, days, weekdays and years can come together"
        ),
        (
            "{days_of_month: [1], weekdays: [monday], months: [1], years: ['2026']}",
            "f:6:5: warning: no moment is ever in this time; look whether its months, days, weekdays and years can come together"
        ),
        ("times: []", "f:6:5: warning: no moment is ever in this time; look whether its months, days, weekdays and years can come together"),
        ("years: [twenty]", "f:6:13: error: “twenty” is none of years; write for example ['2026:2028']"),
        ("location: Europe/Viena", "f:6:15: error: there is no time zone “Europe/Viena”; did you mean “Europe/Vienna”?"),
        ("location: GMT+2", "f:6:15: error: there is no time zone “GMT+2”; write for example Europe/Vienna"),
        ("hours: []", "f:6:5: error: a time has no key “hours”; there is days_of_month, location, months, times, weekdays, years"),
    ]

    @Test(arguments: timeMistakes)
    func ofTimeIntervals(window: String, said: String) { #expect(readPlan(Self.interval(window)).said == [said]) }

    @Test(arguments: [
        "{days_of_month: [29], months: [february], years: ['2025:2028']}", "{days_of_month: [29], months: [february]}", "months: ['11:12']",
        "location: UTC",
        "{days_of_month: ['-1'], weekdays: [SUNDAY], years: [2026]}", "times: [{start_time: 00:00, end_time: 24:00}]", "{}",
    ])
    func soundTimeIntervals(window: String) { #expect(readPlan(Self.interval(window)).said == []) }

    @Test func ofIntervalsAsAWhole() {
        let yaml = """
            route: {receiver: r, routes: [{matchers: [a=b], active_time_intervals: [never]}]}
            receivers: [{name: r}]
            mute_time_intervals: [{name: x, time_intervals: [{months: [may]}]}, {time_intervals: []}]
            time_intervals: [{name: x, time_intervals: [{months: [june]}]}, {name: never, time_intervals: [{months: [13]}]}, {name: empty}]
            """
        #expect(
            readPlan(yaml).said == [
                "f:1:49: error: this route tells nobody, ever: no moment is in its active time intervals; mend the time interval at f:4:72",
                "f:3:69: error: a time interval has no name; add name:, by which routes call it",
                "f:4:25: error: there is another time interval “x”, at f:3:30; give one of them another name",
                "f:4:96: warning: no moment is ever in this time; look whether its months, days, weekdays and years can come together",
                "f:4:121: warning: the time interval “empty” has no times: no moment is in it; write its times under time_intervals:",
            ])
    }

    @Test func otherKeysAndReceiversMayBeSomebodyElses() {
        let yaml = "people: {}\npepole: {}\nroute: {receiver: front-desk}"
        let plan = readPlan(yaml, otherReceivers: ["front-desk"]) { $0 == "people" }
        #expect(
            plan.said == [
                "f:2:1: error: a routing plan has no key “pepole”; there is event_recorder, global, inhibit_rules, mute_time_intervals, receivers, route, templates, time_intervals, tracing"
            ])
    }

    private static let lengths: [(String, Duration)] = [
        ("0", Duration.zero), ("30s", .seconds(30)), ("1d2h", .seconds(93_600)), ("1h30m", .seconds(5400)), ("2w", .seconds(1_209_600)),
        ("1y", .seconds(31_536_000)), ("1m500ms", .milliseconds(60_500)), ("0s", .zero), ("292y", .seconds(292 * 31_536_000)),
    ]

    @Test(arguments: lengths)
    func durations(text: String, duration: Duration) throws { #expect(try PrometheusDuration.parse(text) == duration) }

    @Test(arguments: ["", "1", "s", "1h1d", "1s1s", "-1s", "1.5h", "1 s", "300y", "99999999999999999999s", "1S", "١s"]) func noDurations(text: String)
    {
        #expect(throws: PrometheusDuration.Fault.self) { try PrometheusDuration.parse(text) }
    }

    @Test func noInputEndsTheProgram() {
        var random = SplitMix(3)
        let parts = [
            "route:", " receiver: r", "\n", "- ", "[", "]", "{", "}", "matchers", ": ", "a=~\"[\"", "'", "group_by", "...", "~", "times", "\t", "é",
            "&x ", "*x", "0",
        ]
        for _ in 0..<2000 {
            let yaml = (0..<Int.random(in: 1..<14, using: &random)).map { _ in random.pick(parts) }.joined()
            let plan = readPlan(yaml)
            #expect(plan.routing != nil || !plan.said.isEmpty, "\(yaml)")
        }
    }
}
