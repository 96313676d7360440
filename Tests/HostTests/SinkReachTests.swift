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
        #expect(Set(sinks.filter(\.reachesHuman).map(\.instance)) == ["page-text", "page-mail", "phone", "loud"])
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
