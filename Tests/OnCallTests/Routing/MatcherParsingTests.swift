import Foundation
import Testing

@testable import OnCall

@Suite struct MatcherParsingTests {
    private static let readings: [(String, [LabelMatcher])] = [
        (#"severity="critical""#, [LabelMatcher("severity", .equal, "critical")]),
        ("foo!~bar", [LabelMatcher("foo", .fitsNot, "bar")]),
        (" foo != bar ", [LabelMatcher("foo", .notEqual, "bar")]),
        (#"{a="b",c=~"d"}"#, [LabelMatcher("a", .equal, "b"), LabelMatcher("c", .fits, "d")]),
        (#"{a="b", c=~"d", }"#, [LabelMatcher("a", .equal, "b"), LabelMatcher("c", .fits, "d")]),
        ("a=b,c=d", [LabelMatcher("a", .equal, "b"), LabelMatcher("c", .equal, "d")]),
        ("{}", []), ("", []), ("  ", []),
        // The present form alone: any text is a name, in quotes.
        (#""Zimmer nr"="204""#, [LabelMatcher("Zimmer nr", .equal, "204")]),
        ("größe=ü", [LabelMatcher("größe", .equal, "ü")]),
        (#"a="\u00e9\x41\101""#, [LabelMatcher("a", .equal, #"\u00e9\x41\101"#)]),
        (#""a.b"="\u00e9\x41\101\t""#, [LabelMatcher("a.b", .equal, "éAA\t")]),
        // The older form alone: no value, a backslash that escapes nothing, what would need quotes.
        ("a=", [LabelMatcher("a", .equal, "")]),
        (#"a=~"\d+""#, [LabelMatcher("a", .fits, #"\d+"#)]),
        ("a=b c", [LabelMatcher("a", .equal, "b c")]),
        ("a=~b{2}", [LabelMatcher("a", .fits, "b{2")]),
        ("a==b", [LabelMatcher("a", .equal, "=b")]),
        ("a=it's", [LabelMatcher("a", .equal, "it's")]),
        // Both, and not alike: the older one is taken.
        (#"a="\t""#, [LabelMatcher("a", .equal, #"\t"#)]),
        (#"a="say \"hi\", \\ \n""#, [LabelMatcher("a", .equal, "say \"hi\", \\ \n")]),
    ]

    @Test(arguments: readings)
    func reads(text: String, matchers: [LabelMatcher]) throws { #expect(try LabelMatcher.parse(text) == matchers) }

    private static let faults: [(String, String)] = [
        ("a", "one of =, !=, =~ and !~ is missing, at character 2"),
        ("=b", "the name of a label is missing, at character 1"),
        ("{ä=b", "a “{” is not closed, at character 5"),
        (#"größe="b"}"#, "a “}” has no “{”, at character 10"),
        (#""ä"="b" c"#, "a comma is missing between two matchers, at character 9"),
        (#""ä"="b"#, "a quote is not closed, at character 5"),
        (#""ä"="\q""#, "a text in quotes has an escape that is none; write \\\\ for a backslash, at character 5"),
        ("ä=~\"[\"", "a “[” is not closed, at character 1 of the pattern, at character 4"),
        ("ä!b", "“!” is followed by neither = nor ~, at character 2"),
        ("ä=", "a value is missing; write \"\" for an empty one, at character 3"),
        ("ä=a~", "“~” may stand only within double quotes, at character 4"),
    ]

    @Test(arguments: faults)
    func saysWhereItIsWrong(text: String, said: String) {
        let fault = #expect(throws: MatcherFault.self) { try LabelMatcher.parse(text) }
        #expect(fault?.description == said)
    }

    @Test func oneStandsWithoutBraces() throws {
        #expect(try LabelMatcher.parseOne("a=b") == LabelMatcher("a", .equal, "b"))
        #expect(throws: MatcherFault.self) { try LabelMatcher.parseOne("{a=b}") }
        // As in Alertmanager: to the older form all that follows the sign is one value.
        #expect(try LabelMatcher.parseOne("a=b,c=d") == LabelMatcher("a", .equal, "b,c=d"))
        #expect(throws: MatcherFault.self) { try LabelMatcher.parseOne("ä=b,c=d") }
        #expect(throws: MatcherFault.self) { try LabelMatcher.parseLabel("a!=b") }
        let label = try LabelMatcher.parseLabel("summary=no hot water")
        #expect(label.name == "summary" && label.value == "no hot water")
    }

    @Test func isPrintedSoThatItReadsBackTheSame() throws {
        for matcher in [
            LabelMatcher("a", .equal, "say \"hi\"\\\n"), LabelMatcher("Zimmer nr", .notEqual, "\u{07}\u{200B}é🛎"),
            LabelMatcher("größe", .fits, "2..|3.."),
        ] { #expect(try LabelMatcher.parse(matcher.description) == [matcher], "\(matcher)") }
        #expect(LabelMatcher("a b", .equal, "\u{200B}é").description == #""a b"="\u200bé""#)
    }

    @Test func isKeptAsWhatWasWritten() throws {
        let matcher = LabelMatcher("room", .fits, "2..")
        let data = try JSONEncoder().encode(matcher)
        #expect(try JSONDecoder().decode(LabelMatcher.self, from: data) == matcher)
        #expect(try JSONDecoder().decode(LabelMatcher.self, from: data).matches(["room": "204"]))
        #expect(Set([matcher, LabelMatcher("room", .fits, "2.."), LabelMatcher("room", .fits, "3..")]).count == 2)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(LabelMatcher.self, from: Data(#"{"name":"a","comparison":"=~","value":"["}"#.utf8))
        }
    }

    @Test func aLabelThatIsMissingCountsAsAnEmptyOne() {
        #expect(LabelMatcher("a", .equal, "").matches([:]) && LabelMatcher("a", .notEqual, "x").matches([:]))
        #expect(LabelMatcher("a", .fits, ".*").matches([:]) && !LabelMatcher("a", .fits, ".+").matches([:]))
        #expect(LabelMatcher("a", .fitsNot, "x").matches([:]))
    }

    @Test func aPatternThatCannotBeReadMatchesNothing() {
        #expect(!LabelMatcher("a", .fits, "[").matches(["a": "["]) && !LabelMatcher("a", .fitsNot, "[").matches(["a": "b"]))
    }
}
