import Foundation
import Testing

@testable import OnCall

@Suite struct LabelPatternTests {
    private func fits(_ pattern: String, _ text: String) throws -> Bool { try LabelPattern(pattern).fits(text) }

    private static let meanings: [(String, [String], [String])] = [
        ("critical", ["critical"], ["Critical", "critical ", "", "xcritical"]),
        ("a|b", ["a", "b"], ["", "ab", "c"]),
        ("", [""], ["a", "\n"]),
        (".*", ["", "a", "é🛎"], ["\n", "a\nb"]),
        (".+", ["a", "🛎"], ["", "\n"]),
        ("(?s).*", ["", "\n", "a\nb"], []),
        ("2..", ["204", "2é🛎"], ["20", "2040", "2\n4"]),
        ("room-.*", ["room-", "room-2"], ["room", "aroom-2", "room-2\n"]),
        (".*-room", ["-room", "2-room"], ["room", "-room2"]),
        (".*oom.*", ["room", "oom", "ooom"], ["rom", "oom\n"]),
        ("a.*a", ["aa", "aba"], ["a", "ab"]),
        ("x?", ["", "x"], ["xx"]),
        ("(?:ab){2,3}", ["abab", "ababab"], ["ab", "abababab"]),
        ("a{2}", ["aa"], ["a", "aaa"]),
        ("a{2,}", ["aa", "aaaa"], ["a"]),
        ("a{,2}", ["a{,2}"], ["a", "aa"]),
        ("a{02}", ["a{02}"], ["aa"]),
        ("[a-c]+", ["abc"], ["", "d"]),
        ("[^a-c]", ["d", "\n", "é"], ["a", ""]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[\\d-x]", ["1", "-", "x"], ["y"]),
        ("[[:alpha:]_]+", ["a_B"], ["1"]),
        ("[[:^digit:]]", ["a"], ["1"]),
        ("\\d+", ["204"], ["٣", ""]),
        ("\\w+", ["a_1"], ["é", "-"]),
        ("\\s", [" ", "\t"], ["\u{0B}", "\u{A0}"]),
        ("\\pL+", ["aéж"], ["1"]),
        ("\\p{Lu}", ["A", "É"], ["a"]),
        ("\\P{Lu}", ["a"], ["A"]),
        ("\\p{^Lu}", ["a"], ["A"]),
        ("\\p{Greek}+", ["αβγ"], ["abc"]),
        ("(?i)critical", ["CRITICAL", "Critical"], ["critica"]),
        ("(?i)k", ["k", "K", "\u{212A}"], ["c"]),
        ("(?i)ß", ["ß", "ẞ"], ["ss"]),
        ("(?i)[a-c]+", ["AbC"], ["d"]),
        ("(?i)[^a]", ["b"], ["A"]),
        ("(?i)i", ["i", "I"], ["ı", "İ"]),
        ("a(?i)b(?-i)c", ["abc", "aBc"], ["Abc", "abC"]),
        ("(?i:a)b", ["Ab"], ["AB"]),
        ("^a$", ["a"], ["", "a\n"]),
        ("a^b", [], ["ab", "a^b"]),
        ("(?m)a$\n^b", ["a\nb"], ["ab"]),
        ("\\Aa\\z", ["a"], ["ab"]),
        ("\\ba\\b.*", ["a", "a b"], ["ab"]),
        ("a\\Bb", ["ab"], ["a b"]),
        ("\\Qa.*\\E+", ["a.*", "a.**"], ["ab"]),
        ("\\x41\\x{1F6CE}", ["A🛎"], ["A"]),
        ("\\101\\n", ["A\n"], ["A"]),
        ("(?P<floor>2|3)..", ["204"], ["404"]),
        ("(a*)*b", ["b", "aab"], ["a"]),
        ("\\.\\-\\_", [".-_"], ["a-_"]),
        ("x*?y+?", ["y", "xxyy"], ["x"]),
        ("é", ["é"], ["e\u{301}"]),
        ("a)|(?:b", ["a", "ax", "xb", "b"], ["xa", "bx"]),
    ]

    @Test(arguments: meanings)
    func meansWhatItMeansInRE2(pattern: String, fitting: [String], others: [String]) throws {
        for text in fitting { #expect(try fits(pattern, text), "\(pattern) fits \(text)") }
        for text in others { #expect(try !fits(pattern, text), "\(pattern) does not fit \(text)") }
    }

    static let refused = [
        "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(a)\\1", "a\\", "(", ")", "[", "[b-a]", "*", "a**", "a{2}{3}", "+a", "(|*)", "a{1001}", "a{3,2}",
        "(?:a{100}){100}", "\\C", "\\Z", "\\8", "\\y", "\\pX", "\\p{Nonsense}", "[[:nonsense:]]", "(?x)a", "(?P<1-2>a)", "(?P=n)",
        "(?i", "(?-)a", "\\x4", "\\x{110000}", "\\Qabc", "[a", "[\\b]", "(?#a)", "a++", "\\k", "(?>a)",
    ]

    @Test(arguments: refused) func isRefusedWhereRE2Refuses(pattern: String) {
        let fault = #expect(throws: PatternFault.self) { try LabelPattern(pattern) }
        #expect(fault.map { !$0.message.isEmpty && $0.offset <= pattern.unicodeScalars.count } ?? false)
    }

    @Test func saysWhere() {
        #expect(throws: PatternFault(message: "look-around is not supported, as in RE2; say the same with two matchers", offset: 2)) {
            try LabelPattern("ab(?=c)")
        }
        #expect(throws: PatternFault(message: "a “[” is not closed", offset: 1)) { try LabelPattern("a[bc") }
    }

    @Test func whatIsUsualNeedsNoAutomaton() throws {
        func form(_ pattern: String) throws -> String {
            switch try LabelPattern(pattern).form {
            case .texts(let texts): "texts \(texts.map(\.text).sorted())"
            case .ends(let prefix, let suffix, let least, _):
                "ends \(String(decoding: prefix, as: UTF8.self)) \(String(decoding: suffix, as: UTF8.self)) \(least)"
            case .part(let part, _): "part \(String(decoding: part, as: UTF8.self))"
            case .automaton(let automaton): automaton.hasTable ? "table" : "steps"
            }
        }
        #expect(try form("a|b|c[de]") == "texts [\"a\", \"b\", \"cd\", \"ce\"]")
        #expect(try form("^(?:a|b)$") == "texts [\"a\", \"b\"]")
        #expect(try form(".*") == "ends   0")
        #expect(try form(".+") == "ends   1")
        #expect(try form("ab.*") == "ends ab  0")
        #expect(try form("(ab).*c") == "ends ab c 0")
        #expect(try form(".*ab.*") == "part ab")
        #expect(try form("2..|3..") == "table")
        #expect(try form("(a|b)*a(a|b){14}") == "steps")
    }

    @Test func noPatternIsSlowOnAnyText() throws {
        let text = String(repeating: "a", count: 200_000)
        for pattern in ["(a|aa)+b", "(a*)*b", "(a+)+b", "(.*)(.*)(.*)b", ".*a.*a.*a.*b", "(a|b)*a(a|b){14}c", "(x+x+)+y"] {
            let began = ContinuousClock.now
            #expect(try !fits(pattern, text))
            // A search that goes back would need longer than the sun lasts; this is generous for a debug build on a busy machine.
            #expect(ContinuousClock.now - began < .seconds(60), "\(pattern)")
        }
    }

    @Test func whereStatesWouldBeManyTheStepsSayTheSame() throws {
        let pattern = try LabelPattern("(a|b)*a(a|b){12}")
        var random = SplitMix(1)
        for _ in 0..<200 {
            let text = String((0..<Int.random(in: 0..<40, using: &random)).map { _ in random.pick(["a", "b"] as [Character]) })
            #expect(pattern.fits(text) == (text.count > 12 && text.dropLast(12).last == "a"), "\(text)")
        }
    }

    /// A pattern of a small grammar.
    static func pattern(_ random: inout SplitMix, depth: Int) -> String {
        let atoms = ["a", "b", "c", "-", "é", ".", "[ab]", "[^a]", "\\w", "\\d", "\\W", "(?i:B)", "(?s:.)", "\\b", "\\B"]
        guard depth > 0 else { return random.pick(atoms) }
        var text = ""
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            var part =
                random.chance(60)
                ? random.pick(atoms) : "(?:\(pattern(&random, depth: depth - 1))|\(pattern(&random, depth: depth - 1)))"
            let isEdge = part == "\\b" || part == "\\B"
            if !isEdge { part += random.pick(["", "", "", "*", "+", "?", "{1,2}", "{2}", "*?"]) }
            text += part
        }
        return text
    }
}
