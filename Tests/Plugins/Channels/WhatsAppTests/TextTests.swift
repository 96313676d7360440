import PluginAPI
import Testing

@testable import WhatsAppChannel

@Suite struct TextTests {
    @Test func whatFitsStaysWhole() {
        #expect(TextSplitter.split("Good evening", limit: 12) == ["Good evening"])
        #expect(TextSplitter.split("  \n ", limit: 12) == [])
        #expect(TextSplitter.split("", limit: 12) == [])
    }

    @Test func cutsStandWhereAReaderWouldPause() {
        #expect(TextSplitter.split("One two three.\n\nFour five six", limit: 20) == ["One two three.", "Four five six"])
        #expect(TextSplitter.split("One two three\nFour five six", limit: 20) == ["One two three", "Four five six"])
        #expect(TextSplitter.split("One two three. Four five", limit: 20) == ["One two three.", "Four five"])
        #expect(TextSplitter.split("One two three four five", limit: 20) == ["One two three four", "five"])
        // A pause that comes too early would make two pieces into three.
        #expect(TextSplitter.split("No. Onetwothree fourfive six", limit: 20) == ["No. Onetwothree", "fourfive six"])
        #expect(TextSplitter.split("早餐七点开始。晚餐六点开始。", limit: 10) == ["早餐七点开始。", "晚餐六点开始。"])
    }

    @Test(arguments: [
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", "🇩🇪🇪🇸🇫🇷🇵🇹🇮🇹", "مرحبا متى يبدأ الإفطار في الفندق من فضلك",
        "x" + String(repeating: "\u{301}", count: 100), "\r\n\r\n\r\na\r\n\r\nb\r\n\r\n\r\nccccccccccccccccccccccc", " .!? .!? .!? .!? .!? .!? .!?",
    ])
    func noPieceIsTooLongAndNothingIsLost(_ text: String) {
        for limit in [2, 3, 5, 11, 12, 20, 39, 40] {
            let pieces = TextSplitter.split(text, limit: limit)
            #expect(pieces.allSatisfy { !$0.isEmpty && $0.utf16.count <= limit })
            let plain: (String) -> [Unicode.Scalar] = { $0.unicodeScalars.filter { !$0.properties.isWhitespace } }
            #expect(plain(pieces.joined()) == plain(text))
        }
        // A family stays together where it fits at all.
        if text.hasPrefix("👩") { #expect(TextSplitter.split(text, limit: 12) == Array(repeating: "👩‍👩‍👧‍👦", count: 4)) }
    }

    @Test func aLongTextIsCutInLinearTime() {
        let text = String(repeating: "Breakfast is from seven to ten. ", count: 20_000)
        let pieces = TextSplitter.split(text, limit: 4096)
        #expect(pieces.count >= 156 && pieces.allSatisfy { $0.utf16.count <= 4096 && $0.hasSuffix(".") })
    }

    @Test func titlesAreShortenedWithAnEllipsis() {
        #expect(TextSplitter.shortened("Spa", limit: 20) == "Spa")
        #expect(TextSplitter.shortened("A very long title indeed", limit: 10) == "A very lo…")
        #expect(TextSplitter.shortened("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", limit: 15) == "👩‍👩‍👧‍👦…")
    }

    @Test func wordsOfMetasAreFitToBeShown() {
        #expect(
            GraphWords.redacted("Recipient phone number +49 170 1234567 is not in the allowed list")
                == "Recipient phone number … is not in the allowed list")
        #expect(GraphWords.redacted("number 0170 12 34 56 78 bad") == "number … bad")
        #expect(
            GraphWords.redacted("body: number of localizable_params (1) does not match the expected number of params (2)")
                == "body: number of localizable_params (1) does not match the expected number of params (2)")
        #expect(GraphWords.redacted("Value \"room 204 is on fire\" is wrong")?.contains("fire") == false)
        #expect(GraphWords.redacted("token EAAGm0PX4ZCpsBAJackTestToken0123456789 expired")?.contains("EAAG") == false)
        #expect(GraphWords.redacted("https://example.com/very/long/path?token=x")?.contains("token") != true)
        #expect(GraphWords.redacted("") == nil && GraphWords.redacted(nil) == nil && GraphWords.redacted("12345 6789") == nil)
        #expect((GraphWords.redacted(String(repeating: "word ", count: 200))?.count ?? 0) <= 160)
    }

    @Test func numbersAndUserIDsAreTold() {
        for (text, digits) in [("+49 170 123-4567", "491701234567"), ("+1 (650) 555.1234", "16505551234"), ("16505551234", "16505551234")] {
            #expect(WhatsAppID.digits(text) == digits)
        }
        for text in ["", "+", "1234", "0170123456", "+49 170 x", "1234567890123456", "tel:+4917012345", "+４９１７０１２３４５"] {
            #expect(WhatsAppID.digits(text) == nil)
        }
        for id in ["US.13491208655302741918", "BR.abc", "US.ENT.11815799212886844830"] { #expect(WhatsAppID.isUserID(id)) }
        for id in ["", "US", "US.", "USA.1", "US.x.1", "US.1.2.3", "US.1/2", "+1.2", "US.\(String(repeating: "1", count: 129))"] {
            #expect(!WhatsAppID.isUserID(id))
        }
    }
}
