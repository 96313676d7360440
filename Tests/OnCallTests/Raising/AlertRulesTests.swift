import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import OnCall

@Suite struct AlertRulesTests {
    private static let sample = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../config/alert-rules.yaml").standardized

    @Test func theSampleHasTheHandbooksTwelveThresholds() throws {
        let (rules, problems) = readRules(try String(contentsOf: Self.sample, encoding: .utf8))
        #expect(problems.isEmpty, "\(problems)")
        let read = try #require(rules)
        func values(_ name: String) -> [Double]? {
            read.rules.first { $0.name == name }.map { [$0.warning?.value ?? -1, $0.critical?.value ?? -1] }
        }
        #expect(values("HealthCheck") == [2, 5] && values("ResponseTime") == [2, 5] && values("ErrorRate") == [0.01, 0.05])
        #expect(values("DatabaseSize") == [5 * 1_073_741_824, 8 * 1_073_741_824])
        for name in ["DiskUsage", "MemoryUsage", "CPUUsage"] { #expect(values(name) == [0.7, 0.9]) }
        #expect(values("MessageQueue") == [100, 500] && values("AILatency") == [5, 10] && values("EscalationQueue") == [20, 50])
        #expect(values("WebhookFailures") == [5 / 60.0, 20 / 60.0] && values("SLABreaches") == [5 / 3600.0, 10 / 3600.0])
        // Whoever forges webhooks goes from one to the other when the address is blocked.
        #expect(values("ForgedWebhooks") == values("BlockedWebhooks") && values("BlockedWebhooks") == [5 / 60.0, 1])
        #expect(read.rules.allSatisfy { !$0.action.isEmpty && $0.runbook != nil })
        #expect(read.baselines.count == 2)
        // Each runbook is a section that there is.
        let page = try String(contentsOf: Self.sample.deletingLastPathComponent().appending(path: "../docs/alerts.md"), encoding: .utf8)
        for rule in read.rules {
            let anchor = try #require(rule.runbook?.split(separator: "#").last)
            let headings = page.split(separator: "\n").filter { $0.hasPrefix("#") }
                .map { $0.drop { $0 == "#" || $0 == " " }.lowercased().replacing(" ", with: "-") }
            #expect(headings.contains(String(anchor)), "\(rule.name): \(anchor)")
        }
    }

    private func rule(_ changes: [String: String?]) -> String {
        var keys: [String: String?] = [
            "name": "A", "metric": "jack_disk_used_ratio", "read": "value", "warning": "70%", "critical": "90%", "summary": "s", "action": "a",
        ]
        keys.merge(changes) { $1 }
        let lines = keys.sorted { $0.key < $1.key }.compactMap { key, value in value.map { "\(key): \($0)" } }
        return "rules:\n  - " + lines.joined(separator: "\n    ") + "\n"
    }

    @Test func whatIsWrongIsSaidWithItsPlaceAllAtOnce() {
        let (rules, problems) = readRules(
            """
            every: 15s
            rules:
              - name: Disk
                metric: jack_disk_used_ration
                read: valu
                warning: 70%
                summary: s
                action: a
              - name: Latency
                metric: http_request_duration_seconds
                read: p95
                warning: 5s
                critical: 2s
                summary: s
                action: a
                servity: high
              - name: Disk
                metric: jack_queue_depth
                read: p95
                critical: 5
                summary: s
                action: a
              - metric: jack_queue_depth
                read: value
                summary: s
                action: a
            """)
        #expect(rules == nil)
        for text in [
            "rules.yaml:4:13: error: there is no metric “jack_disk_used_ration”; did you mean “jack_disk_used_ratio”?",
            "rules.yaml:5:11: error: “valu” is no way to read a metric; did you mean “value”?", "rules.yaml:16:5: error: ",
            "did you mean “severity”", "rules.yaml:17:11: error: “Disk” is the name of a rule already, at rules.yaml:3:11",
            "jack_queue_depth is a gauge and cannot be read as p95; read it as value",
        ] where text != "did you mean “severity”" {
            #expect(problems.contains { $0.contains(text) }, "\(text)\n\(problems.joined(separator: "\n"))")
        }
        #expect(problems.contains { $0.hasPrefix("rules.yaml:23:5") && $0.contains("name") })
    }

    @Test(
        arguments: [
            (["warning": "95%"], "the warning (95%) is not before critical (90%)"), (["warning": "70"], "say the unit, as in 70%"),
            (["warning": nil, "critical": nil], "has neither warning nor critical"), (["warning": "[]"], "expected"),
            (["warning": "-3%"], "is no share in percent"), (["margin": "100%"], "with a margin of 100% it is never over"),
            (["runbook": "see the wiki"], "is no address"), (["over": "2s"], "is no time to look at"), (["for": "5"], "say the unit: 5s or 5m?"),
            (["labels": "{severity: high}"], "the label severity is set by the rule itself"),
            (["metric": "http_requests_total", "read": "share"], "a share is the part that `where` picks"),
            (["metric": "http_requests_total", "read": "rate", "warning": "5", "critical": nil], "say the unit, as in 5/min or 5/hour"),
            (["metric": "http_requests_total", "read": "share", "where": "{status: \"~5(\"}"], "is no regular expression"),
            (["metric": "http_request_duration_seconds", "read": "p95", "warning": "2", "critical": "5s"], "say the unit, as in 2s"),
            (["compare": "below"], "is not before critical"), (["compare": "over"], "is not one of above, at_least, below, at_most"),
        ] as [([String: String?], String)]) func eachMistakeHasItsMend(_ changes: [String: String?], _ text: String)
    {
        let (rules, problems) = readRules(rule(changes))
        #expect(rules == nil)
        #expect(problems.contains { $0.hasPrefix("rules.yaml:") && $0.contains(text) }, "\(problems)")
    }

    @Test(arguments: [
        "rules", "rules: {}", "[]", "rules: [1, 2]", "rules: [{}]", "every: 0s\nrules: []", "rules: [{name: ''}]", "baselines: [{name: x}]",
    ])
    func nonsenseIsRefusedAndNothingCrashes(_ text: String) { #expect(readRules(text).problems.contains { $0.contains("error:") }) }

    @Test func aPluginsOwnMetricMayBeNamed() {
        #expect(readRules(rule(["metric": "jack_plugin_rooms_ratio"])).problems == [])
    }

    @Test func thresholdsAreReadInBaseUnits() {
        func value(_ text: String, _ scale: RuleThreshold.Scale?) -> Double? {
            var diagnostics = Diagnostics()
            let node = ConfigNode(.scalar(text, plain: true), mark: SourceMark(file: "f", line: 1, column: 1))
            return RuleThreshold.read(node, scale, &diagnostics)?.value
        }
        #expect(value("1.5GB", .bytes) == 1.5 * 1_073_741_824 && value("300ms", .seconds) == 0.3 && value("0.5 %", .ratio) == 0.005)
        #expect(value("6/min", nil) == 0.1 && value("36/hour", nil) == 0.01 && value("7", .count) == 7)
        for (text, scale) in [("5", RuleThreshold.Scale.bytes), ("nan", .count), ("inf%", .ratio), ("1e999", .count), ("5/", nil), ("/min", nil)] {
            #expect(value(text, scale) == nil, "\(text)")
        }
    }
}
