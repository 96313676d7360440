import Foundation
import OnCall
import PluginAPI
import Testing

@testable import Host

/// What plans may count on, of the alert instances that are configured.
@Suite struct SinkReachTests {
    private static let text = """
          text: {plugin: twilio-sms, settings: {account_sid: AC00000000000000000000000000000000, auth_token: "0123456789abcdef0123456789abcdef", from: "+15550100123"}}
          mail: {plugin: email, settings: {address: jack@hotel.example, smtp: {host: smtp.hotel.example}}}

        """
    private static let sinks = """
          page-text: {plugin: channel, settings: {channel: text}}
          page-mail: {plugin: channel, settings: {channel: mail}}
          phone: {settings: {account_sid: AC00000000000000000000000000000000, auth_token: "0123456789abcdef0123456789abcdef", from: "+15550100123"}}
          hook: {plugin: webhook, settings: {url: "https://example.com/a", secret: 0123456789abcdef0123}}
          loud: {plugin: webhook, settings: {url: "https://example.com/b", secret: 0123456789abcdef0123, reaches_human: true}}
          duty: {plugin: pagerduty, settings: {routing_key: 0123456789abcdef0123456789abcdef}}

        """

    /// Loads the sample hotel with channels and sinks, and a plan where one is given.
    private func load(_ plan: String? = nil) throws -> (sinks: [SinkDescription], lines: [String]) {
        let folder = try TestHotel.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = TestFile(url: folder.appending(path: "config/jack.yaml"))
        try file.edit("  webchat: {}\n", "  webchat: {}\n" + Self.text)
        try file.edit("  log: {}\n", "  log: {}\n" + Self.sinks)
        try file.edit("  #public_url: https://jack.example.com", "  public_url: https://jack.example.com")
        if let plan {
            try file.edit("oncall:\n", "oncall:\n  file: plan.yaml\n")
            try plan.write(to: folder.appending(path: "config/plan.yaml"), atomically: true, encoding: .utf8)
        }
        let (loaded, diagnostics) = try TestHotel.configurator(folder).load(makingSecrets: true)
        return (loaded?.planReader.sinks ?? [], diagnostics.sorted.map(\.description))
    }

    private func types(_ sink: SinkDescription) -> [String] {
        sink.contacts.compactMap { if case .contact(let type) = $0.use { type } else { nil } }
    }

    @Test func `a channel instance carries the contacts of the channel that it sends through`() throws {
        let (sinks, lines) = try load()
        try #require(!sinks.isEmpty, "\(lines)")
        let byName = Dictionary(uniqueKeysWithValues: sinks.map { ($0.instance, $0) })
        let text = try #require(byName["page-text"]), mail = try #require(byName["page-mail"]), phone = try #require(byName["phone"])
        #expect(types(text) == ["sms"] && types(mail) == ["email"] && types(phone) == ["phone"])
        #expect(mail.contacts.contains { $0.use == .receiver(key: "email_configs") })
        #expect(text.carrier == "twilio-sms" && mail.carrier == "email" && text.plugin == mail.plugin)
        #expect(text.vendor == phone.vendor && text.vendor != mail.vendor)
        #expect(Set(sinks.filter(\.reachesHuman).map(\.instance)) == ["page-text", "page-mail", "phone", "loud", "duty"])
        // Where each telling is one more message to a person, news is told together.
        #expect(Set(sinks.filter(\.writesMessages).map(\.instance)) == ["page-text", "page-mail"])
        #expect(lines.contains { $0.contains(": warning: ") && $0.contains("acknowledgements in PagerDuty do not come back") }, "\(lines)")
    }

    private func plan(_ contacts: String) -> String {
        """
        people: {ana: {contacts: [\(contacts)]}}
        policies: {all: {levels: [{notify: [ana], wait: 5m}]}}
        emergency: {policy: all}
        route: {receiver: all}
        receivers: [{name: all, policy: all}]

        """
    }

    @Test func `two independent ways are counted as they are`() throws {
        let text = "{type: sms, number: \"+351210000001\"}", mail = "{type: email, address: ana@example.com}"
        let phone = "{type: phone, number: \"+351210000001\"}", hook = "{type: webhook, url: \"https://example.com/c\", through: hook}"
        func about(_ contacts: [String]) throws -> [String] {
            try load(plan(contacts.joined(separator: ", "))).lines.filter { $0.contains("emergency") || $0.contains("emergencies") }
        }
        // One plugin, and two channels of two vendors.
        #expect(try about([text, mail]) == [])
        #expect(try about([text]).contains { $0.contains(": error: ") && $0.contains("people by twilio-sms alone") })
        #expect(try about([text, phone]).contains { $0.contains(": warning: ") && $0.contains("both hang on api.twilio.com") })
        // The webhook that reaches nobody carries the contact first; the other one, which does, stands in for it.
        #expect(try about([mail, hook]) == [])
        // PagerDuty wakes people, though no answer comes back from this one.
        #expect(try about([mail, "{type: pagerduty, service_key: \"0123456789abcdef0123456789abcdef\"}"]) == [])
    }

    @Test func `without a plan it is said where emergencies end`() throws {
        let folder = try TestHotel.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let secrets = [
            "LOCAL_TOKEN": "a8f5f167f44f4964e6c998dee827110c5d2a", "JWT_SECRET": "9b74c9897bac770ffc029102a200c5de61f0",
            "ENCRYPTION_KEY": "e4d909c290d0fb1ca068ffaddf22cbd0aa17",
        ]
        func lines(_ environment: String, _ assignments: [String] = []) throws -> (isSound: Bool, lines: [String]) {
            let (loaded, diagnostics) = try TestHotel.configurator(
                folder, assignments: assignments, environment: secrets.merging(["JACK_ENV": environment]) { $1 }
            ).load(makingSecrets: false)
            return (loaded != nil, diagnostics.sorted.map(\.description).filter { $0.contains("emergencies end") })
        }
        // As it is shipped it starts, and does not call that sound.
        let shipped = try lines("development")
        #expect(shipped.isSound && shipped.lines.count == 1)
        #expect(
            shipped.lines.first?.contains(
                ": warning: there is no on-call plan, and emergencies end in log, which reaches nobody: they must reach people by two independent alert plugins"
            )
                == true, "\(shipped.lines)")
        #expect(shipped.lines.first?.contains("jack.yaml:") == true && shipped.lines.first?.contains("jack plugins list") == true)
        let refused = try lines("production")
        #expect(!refused.isSound && refused.lines.first?.contains(": error: ") == true, "\(refused.lines)")
        // With two that reach people it is sound, unless only one of them is told.
        let file = TestFile(url: folder.appending(path: "config/jack.yaml"))
        try file.edit("  log: {}\n", "  log: {}\n" + Self.sinks.split(separator: "\n").filter { $0.contains("loud:") }.joined() + "\n")
        let one = try lines("production")
        #expect(!one.isSound && one.lines.first?.contains("end at people by loud alone") == true, "\(one.lines)")
        try file.edit("  log: {}\n", "  log: {}\n  pagerduty: {settings: {routing_key: 0123456789abcdef0123456789abcdef}}\n")
        let both = try lines("production")
        #expect(both.isSound && both.lines.isEmpty, "\(both.lines)")
        try file.edit("  notify: []\n", "  notify: [log, loud]\n")
        let named = try lines("production")
        #expect(!named.isSound && named.lines.first?.contains("add pagerduty to oncall.notify") == true, "\(named.lines)")
    }

    @Test func `every alert plugin says whether it reaches people`() {
        for plugin in JackHost.builtIn where plugin.kind == .alert {
            #expect(plugin.manifest.reachesPeople != nil, "\(plugin.manifest.id)")
        }
        let log = JackHost.builtIn.first { $0.manifest.id == "log" }
        #expect(log?.manifest.reachesPeople == .never)
        #expect(PeopleReach.setting("loud").holds(for: ["loud": true]) && !PeopleReach.setting("loud").holds(for: [:]))
    }
}
