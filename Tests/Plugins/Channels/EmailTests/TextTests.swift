import Foundation
import Testing

@testable import EmailChannel

@Suite struct TextTests {
    @Test(arguments: [
        ("On Mon, Aug 3, 2026 at 5:12 PM A <a@b.example> wrote:", true), ("Am 03.08.2026 um 17:12 schrieb Hotel <d@h.example>:", true),
        ("Le 3 août 2026 à 17:12, Hotel <d@h.example> a écrit :", true), ("El 3/8/2026 17:12, Hotel escribió:", true),
        ("Hotel Miramar <desk@hotel.example> schrieb am Mo., 3. Aug. 2026, 17:12:", true), ("On the third day my wife wrote:", false),
        ("On 3 August we leave. As you wrote: breakfast is at 7", false), ("Am 3. August reisen wir ab", false),
    ])
    func headsOfQuotations(_ line: String, _ isHead: Bool) {
        let text = "Before.\n\n\(line)\n\nAfter."
        #expect(ReplyText.strip(text) == (isHead ? "Before." : text))
    }

    @Test(arguments: [
        "-----Original Message-----", "-----Ursprüngliche Nachricht-----", "-----Message d'origine-----", "-----Mensaje original-----",
        "________________________________\nFrom: a\nSent: b\nTo: c\nSubject: d", "*Von:* a\n*Gesendet:* b\n*An:* c\n*Betreff:* d",
        "De : a\nEnvoyé : b\nÀ : c\nObjet : d", "De: a\nEnviado el: b\nPara: c\nAsunto: d",
    ])
    func blocksOfOutlook(_ block: String) { #expect(ReplyText.strip("Yes.\n\n\(block)\n\nold text") == "Yes.") }

    @Test func whatOnlyLooksLikeAQuotationStays() {
        #expect(ReplyText.strip("From: Berlin\nTo: Lisbon\nhow long is the drive?") == "From: Berlin\nTo: Lisbon\nhow long is the drive?")
        #expect(ReplyText.strip("--\nAnna") == "--\nAnna")
        #expect(ReplyText.strip("> all of it\n> is quoted") == "")
        #expect(ReplyText.strip("Sent from my room: the heating hums") == "Sent from my room: the heating hums")
    }

    @Test func aHeadOverThreeLinesIsOne() {
        let text = "Fine.\n\nOn Monday, 3 August 2026 at 17:12:33 CEST, Hotel Miramar of the\nlong name <desk@hotel.example>\nwrote:\n\n> Hello"
        #expect(ReplyText.strip(text) == "Fine.")
    }

    @Test func aTextBelowTheQuotationIsKept() {
        #expect(ReplyText.strip("On 3 Aug 2026, Hotel wrote:\n> At what time?\n\nAt six.") == "At six.")
    }

    @Test func htmlWithoutEndIsRead() {
        #expect(HTMLText.plain("<p>a<b") == "a")
        #expect(HTMLText.plain("<p title=\"x>hello</p><p>there") == "hello\n\nthere")
        #expect(HTMLText.plain("<div style='display: none'>x<div>y</div>z</div>seen") == "seen")
        #expect(HTMLText.plain("<!-- never ends <p>x</p>") == "")
        #expect(HTMLText.plain("a<br>b<br><br>c") == "a\nb\n\nc")
        #expect(HTMLText.plain("<pre>  two\n  lines</pre>") == "  two\n  lines")
        #expect(HTMLText.plain("&#x202;&#xD800;&#1114112;ok&amp;lt;").hasSuffix("ok&lt;"))
    }

    @Test func addresses() {
        func parse(_ text: String) -> [String] { MailAddress.parse(Array(text.utf8)).map { "\($0.name ?? "-")|\($0.address)" } }
        #expect(
            parse("a@b.example, \"x, y\" <c@D.example>; Group: d@e.example, f@g.example;") == [
                "-|a@b.example", "x, y|c@d.example", "-|d@e.example", "-|f@g.example",
            ])
        #expect(parse("a@b.example (Anna)") == ["Anna|a@b.example"])
        #expect(
            parse("<>").isEmpty && parse("undisclosed-recipients:;").isEmpty && parse("@x").isEmpty && parse("a@").isEmpty && parse("a b").isEmpty)
        #expect(parse("\"evil\r\nBcc: x@y\" <a@b.example>").first == "evil Bcc: x@y|a@b.example")
        #expect(parse("kern@guest.example <anna@guest.example>") == ["kern@guest.example|anna@guest.example"])
        #expect(parse("jürgen@bücher.example") == ["-|jürgen@bücher.example"])
    }

    @Test(arguments: [
        ("Mon, 3 Aug 2026 18:04:05 +0200", 1_785_773_045.0), ("3 Aug 26 16:04 GMT", 1_785_773_040),
        ("Mon, 03 Aug 2026 12:04:05 EDT (comment)", 1_785_773_045),
        ("Mon, 3-Aug-2026 16:04:05 -0000", 1_785_773_045),
    ])
    func dates(_ text: String, _ seconds: Double) { #expect(MailDate.parse(text)?.timeIntervalSince1970 == seconds) }

    @Test(arguments: ["", "yesterday", "Mon, 99 Foo 2026 1:2:3", "1 Jan", "Mon, 3 Aug 2026"]) func noDates(_ text: String) {
        #expect(MailDate.parse(text) == nil)
    }

    @Test func aDateIsWrittenAsItIsRead() {
        let date = Date(timeIntervalSince1970: 1_785_773_045)
        #expect(MailDate.format(date) == "Mon, 03 Aug 2026 16:04:05 +0000" && MailDate.parse(MailDate.format(date)) == date)
    }

    @Test(arguments: [
        ("Re: AW: [x] Towels", "Re: [x] Towels"), ("Towels", "Re: Towels"), ("RE[2]: Re: x", "Re: x"), ("Reservation: two", "Re: Reservation: two"),
        ("", "Re:"),
    ])
    func subjectsOfReplies(_ subject: String, _ reply: String) { #expect(MailComposer.reply(to: subject) == reply) }
}
