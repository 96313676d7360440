import Foundation
import PluginAPI
import Testing

@testable import OnCall

@Suite struct InhibitionTests {
    private func routing(_ rules: String) throws -> Routing {
        let plan = readPlan("route: {receiver: r}\nreceivers: [{name: r}]\ninhibit_rules:\n\(rules)")
        return try #require(plan.routing, "\(plan.said)")
    }

    private let critical = """
        - source_matchers: [severity="critical"]
          target_matchers: [severity=~"warning|info"]
          equal: [building, floor]
        - {source_match: {alertname: Fire}, target_match_re: {alertname: .+}}
        """

    @Test func anAlertIsSilentWhileItsSourceFires() throws {
        let routing = try routing(critical)
        var index = InhibitIndex(routing)
        let warning = ["severity": "warning", "building": "A", "room": "204"]
        #expect(index.inhibition(of: warning) == nil)
        index.begin("1", labels: ["severity": "critical", "building": "A"])
        index.begin("1", labels: ["severity": "critical", "building": "A"])
        index.begin("2", labels: ["severity": "critical", "building": "A", "floor": ""])
        // A label that is missing equals an empty one.
        #expect(["1", "2"].contains(index.inhibition(of: warning)?.source))
        #expect(index.inhibition(of: warning)?.rule.mark == SourceMark(file: "f", line: 4, column: 3))
        #expect(index.inhibition(of: ["severity": "warning", "building": "B"]) == nil)
        #expect(index.inhibition(of: ["severity": "critical", "building": "A"]) == nil)
        index.end("1")
        #expect(index.inhibition(of: warning)?.source == "2")
        index.end("2")
        index.end("2")
        #expect(index.inhibition(of: warning) == nil && index.count == 0)
    }

    @Test func whatMeetsBothSidesDoesNotSilenceItself() throws {
        let routing = try routing(critical)
        var index = InhibitIndex(routing)
        let fire = ["alertname": "Fire", "room": "1"], other = ["alertname": "Fire", "room": "2"]
        index.begin("1", labels: fire)
        index.begin("2", labels: other)
        #expect(index.inhibition(of: fire) == nil && index.inhibition(of: other) == nil)
        #expect(index.inhibition(of: ["alertname": "Heating"]) != nil)
        #expect(routing.inhibition(of: fire, among: [fire, other]) == nil)
        #expect(routing.inhibition(of: ["alertname": "Heating"], among: [fire]) == SourceMark(file: "f", line: 7, column: 3))
    }

    @Test func valuesAreKeptApart() throws {
        let routing = try routing("- {source_matchers: [s=1], target_matchers: [t=1], equal: [a, b]}")
        var index = InhibitIndex(routing)
        index.begin("1", labels: ["s": "1", "a": "x:1", "b": "y"])
        #expect(index.inhibition(of: ["t": "1", "a": "x", "b": ":1y"]) == nil)
        #expect(index.inhibition(of: ["t": "1", "a": "x:1", "b": "y"]) != nil)
        #expect(index.inhibition(of: ["t": "1", "a": "e\u{301}", "b": ""]) == nil)
    }

    /// The index before the plain reading of the rule, on labels of all kinds.
    @Test func theIndexSaysWhatTheRulesSay() throws {
        let routing = try routing(
            """
            - {source_matchers: ['a=1'], target_matchers: ['b=~"1|2"'], equal: [c]}
            - {source_matchers: ['b!=1'], target_matchers: ['a!~"1|3"'], equal: [a, d]}
            - {source_match_re: {c: '1|'}, target_match: {d: 2}, equal: []}
            """)
        var random = SplitMix(11), index = InhibitIndex(routing), firing: [String: [String: String]] = [:]
        var silent = 0
        for _ in 0..<3000 {
            var labels: [String: String] = [:]
            for name in ["a", "b", "c", "d"] where random.chance(70) { labels[name] = random.pick(["1", "2", "3"]) }
            let expected = routing.inhibition(of: labels, among: Array(firing.values))
            #expect(index.inhibition(of: labels)?.rule.mark == expected, "\(labels) among \(firing)")
            if expected != nil { silent += 1 }
            if random.chance(50), let gone = firing.keys.sorted().first {
                index.end(gone)
                firing[gone] = nil
            }
            let name = "\(labels.sorted { $0.key < $1.key })"
            if random.chance(40) {
                index.begin(name, labels: labels)
                firing[name] = labels
            }
        }
        #expect(silent > 300 && silent < 2700)
    }

    @Test func aHundredThousandAlertsDoNotSlowIt() throws {
        var index = InhibitIndex(try routing(critical))
        for number in 0..<100_000 { index.begin("\(number)", labels: ["severity": "critical", "building": "\(number % 1000)", "room": "\(number)"]) }
        let began = ContinuousClock.now
        for number in 0..<1000 { #expect((index.inhibition(of: ["severity": "info", "building": "\(number * 2)"]) != nil) == (number < 500)) }
        #expect(index.count == 100_000 && ContinuousClock.now - began < .seconds(20))
    }
}
