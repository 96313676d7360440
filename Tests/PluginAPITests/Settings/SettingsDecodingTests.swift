import Kernel
import PluginAPI
import Testing

/// Reads YAML as settings, and gives what came of it and what was said.
func decode<Settings: PluginSettings>(_ yaml: String, as type: Settings.Type) -> (settings: Settings?, said: [String]) {
    var diagnostics = Diagnostics()
    let node = YAMLReader().read(Array(yaml.utf8), file: "t.yaml", &diagnostics)
    let settings = node.flatMap { Settings.decode($0, &diagnostics) }
    return (settings, diagnostics.sorted.map(\.description))
}

enum Mood: String, SettingChoice { case calm, brisk }

struct Inner: PluginSettings {
    @Setting(help: "A name.") var name: String
    @Setting(help: "Tries.", .range(1...5)) var tries: Int = 3
    init() {}
}

struct Outer: PluginSettings {
    @Setting(help: "An endpoint.", .url) var apiURL: String = "https://api.example.com"
    @Setting(help: "A token.", .minimumLength(4)) var token: Secret
    @Setting(help: "A second token.") var spareToken: Secret?
    @Setting(help: "A wait.", .range(.seconds(1)...(.seconds(60)))) var wait: Duration = .seconds(30)
    @Setting(help: "A size.") var size: ByteCount = .megabytes(8)
    @Setting(help: "A mood.") var mood: Mood = .calm
    @Setting(help: "A share.", .range(0...1)) var share: Double = 0.5
    @Setting(help: "A switch.") var isOn: Bool = false
    @Setting(help: "A limit.", .ifSet(.range(1...9))) var limit: Int?
    @Setting(help: "Words.") var words: [String] = ["a"]
    @Setting(help: "Rates.") var rates: [String: Double] = [:]
    @Setting(help: "An inner one.") var inner: Inner?
    @Setting(help: "Several.") var several: [Inner] = []
    @Setting("called", help: "By another name.") var renamed: String = "x"
    @Setting(help: "An old one.", deprecated: "use mood") var old: Int = 0
    init() {}
}

struct SettingsDecodingTests {
    @Test func defaultsHoldWhereNothingIsWritten() throws {
        let (settings, said) = decode("token: abcd", as: Outer.self)
        #expect(said == [])
        let read = try #require(settings)
        #expect(read.apiURL == "https://api.example.com" && read.token.reveal() == "abcd" && read.spareToken == nil)
        #expect(read.wait == .seconds(30) && read.size == .megabytes(8) && read.mood == .calm && read.share == 0.5 && !read.isOn)
        #expect(read.limit == nil && read.words == ["a"] && read.rates == [:] && read.inner == nil && read.several.isEmpty && read.renamed == "x")
    }

    @Test func everyTypeIsRead() throws {
        let yaml = """
            api_url: http://10.0.0.1:8080/x
            token: "secret"
            spare_token: other
            wait: 45s
            size: 512KB
            mood: brisk
            share: 1e-1
            is_on: yes
            limit: 1_0
            words: [x, "y z"]
            rates: {gpt-4.1: 0.5, b: 2}
            inner: {name: n}
            several: [{name: a, tries: 5}, {name: b}]
            called: c
            """
        let (settings, said) = decode(yaml.replacing("1_0", with: "0_9"), as: Outer.self)
        #expect(said == [])
        let read = try #require(settings)
        #expect(read.apiURL == "http://10.0.0.1:8080/x" && read.spareToken?.reveal() == "other" && read.wait == .seconds(45))
        #expect(read.size == .kilobytes(512) && read.mood == .brisk && read.share == 0.1 && read.isOn && read.limit == 9)
        #expect(read.words == ["x", "y z"] && read.rates == ["gpt-4.1": 0.5, "b": 2])
        #expect(read.inner?.name == "n" && read.inner?.tries == 3 && read.several.map(\.tries) == [5, 3] && read.renamed == "c")
    }

    @Test func oneRunTellsEveryMistakeAtItsPlace() {
        let yaml = """
            api_url: ftp://x
            wait: 12
            size: big
            mood: brisc
            share: 2
            is_on: maybe
            limit: 10
            words: x
            inner: {nam: n}
            moood: calm
            old: 1
            """
        let (settings, said) = decode(yaml, as: Outer.self)
        #expect(settings == nil)
        #expect(
            said == [
                "t.yaml:1:1: error: “token” is missing; add token: a token.",
                "t.yaml:1:10: error: “ftp://x” is not an http or https URL; allowed is a URL",
                "t.yaml:2:7: error: “12” is not a duration; say the unit: 12s or 12m?",
                "t.yaml:3:7: error: “BIG” is not a size; write for example 512KB or 8MB",
                "t.yaml:4:7: error: “brisc” is not one of calm, brisk; did you mean “brisk”?",
                "t.yaml:5:8: error: 2 is out of range; allowed is 0 to 1",
                "t.yaml:6:8: error: expected true or false, found “maybe”",
                "t.yaml:7:8: error: 10 is out of range; allowed is 1 to 9",
                "t.yaml:8:8: error: expected a list of text, found “x”",
                "t.yaml:9:8: error: “name” is missing; add name: a name.",
                "t.yaml:9:9: error: unknown key “nam”; did you mean “name”?",
                "t.yaml:10:1: error: unknown key “moood”; did you mean “mood”?",
                "t.yaml:11:1: warning: “old” is deprecated; use mood",
            ])
    }

    /// Two aliases of one mistaken node: it is told once, and still neither place counts as sound.
    @Test func aMistakeThatAnAliasRepeatsIsToldOnce() {
        let (settings, said) = decode("token: abcd\nseveral: [&a {nam: n}, *a]", as: Outer.self)
        #expect(settings == nil)
        #expect(
            said == [
                "t.yaml:2:11: error: “name” is missing; add name: a name.", "t.yaml:2:15: error: unknown key “nam”; did you mean “name”?",
            ])
    }

    @Test func aKeyWithNothingAfterItIsTheDefault() throws {
        let (settings, said) = decode("token: abcd\nwords:\nwait:\nlimit:\ninner: ~", as: Outer.self)
        #expect(said == [])
        let read = try #require(settings)
        #expect(read.words == ["a"] && read.wait == .seconds(30) && read.limit == nil && read.inner == nil)
    }

    @Test(arguments: ["token:", "token: ~", "token: null", "token: ''", "token: [a]", "token: {a: b}"])
    func noSecretIsReadWhereNoneIsWritten(yaml: String) {
        let (settings, said) = decode(yaml, as: Outer.self)
        #expect(settings == nil && said.count == 1 && said[0].contains("expected a secret"))
    }

    @Test func aSecretNeverPrints() throws {
        let read = try #require(decode("token: hunter2hunter2\nspare_token: hunter2\nseveral: []", as: Outer.self).settings)
        var dumped = ""
        dump(read, to: &dumped)
        for text in [dumped, "\(read)", "\(read.token)", String(reflecting: read), "\(read.printed)", "\(Optional(read.token) as Any)"] {
            #expect(!text.contains("hunter2"))
        }
        #expect(read.printed["token"] == "•••" && read.printed["spare_token"] == "•••")
        // Nor does a complaint about one.
        let said = decode("token: abc", as: Outer.self).said
        #expect(said == ["t.yaml:1:8: error: it has 3 characters, and needs at least 4; allowed is at least 4 characters"])
    }

    @Test func printingUsesTheNamesOfYAML() throws {
        let read = try #require(decode("token: abcd\ncalled: other\ninner: {name: n}", as: Outer.self).settings)
        #expect(read.printed["called"] == "other" && read.printed["renamed"] == nil)
        #expect(read.printed["inner"] == ["name": "n", "tries": 3] && read.printed["wait"] == "30s" && read.printed["limit"] == .null)
    }

    @Test func schemaIsReadWithoutConstructingAnything() {
        let schema = Outer.schema
        #expect(schema.problems == [])
        #expect(schema.definitions.map(\.name).prefix(3) == ["api_url", "token", "spare_token"])
        #expect(schema["token"]?.isRequired == true && schema["spare_token"]?.isRequired == false && schema["inner"]?.isRequired == false)
        #expect(schema["wait"]?.initial == "30s" && schema["limit"]?.constraintSchema["maximum"] == 9)
    }

    @Test func aFoolishDeclarationIsFound() {
        struct Foolish: PluginSettings {
            @Setting(help: "Tries.", .range(1...5)) var tries: Int = 9
            @Setting("tries", help: "Again.") var again: Int = 1
            @Setting("Wait-Time", help: "no sentence") var wait: Int = 1
            @Setting(help: "Some.") var some: [FoolishInner] = []
            init() {}
        }
        #expect(
            Foolish.schema.problems == [
                "the default of “tries” is not allowed: 9 is out of range", "“tries” is declared twice", "“Wait-Time” is not snake_case",
                "“Wait-Time” has no help that is a sentence", "some: “x” has no help that is a sentence",
            ])
    }

    @Test func namesBecomeSnakeCase() {
        struct Names: PluginSettings {
            @Setting(help: "A.") var publicURL: Int = 0
            @Setting(help: "B.") var apiURLBase: Int = 0
            @Setting(help: "C.") var replyWindow: Int = 0
            @Setting(help: "D.") var http2: Int = 0
            init() {}
        }
        #expect(Names.schema.definitions.map(\.name) == ["public_url", "api_url_base", "reply_window", "http2"])
    }

    @Test func settingsWithoutSettingsTakeNothing() {
        #expect(decode("", as: NoSettings.self).settings != nil)
        #expect(decode("{}", as: NoSettings.self).settings != nil)
        #expect(decode("a: 1", as: NoSettings.self).said == ["t.yaml:1:1: error: unknown key “a”"])
        #expect(decode("[a]", as: NoSettings.self).said == ["t.yaml:1:1: error: expected a mapping, found a list"])
    }
}

struct FoolishInner: PluginSettings {
    @Setting(help: "no") var x: Int = 0
    init() {}
}
