import Foundation
import PluginAPI
import Testing

@Suite struct JSONSurrogateTests {
    @Test(arguments: [
        (#""\ud83d""#, "\u{FFFD}"), (#""\uDE00!""#, "\u{FFFD}!"), (#""\ud83d\ude00""#, "😀"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
        (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"), (#""\ud83dA\ude00""#, "\u{FFFD}A\u{FFFD}"), (#""a\\ud83d""#, #"a\ud83d"#),
        (#""\\\ud83d""#, "\\\u{FFFD}"), (#""\ud83d\n""#, "\u{FFFD}\n"), (#""Zo\u00eb \"\ud83c\udf0a\"""#, "Zoë \"🌊\""), (#""plain""#, "plain"),
    ])
    func halfOfAPairIsAMarkThatSaysSo(json: String, text: String) throws {
        #expect(try JSONValue(json: json.utf8) == .string(text))
    }

    /// What is no JSON stays none, and nothing is read past its end.
    @Test(arguments: [#""\"#, #""\u"#, #""\ud8"#, #""\ud83d\u""#, #""\ud83d\"#, #""\uzzzz""#, #"\"#, "", #""\u+d83""#])
    func whatIsBrokenStaysBroken(json: String) {
        #expect(throws: PluginFailure.self) { try JSONValue(json: json.utf8) }
    }

    @Test func whatIsSoundIsLeftAsItIs() {
        let sound = Array(#"{"a":"\ud83d\ude00 \\ud83d \u00e9","b":[1,2]}"#.utf8)
        #expect(sound.withoutLoneSurrogates == sound)
    }
}
