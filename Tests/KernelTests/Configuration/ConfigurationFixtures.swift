import Foundation
import Kernel
import PluginAPI

/// Small plugins and files for tests of configuration.
enum ConfigurationFixtures {
    struct WebChat: Plugin {
        struct Settings: PluginSettings {
            @Setting(help: "What a guest reads first.") var welcome: String = "Hello ${guest}"
            @Setting(help: "A session's life.", .range(.seconds(60)...(.seconds(86_400)))) var sessionLife: Duration = .seconds(3600)
            init() {}
        }
        static let manifest = PluginManifest(id: "webchat", summary: "The hotel's own page.", stability: .stable)
        static let kind = PluginKind.channel
        init(settings: Settings, context: PluginContext) {}
    }

    struct Texts: Plugin {
        struct Route: PluginSettings {
            @Setting(help: "A prefix.") var prefix: String
            @Setting(help: "A number.") var number: String
            init() {}
        }
        struct Settings: PluginSettings {
            @Setting(help: "The account's token.", .minimumLength(8)) var token: Secret
            @Setting(help: "Where the vendor is.", .url) var endpoint: String = "https://api.example.com"
            @Setting(help: "The number that sends.", example: "\"+351210000000\"") var sender: String
            @Setting(help: "Parts of one text.", .range(1...10)) var parts: Int = 3
            @Setting(help: "A wait.", advanced: true) var wait: Duration = .seconds(5)
            @Setting(help: "Whether receipts are asked.") var receipts: Bool = true
            @Setting(help: "Other numbers by prefix.") var routes: [Route] = []
            @Setting(help: "The main route.") var main: Route?
            @Setting(help: "Prices by country.") var prices: [String: Double] = ["pt": 0.05]
            init() {}
        }
        static let manifest = PluginManifest(id: "texts", summary: "Texts by a vendor.", stability: .beta)
        static let kind = PluginKind.channel
        static func validate(_ settings: Settings, _ report: inout ValidationReport) {
            if settings.parts > 5, !settings.receipts { report.warning("receipts", "many parts without receipts cost blindly") }
            if settings.main?.prefix == settings.sender { report.error("main.prefix", "the prefix is the sender", remedy: "name a prefix") }
            if settings.endpoint.contains("old") { report.error("wait", "the old endpoint needs a longer wait") }
        }
        init(settings: Settings, context: PluginContext) {}
    }

    struct Embedded: Plugin {
        struct Settings: PluginSettings {
            @Setting(help: "Words that mean the same.", example: "hotel/synonyms.yaml") var lexicon: String?
            init() {}
        }
        static let manifest = PluginManifest(id: "embedded", summary: "Answers without a network.", stability: .stable)
        static let kind = PluginKind.ai
        init(settings: Settings, context: PluginContext) {}
    }

    struct BuiltIn: Plugin {
        struct Settings: PluginSettings {
            @Setting(help: "The reservations' file.", example: "hotel/reservations.csv") var reservations: String
            @Setting(help: "The rooms' file.", example: "hotel/rooms.csv") var rooms: String?
            init() {}
        }
        static let manifest = PluginManifest(id: "builtin", summary: "Reservations from a file.", stability: .stable)
        static let kind = PluginKind.pms
        init(settings: Settings, context: PluginContext) {}
    }

    struct LogSink: Plugin {
        static let manifest = PluginManifest(id: "log", summary: "Pages in the log.", stability: .stable)
        static let kind = PluginKind.alert
        init(settings: NoSettings, context: PluginContext) {}
    }

    /// A second plugin with the id of a channel.
    struct TextsSink: Plugin {
        static let manifest = PluginManifest(id: "texts", summary: "Pages by text.", stability: .beta)
        static let kind = PluginKind.alert
        init(settings: NoSettings, context: PluginContext) {}
    }

    struct Talk: PluginSettings {
        @Setting(help: "The AI that answers.") var ai: [String] = []
        @Setting(help: "Confidence below which a human answers.", .range(0...1)) var threshold: Double = 0.6
        @Setting(help: "A greeting.") var greeting: String = "Hi"
        init() {}
    }

    static let registrations = [
        PluginRegistration(WebChat.self), PluginRegistration(Texts.self), PluginRegistration(Embedded.self), PluginRegistration(BuiltIn.self),
        PluginRegistration(LogSink.self), PluginRegistration(TextsSink.self),
    ]

    static let talk = ConfigurationSection(key: "talk", settings: Talk.self, help: "How Jack talks.") { settings, outline, report in
        for (index, name) in settings.ai.enumerated() { outline.check(name, .ai, "ai.\(index)", &report) }
    }

    static let hotel = "property:\n  name: Miramar\n  timezone: Europe/Lisbon\n"

    /// Files by their paths; what is not there is missing.
    static func files(_ texts: [String: String]) -> ConfigurationFiles {
        ConfigurationFiles { (path, limit) throws(ConfigurationFiles.Problem) in
            guard let text = texts[path] else { throw .missing }
            let bytes = Array(text.utf8)
            guard bytes.count <= limit else { throw .tooLarge(bytes.count) }
            return bytes
        }
    }

    static func loader(
        _ yaml: String, environment: [String: String] = [:], set: [String] = [], files texts: [String: String] = [:],
        sections: [ConfigurationSection] = []
    ) -> ConfigurationLoader {
        let all = texts.merging(["conf/jack.yaml": yaml]) { _, file in file }
        return ConfigurationLoader(
            file: "conf/jack.yaml", environment: environment, assignments: set, registrations: registrations, sections: sections, files: files(all))
    }

    /// What is said of a configuration, the sample's hotel before it; so its first own line is line 4.
    static func said(_ yaml: String, environment: [String: String] = [:], set: [String] = [], sections: [ConfigurationSection] = []) -> [String] {
        loader(hotel + yaml, environment: environment, set: set, sections: sections).load().diagnostics.sorted
            .map { $0.description.replacing("conf/jack.yaml:", with: "") }
    }

    /// The repository's root.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
}
