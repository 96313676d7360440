import Foundation
import Kernel
import PluginAPI
import Testing

struct GeneratorTests {
    private typealias Fixtures = ConfigurationFixtures

    private func load(_ yaml: String, _ environment: [String: String] = [:]) -> (configuration: LoadedConfiguration?, said: [String]) {
        let (configuration, diagnostics) = Fixtures.loader(yaml, environment: environment, sections: [Fixtures.talk]).load()
        return (configuration, diagnostics.sorted.map(\.description))
    }

    // MARK: Sample

    @Test(arguments: [false, true], [false, true]) func theSampleLoads(writesDefaults: Bool, includesAdvanced: Bool) throws {
        let generator = SampleGenerator(
            registrations: Fixtures.registrations, sections: [Fixtures.talk], includesAdvanced: includesAdvanced, writesDefaults: writesDefaults)
        let text = generator.document()
        let (configuration, said) = load(text)
        #expect(said == [])
        #expect(configuration?.disabled.map(\.name) == ["webchat", "texts", "embedded", "builtin", "log", "texts-alert"])
        // Every plugin of it can be switched on, once the variables that it names are set.
        let on = load(text.replacing("enabled: false", with: "enabled: true"), ["TEXTS_TOKEN": "0123456789"])
        #expect(on.said == [])
        #expect(on.configuration?.instances.count == 6)
        // What it shows as defaults are the defaults.
        let plain = try #require(load(Fixtures.hotel).configuration)
        let sample = try #require(configuration)
        for key in ["server", "storage", "log"] { #expect(sample.settings.printed[key] == plain.settings.printed[key]) }
        #expect(sample.section(Fixtures.Talk.self).printed == plain.section(Fixtures.Talk.self).printed)
        #expect((on.configuration?.instances.first?.settings as? Fixtures.WebChat.Settings)?.welcome == "Hello ${guest}")
        #expect(text.contains("wait: 5s") == includesAdvanced)
    }

    /// A default stands behind `#` as it would be written: without that sign, it is what it was.
    @Test func whatIsCommentedOutIsTheDefault() {
        let text = SampleGenerator(registrations: Fixtures.registrations).document()
        #expect(text.contains("\n  #port: 3000\n") && text.contains("\n  # The port of HTTP and WebSocket"))
        #expect(text.contains("      #welcome: \"Hello $${guest}\"\n") && text.contains("      token: ${TEXTS_TOKEN}\n"))
    }

    @Test func onePluginsSampleIsAWholeSection() {
        let generator = SampleGenerator(registrations: Fixtures.registrations)
        for plugin in Fixtures.registrations {
            let (configuration, said) = load(Fixtures.hotel + generator.plugin(plugin), ["TEXTS_TOKEN": "0123456789"])
            #expect(said == [])
            #expect(configuration?.instances.map(\.name) == [plugin.manifest.id])
        }
    }

    // MARK: Show

    @Test func whatIsShownLoadsAgainAndHidesSecrets() throws {
        let yaml =
            Fixtures.hotel + """
                security: {jwt_secret: hunter2hunter2, previous_encryption_keys: [hunter2hunter2]}
                talk: {greeting: "a: 'b' #\\n \\t ${X}"}
                channels:
                  front: {plugin: texts, settings: {token: hunter2hunter2, sender: "+351", routes: [{prefix: "1", number: "2"}, {prefix: "yes", number: "~"}], prices: {}}}
                  webchat: {enabled: false}
                  page: {plugin: webchat, settings: {welcome: "$${guest}"}}
                alerts: {log: }
                """
        let (loaded, said) = load(yaml, ["X": "null"])
        #expect(said == [])
        let first = try #require(loaded)
        let shown = ConfigurationPrinter.yaml(first)
        #expect(!shown.contains("hunter2") && !JSONText.pretty(ConfigurationPrinter.json(first)).contains("hunter2"))
        #expect(shown.contains("token: \"•••\"") && shown.contains("  port: 3000\n"))
        let (again, saidAgain) = load(shown.replacing("•••", with: "hunter2hunter2"))
        #expect(saidAgain == [])
        #expect(try ConfigurationPrinter.json(first) == ConfigurationPrinter.json(#require(again)))
        #expect(again?.section(Fixtures.Talk.self).greeting == "a: 'b' #\n \t null")
    }

    // MARK: JSON Schema

    private let schema = JSONSchemaGenerator(registrations: ConfigurationFixtures.registrations, sections: [ConfigurationFixtures.talk]).schema()

    @Test func everySettingIsInTheSchema() {
        #expect(schema["additionalProperties"] == false && schema["required"] == ["property"])
        let port = schema["properties"]?["server"]?["properties"]?["port"]
        #expect(port?["default"] == 3000 && port?["description"]?.stringValue?.contains("Allowed: 0 to 65535.") == true)
        let integer: JSONValue = ["type": "integer", "minimum": 0, "maximum": 65535]
        let variable: JSONValue = ["type": "string", "pattern": "\\$\\{"]
        #expect(port?["anyOf"]?.arrayValue?.contains(integer) == true && port?["anyOf"]?.arrayValue?.contains(variable) == true)
        #expect(schema["properties"]?["talk"]?["properties"]?["threshold"]?["default"] == 0.6)
        let texts = schema["definitions"]?["channel-texts"]
        #expect(texts?["additionalProperties"] == false && texts?["required"] == ["token", "sender"])
        #expect(texts?["properties"]?["routes"]?["items"]?["required"] == ["prefix", "number"])
    }

    @Test func noSecretHasADefaultInTheSchema() {
        #expect(!JSONText.compact(schema).contains("•"))
    }

    @Test func aPluginsSettingsAreChosenByItsId() {
        let cases = schema["definitions"]?["channel"]?["allOf"]?.arrayValue ?? []
        let chosen = cases.map { $0["if"]?["properties"]?["plugin"]?["const"]?.stringValue ?? "" }
        #expect(chosen == ["webchat", "texts"])
        #expect(cases.last?["then"]?["properties"]?["settings"] == ["$ref": "#/definitions/channel-texts"])
        // Without a type these would hold for `webchat:` with nothing after it, and ask it for another plugin's settings.
        #expect(cases.allSatisfy { $0["if"]?["type"] == "object" })
        // Every reference leads somewhere.
        let text = JSONText.compact(schema)
        for reference in text.matches(of: /"#\/definitions\/([^"]+)"/) { #expect(schema["definitions"]?[String(reference.output.1)] != nil) }
    }

    @Test func theSchemaIsTheSameEachTime() {
        let generator = JSONSchemaGenerator(registrations: Fixtures.registrations)
        #expect(generator.text() == generator.text() && generator.text().hasSuffix("}\n"))
    }

    @Test func diagnosticsAsJSON() {
        let json = Fixtures.loader("property: 1").load().diagnostics.json
        #expect(json.arrayValue?.first?["code"] == "wrong-type" && json.arrayValue?.first?["line"] == 1 && json.arrayValue?.first?["column"] == 11)
    }
}
