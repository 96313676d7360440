import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

/// Plans for tests, read from YAML as the program reads them.
struct PlanFixture {
    var roster: Roster
    var diagnostics: Diagnostics

    static let phone = SinkDescription(
        instance: "phone", plugin: "phone", contacts: [ContactForm(.contact(type: "phone"), recipientKeys: ["number"], .phoneNumber)],
        reachesHuman: true)
    static let sms = SinkDescription(
        instance: "sms", plugin: "channel", contacts: [ContactForm(.contact(type: "sms"), recipientKeys: ["number"], .phoneNumber)],
        reachesHuman: true, writesMessages: true)
    static let email = SinkDescription(
        instance: "email", plugin: "channel",
        contacts: [
            ContactForm(.contact(type: "email"), recipientKeys: ["address"], .emailAddress),
            ContactForm(.receiver(key: "email_configs"), recipientKeys: ["to"], .emailAddress),
        ], reachesHuman: true, writesMessages: true)
    static let events = SinkDescription(
        instance: "pagerduty", plugin: "pagerduty",
        contacts: [
            ContactForm(.contact(type: "pagerduty"), recipientKeys: ["service_key"], .text, isSecret: true),
            ContactForm(.receiver(key: "pagerduty_configs"), recipientKeys: ["routing_key", "service_key"], .text, isSecret: true),
        ], reachesHuman: true)
    static let chat = SinkDescription(
        instance: "slack", plugin: "slack", contacts: [ContactForm(.receiver(key: "slack_configs"), recipientKeys: ["channel"], .text)])
    static let log = SinkDescription(
        instance: "log", plugin: "log", contacts: [ContactForm(.contact(type: "log"), recipientKeys: [], .text)])
    static let all = [phone, sms, email, events, chat, log]

    init(
        _ yaml: String, sinks: [SinkDescription] = PlanFixture.all, timezone: String = "Europe/Lisbon", calendars: [String: String] = [:]
    ) throws {
        var diagnostics = Diagnostics()
        let root = YAMLReader().read(Array(yaml.utf8), file: "oncall.yaml", &diagnostics)
        let receivers = (root?["receivers"]?.elements ?? []).compactMap { node in
            node["name"].map { ReceiverDefinition(name: $0.text ?? "", node: node, mark: $0.mark) }
        }
        roster = Roster(
            root: root, receivers: receivers, sinks: sinks, plugins: Self.all, timezone: timezone,
            calendars: { calendars[$0].map { Array($0.utf8) } },
            &diagnostics)
        self.diagnostics = diagnostics
    }

    /// A whole plan, read as the program reads it. Without a `route` everything goes to the receiver `house`, and waits for nothing.
    static func plan(_ yaml: String) throws -> OnCallPlan {
        let text = yaml.contains("route:") ? yaml : yaml + "\nroute: {receiver: house, group_wait: 0s}\n"
        let files = ConfigurationFiles { (_, _) throws(ConfigurationFiles.Problem) in Array(text.utf8) }
        var diagnostics = Diagnostics()
        let read = PlanReader(sinks: all, plugins: all, timezone: "Europe/Lisbon", files: files).read("oncall.yaml", &diagnostics)
        return try #require(read, "\(diagnostics.sorted)").plan
    }

    var errors: [String] { diagnostics.sorted.filter { $0.severity == .error }.map(\.description) }
    var lines: [String] { diagnostics.sorted.map(\.description) }

    /// Who is on call, by their ids.
    func who(_ schedule: String, _ time: String) -> [String] {
        roster.whoIsOnCall(in: schedule, at: Self.date(time))?.people.map(\.id) ?? ["no such schedule"]
    }

    func level(
        _ number: Int, _ receiver: String, _ severity: AlertSeverity = .critical, at time: String, isEmergency: Bool = false
    ) -> EscalationLevel? {
        roster.level(
            number, for: PagedMatter(receiver: receiver, severity: severity, isEmergency: isEmergency, labels: [:]), at: Self.date(time))
    }

    /// A time in UTC: `2026-03-29 00:30`.
    static func date(_ text: String) -> Date { Date(moment: Stamp(text)?.wall.seconds ?? 0) }

    /// Two people with a phone and mail each, and what follows.
    static let people = """
        people:
          ana:
            name: Ana Sousa
            contacts:
              - {type: phone, number: "+351 910 000 001"}
              - {type: email, address: ana@example.com}
          bruno:
            name: Bruno Dias
            contacts:
              - {type: phone, number: "+351910000002"}
              - {type: email, address: bruno@example.com}
          carla:
            contacts:
              - {type: phone, number: "+351910000003"}
              - {type: sms, number: "+351910000003"}

        """
}

extension EscalationLevel {
    /// `phone:+351910000001`, with the delay in minutes where there is one.
    var told: [String] {
        steps.map { "\($0.contact.instance):\($0.contact.recipient ?? "")" + ($0.delay == 0 ? "" : "+\(Int($0.delay / 60))") }
    }
}
