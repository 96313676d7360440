import Kernel
import PluginAPI
import Testing

struct ConfigurationDiffTests {
    private typealias Fixtures = ConfigurationFixtures

    private func load(_ yaml: String, _ environment: [String: String] = [:]) throws -> LoadedConfiguration {
        let (configuration, diagnostics) = Fixtures.loader(Fixtures.hotel + yaml, environment: environment, sections: [Fixtures.talk]).load()
        #expect(diagnostics.all.isEmpty)
        return try #require(configuration)
    }

    private let yaml = "channels:\n  webchat:\n  texts: {settings: {token: '${T}', sender: '1', parts: 2}}\nalerts: {log: }\nserver: {port: 1}\n"

    @Test func whatIsWrittenDifferentlyAndSaysTheSameIsNoChange() throws {
        let old = try load(yaml, ["T": "0123456789"])
        let new = try load(
            "server: {port: '1'}\nalerts:\n  log: {plugin: log, enabled: yes}\n\n# moved\nchannels:\n  texts:\n    settings:\n      sender: \"1\"\n      parts: 2\n      token: 0123456789\n  webchat: {plugin: webchat}\n"
        )
        let diff = ConfigurationDiff(from: old, to: new)
        #expect(diff.isEmpty && diff.lines.isEmpty)
    }

    @Test func instancesAreAddedRemovedAndChanged() throws {
        let old = try load(yaml, ["T": "0123456789"])
        let new = try load(
            "channels:\n  texts: {limits: {attempts: 1}, settings: {token: '${T}', sender: '1', parts: 3}}\n  webchat: {enabled: false}\nai: {embedded: }\nalerts: {log: }\nserver: {port: 1}\n",
            ["T": "9876543210"])
        let diff = ConfigurationDiff(from: old, to: new)
        #expect(diff.added.map(\.name) == ["embedded"] && diff.removed.map(\.name) == ["webchat"])
        #expect(diff.changed.map(\.instance.name) == ["texts"] && diff.settings.isEmpty)
        #expect(Set(diff.changed[0].reasons) == ["limits.attempts", "settings.token", "settings.parts"])
        #expect(diff.lines.first == "add ai embedded (embedded)" && !diff.lines.joined().contains("9876543210"))
        #expect(old.instances.last?.fingerprint == new.instances.last?.fingerprint)
    }

    @Test func anInstanceThatChangesItsPluginOrKindIsAnother() throws {
        let old = try load("channels:\n  a: {plugin: webchat}\nalerts:\n  b: {plugin: log}\n")
        let new = try load("channels:\n  a: {plugin: texts, settings: {token: 0123456789, sender: 1}}\n  b: {plugin: webchat}\n")
        #expect(ConfigurationDiff(from: old, to: new).changed.map(\.reasons) == [["plugin"], ["kind"]])
    }

    @Test func settingsSayWhetherTheyNeedARestart() throws {
        let old = try load(yaml + "talk: {greeting: Hi}\nstorage: {path: a}\n", ["T": "0123456789"])
        let new = try load(yaml + "talk: {greeting: Hello}\nlog: {level: debug}\nstorage: {path: b}\n", ["T": "0123456789", "PORT": "2"])
        let diff = ConfigurationDiff(from: old, to: new)
        #expect(Set(diff.settings) == ["talk.greeting", "log.level", "storage.path", "server.port"])
        #expect(Set(diff.needsRestart) == ["storage.path", "server.port"])
        #expect(diff.lines.contains("server.port: takes hold at the next start") && diff.lines.contains("change talk.greeting"))
        #expect(diff.added.isEmpty && diff.removed.isEmpty && diff.changed.isEmpty)
    }
}
