import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

/// What an Alertmanager's receivers say beside whom they tell.
@Suite struct AlertmanagerReceiverTests {
    private static let hook = SinkDescription(
        instance: "hook", plugin: "webhook",
        contacts: [ContactForm(.receiver(key: "webhook_configs"), recipientKeys: ["url"], .url, isSecret: true, isProgram: true)])

    private func read(_ configs: String) throws -> PlanFixture {
        try PlanFixture("receivers:\n  - name: r\n    webhook_configs: \(configs)\n", sinks: [Self.hook])
    }

    /// What is said of the receiver. That a webhook alone is not sure to reach people is said too, and is not the matter here.
    private func said(_ plan: PlanFixture) -> [String] { plan.lines.filter { !$0.contains("sure to reach people") } }

    @Test func whoHearsNoEndsSaysSo() throws {
        let plan = try read(
            "[{url: 'https://a.example/1', send_resolved: false}, {url: 'https://a.example/2', send_resolved: true}, {url: 'https://a.example/3'}]")
        #expect(said(plan) == [])
        let contacts = try #require(plan.level(1, "r", at: "2026-01-05 10:00")).steps.map(\.contact)
        #expect(contacts.map(\.hearsEnds) == [false, true, true])
        // As the database keeps it, and as it was kept before this was known.
        let kept = try JSONEncoder().encode(contacts[0])
        #expect(try JSONDecoder().decode(Contact.self, from: kept) == contacts[0])
        let old = try JSONDecoder().decode(Contact.self, from: Data(#"{"instance":"hook","label":"webhook"}"#.utf8))
        #expect(old.hearsEnds && old == Contact(instance: "hook", label: "webhook"))
    }

    @Test(arguments: [
        (
            "{url: 'https://a.example/1'}",
            "oncall.yaml:3:22: error: expected a list, found a mapping: nobody would be told; write - before the first key of what stands under webhook_configs"
        ),
        ("['https://a.example/1']", "oncall.yaml:3:23: error: expected whom to tell, found “https://a.example/1”; write - url: …"),
        ("[{ulr: 'https://a.example/1'}]", "oncall.yaml:3:24: error: unknown key “ulr”, and no url; did you mean “url”?"),
        ("[{url_file: ''}]", "oncall.yaml:3:34: error: whom url_file means cannot be told: it must be a path without ${…}; write url: ${file:/path}"),
        ("[{url: 'https://a.example/1', send_resolved: perhaps}]", "oncall.yaml:3:67: error:"),
        (
            "[{url: 'https://a.example/1', http_config: {proxy_url: 'http://p'}}]",
            "oncall.yaml:3:52: warning: http_config means nothing to Jack: what is told here goes out without it; set what the receiver asks for on the alert "
                + "instance hook in jack.yaml"
        ),
    ]) func whatWouldTellNobodyIsTold(_ configs: String, _ expected: String) throws {
        let plan = try read(configs)
        let said = said(plan)
        #expect(said.count == 1 && said.first?.hasPrefix(expected) == true, "\(said)")
    }

    @Test func anInstanceMayKnowWhomToTell() throws {
        let plan = try read("[{send_resolved: true, max_alerts: 3}]")
        #expect(said(plan) == [] && plan.level(1, "r", at: "2026-01-05 10:00")?.steps.map(\.contact.recipient) == [nil])
        #expect(try said(read("[]")) == [] && said(read("")) == [])
    }

    private static func slack(_ settings: Set<String>) -> SinkDescription {
        SinkDescription(
            instance: "slack", plugin: "slack",
            contacts: [
                ContactForm(.contact(type: "slack"), recipientKeys: ["channel"], .text, needs: ["channel": "bot_token"]),
                ContactForm(
                    .receiver(key: "slack_configs"), recipientKeys: ["api_url", "channel"], .text, inherits: ["api_url": "slack_api_url"],
                    placeholders: ["https://slack.example/bot"], needs: ["channel": "bot_token"], isSecret: true),
            ], reachesHuman: true, settings: settings)
    }

    /// As most files have it: the webhook once, in `global`, and a channel in each receiver.
    @Test(arguments: [
        ("slack_api_url: https://hooks.example/all", ["https://hooks.example/all", "https://hooks.example/own", "https://hooks.example/file"]),
        ("slack_api_url_file: hook.url", ["https://hooks.example/file", "https://hooks.example/own", "https://hooks.example/file"]),
        // The address at which a bot writes names no channel.
        ("slack_api_url: https://slack.example/bot", ["#one", "https://hooks.example/own", "https://hooks.example/file"]),
        ("resolve_timeout: 5m", ["#one", "https://hooks.example/own", "https://hooks.example/file"]),
    ])
    func whatReceiversLeaveOutStandsInGlobal(_ global: String, _ expected: [String]) throws {
        let text = """
            global: {\(global)}
            route: {receiver: r}
            receivers:
              - name: r
                slack_configs:
                  - {channel: '#one'}
                  - {channel: '#two', api_url: 'https://hooks.example/own'}
                  - {channel: '#three', api_url_file: hook.url}
            """
        let files = ConfigurationFiles { (path, _) throws(ConfigurationFiles.Problem) in
            Array((path.hasSuffix("hook.url") ? "https://hooks.example/file\n" : text).utf8)
        }
        var diagnostics = Diagnostics()
        let sinks = [Self.slack(["bot_token"])]
        let plan = try #require(PlanReader(sinks: sinks, plugins: sinks, files: files).draft("alertmanager.yml", &diagnostics)?.plan)
        let matter = PagedMatter(receiver: "r", severity: .error, isEmergency: false, labels: [:])
        let told = plan.level(1, for: matter, at: PlanFixture.date("2026-01-05 10:00"))?.steps.map(\.contact.recipient)
        #expect(told == expected)
        // That one plugin alone is no two is said too, and is not the matter here.
        #expect(diagnostics.sorted.map(\.description).filter { !$0.contains("two independent alert plugins") } == [])
    }

    /// A page that could only fail is found by `jack check`, and not at night.
    @Test func whoCannotWriteThereIsNoWay() throws {
        let receiver = "receivers:\n  - name: r\n    slack_configs: [{channel: '#one'}, {api_url: 'https://hooks.example/own'}]\n"
        let bare = try PlanFixture(receiver, sinks: [Self.slack([])])
        #expect(
            bare.lines.contains(
                "oncall.yaml:3:31: warning: nobody is told by this: the alert instance “slack” writes to a channel only with bot_token, which it does not "
                    + "have; set bot_token under alerts: slack: in jack.yaml"))
        #expect(bare.level(1, "r", at: "2026-01-05 10:00")?.steps.map(\.contact.recipient) == ["https://hooks.example/own"])
        #expect(try PlanFixture(receiver, sinks: [Self.slack(["bot_token"])]).lines.allSatisfy { !$0.contains("bot_token") })
        let person = "people:\n  ana:\n    contacts: [{type: slack, channel: U1}]\n"
        #expect(
            try PlanFixture(person, sinks: [Self.slack([])]).errors.contains {
                $0.hasPrefix("oncall.yaml:3:39: error: the alert instance “slack” writes to a channel only with bot_token, which it does not have")
            })
        #expect(try PlanFixture(person, sinks: [Self.slack(["bot_token"])]).errors == [])
    }

    @Test func aRecipientMayStandInAFile() throws {
        let text = """
            route: {receiver: r}
            receivers:
              - name: r
                webhook_configs:
                  - {url_file: hook.url}
                  - {url: 'https://a.example/own', url_file: hook.url}
                  - {url_file: gone.url}
            """
        let files = ConfigurationFiles { (path, _) throws(ConfigurationFiles.Problem) in
            if path.hasSuffix("hook.url") { return Array("https://a.example/secret\n".utf8) }
            guard path.hasSuffix("alertmanager.yml") else { throw .missing }
            return Array(text.utf8)
        }
        var diagnostics = Diagnostics()
        let reader = PlanReader(sinks: [Self.hook], plugins: [Self.hook], files: files)
        let plan = try #require(reader.draft("alertmanager.yml", &diagnostics)?.plan)
        let matter = PagedMatter(receiver: "r", severity: .error, isEmergency: false, labels: [:])
        let told = plan.level(1, for: matter, at: PlanFixture.date("2026-01-05 10:00"))?.steps.map(\.contact.recipient)
        #expect(told?.prefix(2) == ["https://a.example/secret", "https://a.example/own"])
        #expect(diagnostics.sorted.map(\.description).contains { $0.hasPrefix("alertmanager.yml:7:20: error:") && $0.contains("gone.url") })
    }
}
