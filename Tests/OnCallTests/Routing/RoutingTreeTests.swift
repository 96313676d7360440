import Foundation
import PluginAPI
import Testing

@testable import OnCall

@Suite struct RoutingTreeTests {
    /// The seed's `alertmanager.yml`, as it stands.
    static let seed = String(
        decoding: FileManager.default.contents(
            atPath: URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Fixtures/alertmanager.yml").path)
            ?? Data(),
        as: UTF8.self)

    private func routing(_ yaml: String) throws -> Routing {
        let plan = readPlan(yaml)
        return try #require(plan.routing, "\(plan.said)")
    }

    private func receivers(_ routing: Routing, _ labels: [String: String]) -> String {
        routing.routes(for: labels).map(\.receiver).joined(separator: ",")
    }

    @Test func theSeedsFileIsReadAsItStands() throws {
        let plan = readPlan(Self.seed), routing = try #require(plan.routing)
        #expect(plan.said == [])
        #expect(routing.resolveTimeout == .seconds(300))
        #expect(routing.receivers.map(\.name) == ["default", "pagerduty-critical", "slack-engineering"])
        #expect(routing.receivers[1].node["pagerduty_configs"]?.elements?.first?["service_key"]?.text == "${PAGERDUTY_SERVICE_KEY}")
        #expect(routing.receivers[1].mark == SourceMark(file: "f", line: 28, column: 11))
        #expect(receivers(routing, [:]) == "default")
        #expect(receivers(routing, ["severity": "critical"]) == "pagerduty-critical")
        #expect(receivers(routing, ["severity": "critical", "alertname": "HighErrorRate"]) == "pagerduty-critical,slack-engineering")
        #expect(receivers(routing, ["alertname": "HighErrorRate"]) == "slack-engineering")
        let route = try #require(routing.routes(for: ["severity": "critical"]).first)
        #expect(route.grouping == .labels(["alertname", "severity"]) && route.groupWait == .seconds(30) && route.repeatInterval == .seconds(14_400))
        #expect(route.route == #"{}/{severity="critical"}"#)
        #expect(route.mark == SourceMark(file: "f", line: 13, column: 7) && route.receiverMark == SourceMark(file: "f", line: 15, column: 17))
    }

    @Test func whatIsInheritedAndWhatIsNot() throws {
        let routing = try routing(
            """
            route:
              receiver: a
              group_by: [x]
              group_wait: 1s
              routes:
                - matchers: [p=1]
                  receiver: b
                  group_by: ['...']
                  group_interval: 2m
                  continue: true
                  mute_time_intervals: [night]
                  active_time_intervals: [day]
                  routes:
                    - matchers: [q=1]
                      repeat_interval: 1d
                      routes:
                        - {matchers: [r=1], group_by: []}
                        - {matchers: [r=2], group_by: [y, z], group_wait: 0s}
            receivers: [{name: a}, {name: b}]
            time_intervals:
              - {name: night, time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}]}]}
              - {name: day, time_intervals: [{weekdays: ['monday:friday']}]}
            """)
        let outer = try #require(routing.routes(for: ["p": "1"]).first)
        #expect(outer.muteTimeIntervals == ["night"] && outer.activeTimeIntervals == ["day"] && outer.grouping == .all)
        let inner = try #require(routing.routes(for: ["p": "1", "q": "1"]).first)
        #expect(inner.receiver == "b" && inner.grouping == .all && inner.groupWait == .seconds(1) && inner.groupInterval == .seconds(120))
        #expect(inner.repeatInterval == .seconds(86_400) && inner.muteTimeIntervals == [] && inner.activeTimeIntervals == [])
        #expect(inner.receiverMark.line == 7 && inner.mark.line == 14)
        #expect(routing.routes(for: ["p": "1", "q": "1", "r": "1"]).first?.grouping == .labels([]))
        let last = try #require(routing.routes(for: ["p": "1", "q": "1", "r": "2"]).first)
        #expect(last.grouping == .labels(["y", "z"]) && last.groupWait == .zero && last.repeatInterval == .seconds(86_400))
        let root = try #require(routing.routes(for: [:]).first)
        #expect(root.groupInterval == .seconds(300) && root.repeatInterval == .seconds(14_400) && root.route == "{}")
    }

    @Test func continueLooksFurtherAndADeadEndIsTheMatch() throws {
        let routing = try routing(
            """
            route:
              receiver: root
              routes:
                - {matchers: [a=1], receiver: one, continue: true, routes: [{matchers: [b=1], receiver: inner}]}
                - {matchers: [a=~"1|2"], receiver: two}
                - {matchers: [a!=3], receiver: three}
            receivers: [{name: root}, {name: one}, {name: two}, {name: three}, {name: inner}]
            """)
        #expect(receivers(routing, ["a": "1"]) == "one,two")
        #expect(receivers(routing, ["a": "1", "b": "1"]) == "inner,two")
        #expect(receivers(routing, ["a": "2"]) == "two")
        #expect(receivers(routing, [:]) == "three")
        #expect(receivers(routing, ["a": "3"]) == "root")
    }

    @Test func textIsComparedByteByByte() throws {
        let routing = try routing("{route: {receiver: r, routes: [{match: {n: \"\\u00e9\"}, receiver: e}]}, receivers: [{name: r}, {name: e}]}")
        #expect(receivers(routing, ["n": "é"]) == "e" && receivers(routing, ["n": "e\u{301}"]) == "r")
    }

    @Test func theTraceNamesWhatDecided() throws {
        let routing = try routing(Self.seed)
        let steps = routing.trace(["severity": "critical", "alertname": "Disk"])
        #expect(
            steps.map(\.outcome) == [
                .entered, .chosen,
                .refused(
                    PlacedMatcher(LabelMatcher("alertname", .equal, "HighErrorRate"), mark: SourceMark(file: "f", line: 19, column: 20)),
                    value: "Disk"),
            ])
        #expect(steps.map(\.depth) == [0, 1, 1] && steps[1].continues)
        #expect(steps[0].text == "f:6:3: every alert matches")
        #expect(steps[1].text == #"f:13:7: {severity="critical"} matches: receiver pagerduty-critical (f:15:17), and the next are looked at too"#)
        #expect(steps[2].text == #"f:18:7: alertname="HighErrorRate" (f:19:20) does not hold: alertname is "Disk""#)
        #expect(routing.trace([:]).map(\.outcome).first == .chosen)
    }

    @Test func everyPlaceHasANameOfItsOwn() throws {
        let routing = try routing(
            """
            route:
              receiver: r
              routes: [{matchers: [a=1], continue: true}, {matchers: [a=1], receiver: s}, {match_re: {b: x.}, group_by: ['...']}]
            receivers: [{name: r}, {name: s}]
            """)
        #expect(routing.places.map(\.route) == ["{}", #"{}/{a="1"}"#, #"{}/{a="1"}#2"#, #"{}/{b=~"^(?:x.)$"}"#])
    }

    @Test func groupsAreKeyedAsAlertmanagerKeysThem() throws {
        let routing = try routing(Self.seed)
        let labels = ["severity": "critical", "alertname": "Say \"hi\"\n", "room": "204"]
        let route = try #require(routing.routes(for: labels).first)
        #expect(route.groupLabels(of: labels) == ["severity": "critical", "alertname": "Say \"hi\"\n"])
        #expect(route.groupKey(of: labels) == #"{}/{severity="critical"}:{alertname="Say \"hi\"\n", severity="critical"}"#)
        #expect(route.groupKey(of: [:]) == #"{}/{severity="critical"}:{}"#)
        var all = route
        all.grouping = .all
        #expect(all.groupLabels(of: labels) == labels)
    }

    @Test func isDrawnAsAmtoolDrawsIt() throws {
        let routing = try routing(Self.seed)
        #expect(
            routing.drawing == """
                .
                └── default-route  receiver: default
                    ├── {severity="critical"}  continue: true  receiver: pagerduty-critical
                    └── {alertname="HighErrorRate"}  receiver: slack-engineering
                """)
        #expect(
            routing.drawing(for: ["severity": "critical"]) == ".\n└── default-route\n    └── {severity=\"critical\"}  receiver: pagerduty-critical")
    }

    @Test func aPlanWithoutRoutesHasOnePlace() {
        let mark = SourceMark(file: "f", line: 3, column: 1)
        let routing = Routing.single(receiver: "everybody", mark: mark)
        #expect(routing.routes(for: ["a": "b"]).map(\.receiver) == ["everybody"] && routing.resolveTimeout == .seconds(300))
        #expect(routing.routes(for: [:]).first?.mark == mark)
    }
}
