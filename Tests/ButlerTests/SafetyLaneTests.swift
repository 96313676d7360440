import Kernel
import PluginAPI
import Testing

@testable import Butler

@Suite struct PhraseMatcherTests {
    private func found(_ phrases: [String], in text: String) -> [String] {
        PhraseMatcher(["en": phrases]).matches(in: PhraseMatcher.words(text)).map(\.phrase)
    }

    @Test(arguments: [
        ("I CAN’T breathe!", ["i", "cant", "breathe"]), ("Straße, Müll — café", ["strasse", "mull", "cafe"]), ("l'ascenseur", ["lascenseur"]),
        ("can‘t", ["cant"]), ("ﬁre 204b", ["fire", "204b"]), ("  …!? ", []), ("C\u{327}a va", ["ca", "va"]),
    ])
    func wordsAreFolded(text: String, words: [String]) { #expect(PhraseMatcher.words(text) == words) }

    @Test func wholeWordsOnly() {
        #expect(found(["fire in"], in: "There's FIRE, in the hall") == ["fire in"])
        #expect(found(["fire in"], in: "campfire inside").isEmpty)
    }

    @Test func starStandsForUpToThreeWords() {
        #expect(found(["smell * burning"], in: "I smell burning") == ["smell * burning"])
        #expect(found(["smell * burning"], in: "I smell one two three burning") == ["smell * burning"])
        #expect(found(["smell * burning"], in: "I smell one two three four burning").isEmpty)
    }

    @Test func tildeStandsForAnyEnding() {
        #expect(found(["inundad~"], in: "La habitación está inundada") == ["inundad~"])
        #expect(found(["inundad~"], in: "reinundada").isEmpty)
        #expect(found(["~"], in: "anything").isEmpty)
    }

    @Test func equalsSignStandsForTheWholeMessage() {
        #expect(found(["=fire"], in: "FIRE!!!") == ["=fire"])
        #expect(found(["=fire"], in: "the fire is cosy").isEmpty)
        #expect(found(["=fire"], in: "fire fire").isEmpty)
    }
}

@Suite struct SafetyLaneTests {
    private let lane: SafetyLane
    private let rules: SafetyCatalog

    init() throws {
        rules = try SampleHotel.catalogs().safety
        lane = SafetyLane(rules)
    }

    /// The file says what each message must come to; every one of them must.
    @Test func theHotelsOwnMessages() throws {
        let tests = try SampleHotel.node("safety-test.yaml")["tests"]?.elements ?? []
        var missed: [String] = [], alarms: [String] = [], emergencies = 0
        for test in tests {
            let text = test["text"]?.text ?? "", expected = test["expect"]?.text ?? ""
            let finding = lane.check(text)
            if expected != "none" {
                emergencies += 1
                if finding?.rule.id != expected { missed.append("\(text): \(finding?.rule.id ?? "nothing"), not \(expected)") }
            } else if let finding {
                alarms.append("\(text): \(finding.phrase)")
            }
        }
        print("safety lane: \(tests.count) messages, \(emergencies) emergencies, \(missed.count) missed, \(alarms.count) false alarms")
        #expect(tests.count >= 190 && emergencies >= 110)
        #expect(missed.isEmpty)
        #expect(alarms.isEmpty)
    }

    @Test(arguments: [
        ("fire", "fire"), ("Fire!!", "fire"), ("FUEGO", "fire"), ("feuer", "fire"), ("Au feu !", "fire"), ("fogo", "fire"), ("incendio", "fire"),
        ("help", "medical"), ("HELP!!!", "medical"), ("help me please", "medical"), ("Hilfe", "medical"), ("socorro", "medical"),
        ("au secours", "medical"), ("aiuto", "medical"),
        ("ambulance", "medical"), ("smoke", "fire"), ("flood", "flood"), ("SOS", "medical"), ("police", "assault"), ("gas leak", "gas_leak"),
    ])
    func aWordAlone(text: String, rule: String) { #expect(lane.check(text)?.rule.id == rule, "\(text)") }

    @Test(arguments: [
        "can you help me with the wifi", "help with my bags please", "is there a fire pit", "gas station nearby?", "a smoke free room please",
        "what is the police number",
    ])
    func theSameWordAmongOthers(text: String) { #expect(lane.check(text) == nil, "\(text): \(lane.check(text)?.phrase ?? "")") }

    @Test func anExceptionExcusesOnlyTheWordsItCovers() {
        #expect(lane.check("the fire in the fireplace is lovely") == nil)
        #expect(lane.check("the fire in the fireplace was lovely but now there is smoke in my room")?.rule.id == "fire")
        #expect(lane.check("there is fire in the kitchen and also a fire in the fireplace")?.rule.id == "fire")
    }

    @Test func anExceptionCountsInItsOwnLanguage() throws {
        let rule = try #require(rules.safety.first)
        var other = rule
        other.phrases = ["en": ["smoke in"], "de": ["rauch in"]]
        other.except = ["de": ["smoke in the kitchen"]]
        var catalog = rules
        catalog.safety = [other]
        #expect(SafetyLane(catalog).check("smoke in the kitchen")?.language == "en")
    }

    @Test func theGuestsLanguageIsNamedWhereSeveralFit() throws {
        var rule = try #require(rules.safety.first)
        rule.phrases = ["de": ["=sos"], "fr": ["=sos"]]
        rule.except = [:]
        var catalog = rules
        catalog.safety = [rule]
        #expect(SafetyLane(catalog).check("sos", language: "fr")?.language == "fr")
        #expect(SafetyLane(catalog).check("sos", language: "pt")?.language == "de")
    }

    @Test func everyRuleHasAReplyInTheHotelsLanguages() {
        for rule in rules.safety {
            for language in ["en", "de", "es", "fr"] { #expect(rule.reply[language]?.isEmpty == false, "\(rule.id) in \(language)") }
        }
    }
}
