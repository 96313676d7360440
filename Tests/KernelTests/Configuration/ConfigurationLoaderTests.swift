import Kernel
import PluginAPI
import Testing

struct ConfigurationLoaderTests {
    private typealias Fixtures = ConfigurationFixtures
    private let hotel = ConfigurationFixtures.hotel

    @Test func theLeastConfigurationHasAllDefaults() throws {
        let (loaded, diagnostics) = Fixtures.loader(hotel).load()
        #expect(diagnostics.all.isEmpty)
        let settings = try #require(loaded).settings
        #expect(settings.environment == .development && settings.server.host == "127.0.0.1" && settings.server.port == 3000)
        #expect(
            settings.server.maximumBody == .megabytes(8) && settings.server.headerTimeout == .seconds(12)
                && settings.server.bodyTimeout == .seconds(12))
        #expect(settings.server.rateLimit.requests == 300 && settings.server.rateLimit.per == .seconds(60) && settings.server.metricsPort == nil)
        #expect(settings.storage.path == "data/jack.db" && settings.storage.persist && settings.log.level == .info && settings.log.format == .json)
        #expect(settings.security.jwtSecret == nil && loaded?.instances.isEmpty == true && loaded?.directory == "conf")
        let property = try #require(loaded).property
        #expect(property.id == "main" && property.languages == ["en"] && property.timeZone == "Europe/Lisbon" && property.publicURL == nil)
    }

    @Test(arguments: [("conf/jack.yaml", "conf"), ("jack.yaml", "."), ("/jack.yaml", "/"), ("/etc/jack/jack.yaml", "/etc/jack")])
    func relativePathsCountFromTheFilesFolder(file: String, directory: String) throws {
        let files = Fixtures.files(
            [file: hotel + "security: {jwt_secret: '${file:near}'}\n", directory == "." ? "near" : "\(directory)/near": "x"].merging(["/near": "x"]) {
                first, _ in first
            })
        let loader = ConfigurationLoader(file: file, registrations: [], files: files)
        let (loaded, diagnostics) = loader.load()
        #expect(diagnostics.all.isEmpty)
        #expect(loaded?.directory == directory)
    }

    @Test func theDeclarationsAreSound() {
        #expect(KernelSettings.schema.problems == [])
        #expect(CallLimits.schema.problems == [])
    }

    @Test func instancesComeInTheOrderOfTheFile() throws {
        let yaml =
            hotel + """
                  languages: [de, en]
                  public_url: https://jack.example.com/
                alerts: {log: }
                channels:
                  webchat:
                  front:
                    plugin: texts
                    on_start_failure: fail
                    start_timeout: 5s
                    limits: {concurrency: 2, timeout: 1m}
                    settings: {token: "${TOKEN}", sender: "+351"}
                pms:
                  desk: {plugin: builtin, settings: {reservations: hotel/r.csv, rooms: /srv/r.csv}}
                """
        let (result, diagnostics) = Fixtures.loader(yaml, environment: ["TOKEN": "0123456789"]).load()
        #expect(diagnostics.all.isEmpty)
        let loaded = try #require(result)
        #expect(loaded.instances.map(\.name) == ["log", "webchat", "front", "desk"])
        #expect(loaded.property.languages == ["en", "de"] && loaded.property.publicURL == "https://jack.example.com")
        let front = loaded.instances[2]
        let texts = try #require(front.settings as? Fixtures.Texts.Settings)
        #expect(texts.token.reveal() == "0123456789" && texts.sender == "+351" && front.kind == .channel)
        #expect(front.spec.onStartFailure == .fail && front.spec.startTimeout == .seconds(5) && front.spec.limits.concurrency == 2)
        #expect(front.spec.limits.timeout == .seconds(60) && loaded.instances[0].spec.onStartFailure == .retry)
        #expect(front.mark == SourceMark(file: "conf/jack.yaml", line: 9, column: 3))
        let desk = try #require(loaded.instances[3].settings as? Fixtures.BuiltIn.Settings)
        #expect(desk.reservations == "hotel/r.csv" && desk.rooms == "/srv/r.csv")
    }

    private struct Limited: Plugin {
        static let manifest = PluginManifest(
            id: "limited", summary: "A vendor with limits.", stability: .beta, limits: VendorLimits(rate: 80, burst: 60))
        static let kind = PluginKind.channel
        init(settings: NoSettings, context: PluginContext) {}
    }

    @Test(arguments: [
        ("{}", 80.0, 60), ("{timeout: 1m}", 80, 60), ("{burst: 5}", 80, 5), ("{rate: 20}", 20, 10), ("{rate: 20, burst: 20}", 20, 20),
        ("{rate: 0}", 0, 10),
    ])
    func whatAVendorTakesHoldsWhereTheFileSaysNothing(_ limits: String, _ rate: Double, _ burst: Int) throws {
        let yaml = hotel + "channels:\n  limited: {limits: \(limits)}\n"
        let loader = ConfigurationLoader(
            file: "conf/jack.yaml", registrations: [PluginRegistration(Limited.self)], files: Fixtures.files(["conf/jack.yaml": yaml]))
        let (loaded, diagnostics) = loader.load()
        #expect(diagnostics.all.isEmpty)
        let spec = try #require(loaded?.instances.first).spec
        #expect(spec.limits.rate == rate && spec.limits.burst == burst)
    }

    // MARK: What wins

    @Test func setWinsOverEnvironmentAndEnvironmentOverFile() throws {
        let yaml = hotel + "server: {port: 1, host: a, allowlist: [10.0.0.0/8]}\nlog: {level: debug}\n"
        let environment = ["PORT": "2", "LOG_LEVEL": "WARN", "ALLOWLIST": "192.168.0.0/16, ::1 ,", "DATABASE_PATH": "", "PERSIST": "false"]
        let loader = Fixtures.loader(yaml, environment: environment, set: ["server.port=3", "property.languages=[de]", "property.languages.1=fr"])
        let loaded = try #require(loader.load().configuration)
        #expect(loaded.settings.server.port == 3 && loaded.settings.server.host == "a" && loaded.settings.log.level == .warning)
        #expect(loaded.settings.server.allowlist.map(\.description) == ["192.168.0.0/16", "::1/128"])
        #expect(loaded.settings.storage.path == "data/jack.db" && !loaded.settings.storage.persist)
        #expect(loaded.settings.property.languages == ["de", "fr"])
        #expect(loaded.mark(of: "server.port")?.file == "--set server.port" && loaded.mark(of: "log.level")?.file == "environment LOG_LEVEL")
        #expect(loaded.mark(of: "server.host")?.line == 4 && loaded.mark(of: "storage.path") == nil)
        #expect(loaded.nearestMark(of: "server.nothing.at.all").line == 4)
    }

    @Test func everyVariableReachesItsSetting() throws {
        let secret = { (letter: String) in String(repeating: letter, count: 40) }
        let environment = [
            "JACK_ENV": "production", "PORT": "8080", "ALLOWLIST": "10.0.0.1", "CORS_ORIGIN": "https://a.example", "DATABASE_PATH": "/x/${y}.db",
            "PERSIST": "no",
            "LOG_LEVEL": "error", "LOCAL_TOKEN": secret("t"), "JWT_SECRET": secret("j"), "ENCRYPTION_KEY": secret("e"),
        ]
        #expect(Set(environment.keys) == Set(EnvironmentVariable.all.map(\.name)))
        let settings = try #require(Fixtures.loader(hotel, environment: environment).load().configuration).settings
        #expect(settings.environment == .production && settings.server.port == 8080 && settings.server.allowlist == [AddressRange("10.0.0.1")])
        #expect(settings.server.corsOrigin == "https://a.example" && settings.storage.path == "/x/${y}.db" && !settings.storage.persist)
        #expect(settings.log.level == .error && settings.security.localToken?.reveal() == secret("t"))
        #expect(settings.security.jwtSecret?.reveal() == secret("j") && settings.security.encryptionKey?.reveal() == secret("e"))
    }

    @Test func aPluginsVariablesReachTheInstanceOfItsName() throws {
        struct Post: Plugin {
            struct Server: PluginSettings {
                @Setting(help: "A host.") var host: String
                @Setting(help: "A port.") var port: Int = 25
                init() {}
            }
            struct Settings: PluginSettings {
                @Setting(help: "A server.") var server: Server?
                init() {}
            }
            static let manifest = PluginManifest(
                id: "post", summary: "Letters.", stability: .beta, environment: ["POST_HOST": "server.host", "POST_PORT": "server.port"])
            static let kind = PluginKind.channel
            init(settings: Settings, context: PluginContext) {}
        }
        func load(_ yaml: String, _ environment: [String: String]) throws -> Post.Settings? {
            var loader = Fixtures.loader(hotel + yaml, environment: environment)
            loader.registrations.append(PluginRegistration(Post.self))
            return try #require(loader.load().configuration).instances.first?.settings as? Post.Settings
        }
        #expect(try load("", [:]) == nil)
        let made = try load("", ["POST_HOST": "a.example", "POST_PORT": ""])
        #expect(made?.server?.host == "a.example" && made?.server?.port == 25)
        let over = try load("channels: {post: {settings: {server: {host: b.example, port: 1}}}}", ["POST_PORT": "2"])
        #expect(over?.server?.host == "b.example" && over?.server?.port == 2)
        // A variable of a plugin that this program does not have is somebody else's.
        #expect(Fixtures.loader(hotel, environment: ["POST_HOST": "a.example"]).load().diagnostics.all.isEmpty)
    }

    @Test func setMakesWhatIsMissingAndReachesAnySetting() throws {
        let loader = Fixtures.loader(
            hotel + "channels: {webchat: }\n", environment: ["WHO": "you"],
            set: [
                "channels.webchat.settings.welcome=Hi ${WHO}", "pms.desk={plugin: builtin, settings: {reservations: r.csv}}", "property.public_url=",
            ])
        let (result, diagnostics) = loader.load()
        #expect(diagnostics.all.isEmpty)
        let loaded = try #require(result)
        #expect((loaded.instances[0].settings as? Fixtures.WebChat.Settings)?.welcome == "Hi you")
        #expect((loaded.instances[1].settings as? Fixtures.BuiltIn.Settings)?.reservations == "r.csv")
    }

    @Test(arguments: [
        ("server.port", "--set:1:1: error: “server.port” is not path=value; write for example --set server.port=8080"),
        ("server..port=1", "--set:1:1: error: “server..port” is not path=value; write for example --set server.port=8080"),
        ("server.port=x", "--set server.port:1:1: error: expected a whole number, found “x”"),
        ("server.prot=1", "--set server.prot:1:1: error: unknown key “prot”; did you mean “port”?"),
        ("server.port.x=1", "--set server.port.x:1:1: error: “x” cannot be set in “5”; the path goes through a single value"),
        ("property.languages.7=de", "--set property.languages.7:1:1: error: a list of 0 has no position “7”; positions count from 0"),
        ("server={", "--set server:2:1: error: a value is missing here; write it, or close the bracket before it"),
    ])
    func aWrongSetIsSaid(assignment: String, line: String) {
        let said = Fixtures.said("  languages: []\nserver: {port: 5}\n", set: [assignment])
        #expect(said == [line])
    }

    // MARK: Mistakes

    @Test func instancesAndPluginsAreCheckedByName() {
        let said = Fixtures.said(
            """
            channels:
              webchat: {token: x, welcome: Hi}
              Front: {plugin: webchat}
              other: {plugin: [webchat]}
              reception:
              textss:
            ai:
              texts:
              embedded: 5
            pms: [builtin]
            alerts:
              webchat: {plugin: log}
            """)
        #expect(
            said == [
                "5:13: error: unknown key “token”; there is enabled, inbound, limits, network, on_start_failure, plugin, settings, start_timeout",
                "5:23: error: “welcome” is a setting of the plugin, and stands too high; put it under settings:",
                "6:3: error: “Front” is not a name for an instance; use lower-case letters, digits and hyphens, a letter first",
                "7:19: error: expected text, found a list",
                "8:3: error: there is no channel plugin “reception”; say which one it is with plugin:; there is texts, webchat",
                "9:3: error: there is no channel plugin “textss”; did you mean “texts”?",
                "11:3: error: “texts” is a plugin of the kind channel, not ai; write it under channels:",
                "12:13: error: expected a mapping, found “5”",
                "13:6: error: expected a mapping of instance names, found a list; write the instance's name, and under it its settings",
                "15:3: error: there is another instance “webchat” under channels, at 5:3; give one of them another name, and say its plugin with plugin:",
            ])
    }

    @Test func whatAPluginFindsStandsAtItsSetting() {
        let said = Fixtures.said(
            """
            channels:
              texts:
                settings:
                  token: 0123456789
                  sender: "+351"
                  parts: 9
                  receipts: no
                  endpoint: https://old.example.com
                  main: {prefix: "+351", number: 1}
            """)
        #expect(
            said == [
                "7:7: error: wait: the old endpoint needs a longer wait", "10:17: warning: many parts without receipts cost blindly",
                "12:22: error: the prefix is the sender; name a prefix",
            ])
    }

    @Test func settingsThatAreMissingAreToldAtTheInstance() {
        #expect(
            Fixtures.said("channels:\n  texts:\n")
                == [
                    "5:3: error: “sender” is missing; add sender: the number that sends.",
                    "5:3: error: “token” is missing; add token: the account's token.",
                ].sorted().reversed())
    }

    @Test func oneRunFindsTheMistakesOfAllSections() {
        let said = Fixtures.said(
            "server: {port: x}\nserver: {}\nchannels: {webchat: {settings: {session_life: 1s}}}\nlog: {level: loud}\nnonsense: 1\nsecurity: {jwt_secret: \"${NO}\"}\ntalk: {threshold: 2}\n",
            sections: [Fixtures.talk])
        #expect(said.map { $0.prefix(4) } == ["4:16", "5:1:", "6:47", "7:14", "8:1:", "9:24", "10:1"])
    }

    @Test func anythingButAMappingIsRefused() {
        #expect(Fixtures.loader("- a").load().diagnostics.all.map(\.message) == ["expected a mapping of sections, found a list"])
        #expect(Fixtures.loader("").load().diagnostics.all.map(\.message) == ["“property” is missing"])
    }

    @Test func aFileThatCannotBeReadIsSaid() {
        var loader = Fixtures.loader("")
        loader.file = "none.yaml"
        #expect(
            loader.load().diagnostics.all.map(\.description) == [
                "none.yaml:1:1: error: the file does not exist; make one with: jack config sample > none.yaml"
            ])
    }

    @Test func theHotelIsChecked() {
        let yaml = "property: {name: '', timezone: Europe/Lisbo, locale: english, languages: [de, ''], public_url: jack, id: A b}\n"
        let said = Fixtures.loader(yaml).load().diagnostics.sorted.map(\.message)
        #expect(
            said == [
                "it is empty", "“Europe/Lisbo” is no time zone that this system knows (did you mean “Europe/Lisbon”?)",
                "“english” is not a language tag",
                "“” is not a language tag", "“jack” is not an http or https URL", "“A b” is not a name",
            ])
    }

    // MARK: Switched off

    @Test func anInstanceThatIsOffMayLackItsVariables() throws {
        let yaml =
            hotel + """
                channels:
                  webchat:
                  texts: {enabled: "${TEXTS:-false}", settings: {token: "${TEXTS_TOKEN}", sender: "${file:/none}"}}
                """
        let (result, diagnostics) = Fixtures.loader(yaml).load()
        #expect(diagnostics.all.isEmpty)
        #expect(result?.instances.map(\.name) == ["webchat"] && result?.disabled.map(\.name) == ["texts"])
        // Switched on, the same says what it lacks.
        #expect(Fixtures.loader(yaml, environment: ["TEXTS": "true"]).load().diagnostics.all.map(\.code) == [.missingVariable, .unreadable])
        #expect(Fixtures.loader(yaml, set: ["channels.texts.enabled=true"]).load().diagnostics.all.map(\.code) == [.missingVariable, .unreadable])
        // And its other mistakes are mistakes.
        #expect(
            Fixtures.said("channels:\n  webchat: {enabled: false, settings: {welcom: x}}") == [
                "5:40: error: unknown key “welcom”; did you mean “welcome”?"
            ])
    }

    // MARK: Contributed sections

    @Test func modulesContributeSections() throws {
        let yaml = hotel + "ai: {embedded: }\ntalk: {ai: [embedded], threshold: 0.8}\n"
        let loaded = try #require(Fixtures.loader(yaml, sections: [Fixtures.talk]).load().configuration)
        #expect(loaded.section(Fixtures.Talk.self).threshold == 0.8)
        // Left out, it is read as an empty one.
        #expect(try #require(Fixtures.loader(hotel, sections: [Fixtures.talk]).load().configuration).section(Fixtures.Talk.self).greeting == "Hi")
        // Without the module, its section is unknown.
        #expect(Fixtures.loader(yaml).load().diagnostics.all.map(\.message) == ["unknown key “talk”"])
    }

    @Test func sectionsNameInstancesThatExist() {
        let said = Fixtures.said(
            "channels: {webchat: }\nai: {main: {plugin: embedded}, spare: {plugin: embedded, enabled: false}}\ntalk: {ai: [main, webchat, mian, spare]}\n",
            sections: [Fixtures.talk])
        #expect(
            said == [
                "6:19: error: there is no instance “webchat” under ai; there is main, spare",
                "6:28: error: there is no instance “mian” under ai; did you mean “main”?",
                "6:34: warning: the instance “spare” is switched off; set ai.spare.enabled: true",
            ])
    }
}
