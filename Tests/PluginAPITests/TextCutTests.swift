import PluginAPI
import Testing

@Test(
    arguments: [
        ("", 0, ""), ("abc", 3, "abc"), ("abcd", 3, "ab…"), ("abc", 0, ""), ("a", 1, "a"), ("ab", 1, "…"), ("äöü", 3, "äöü"), ("äöüß", 3, "äö…"),
        ("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 22, "👩‍👩‍👧‍👦👩‍👩‍👧‍👦"), ("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 21, "👩‍👩‍👧‍👦…"), ("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 11, "…"), ("a👩‍👩‍👧‍👦", 5, "a…"), ("e\u{301}e\u{301}", 3, "e\u{301}…"),
    ] as [(String, Int, String)])
func aTextIsCutBetweenCharacters(_ text: String, _ limit: Int, _ expected: String) {
    let cut = text.cut(to: limit)
    #expect(cut == expected && cut.utf16.count <= limit)
}
