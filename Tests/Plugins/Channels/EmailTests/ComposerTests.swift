import Foundation
import Testing

@testable import EmailChannel

@Suite struct ComposerTests {
    private func composer(_ text: String = "Hello", subject: String = "A subject") -> MailComposer {
        MailComposer(
            from: MailAddress(name: "Hotel Miramar", address: "desk@hotel.example"), to: "anna@guest.example", subject: subject,
            date: Date(timeIntervalSince1970: 1_785_773_045), messageID: "<jack.1.x@hotel.example>", isAutomatic: true, text: text)
    }

    private func read(_ composer: MailComposer) -> MIMEPart { MIMEParser.parse(composer.bytes()) }

    @Test(arguments: [
        "Hello", "Grüße aus Köln – 5 €", "日本語のテキスト", "  leading\n\ntrailing  \n.\n..dots\nFrom here\n=3D", String(repeating: "wort ", count: 400),
        String(repeating: "ü", count: 3000), String(repeating: "x", count: 5000), "a\r\nb\rc\n",
    ])
    func textComesBackAsItWas(_ text: String) {
        let bytes = composer(text).bytes(), part = MIMEParser.parse(bytes)
        let wanted = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        #expect(part.text == (wanted.hasSuffix("\n") ? wanted : wanted + "\n"))
        let lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
        #expect(lines.allSatisfy { $0.count <= 78 } && bytes.allSatisfy { $0 < 128 })
        #expect(lines.dropLast().allSatisfy { $0.last == 13 })
        #expect(!lines.contains { $0.first == 46 || $0.starts(with: Array("From ".utf8)) })
    }

    @Test(arguments: [
        "Plain", "Ihre Anfrage für Zimmer 12 – Größe", String(repeating: "lang ", count: 60), "=?utf-8?Q?not_a_word?=",
        String(repeating: "日本", count: 80),
        String(repeating: "x", count: 300),
    ])
    func subjectsComeBackAsTheyWere(_ subject: String) {
        let bytes = composer(subject: subject).bytes()
        #expect(MIMEParser.parse(bytes).head.text("subject") == subject.trimmingCharacters(in: .whitespaces))
        #expect(bytes.split(separator: 10).allSatisfy { $0.count <= 998 })
    }

    @Test func noValueBeginsALine() {
        let attack = "x\r\nBcc: victim@guest.example\r\n\r\nbody\nX: y\r\u{2028}Z: z\u{85}"
        var composer = composer(subject: attack)
        composer.from = MailAddress(name: attack, address: "desk@hotel.example\r\nA: b")
        composer.to = "anna@guest.example>\r\nC: d"
        composer.replyTo = "r@hotel.example\nE: f"
        composer.messageID = "<a@b>\r\nG: h"
        composer.inReplyTo = "<a@b>\r\nI: j"
        composer.references = ["<ok@b>", "<c@d>\r\nK: l", "no brackets"]
        composer.language = "en\r\nM: n"
        let head = read(composer).head
        let names = Set(head.fields.map(\.name))
        #expect(
            names == [
                "date", "from", "to", "reply-to", "subject", "message-id", "references", "auto-submitted", "x-auto-response-suppress", "mime-version",
                "content-type", "content-transfer-encoding",
            ])
        #expect(head.text("references") == "<ok@b>")
    }

    @Test func aPersonsMailIsNotCalledAutomatic() {
        var composer = composer()
        composer.isAutomatic = false
        #expect(read(composer).head.value("auto-submitted") == nil)
    }

    @Test func namesAreSignedAndTheSameAgain() throws {
        let signer = MailSigner(key: Array(0..<32)), other = MailSigner(key: [9])
        let id = signer.messageID(for: "msg_01", domain: "hotel.example")
        #expect(id == signer.messageID(for: "msg_01", domain: "hotel.example") && id != signer.messageID(for: "msg_02", domain: "hotel.example"))
        #expect(signer.isOwn(id) && !other.isOwn(id) && !signer.isOwn("<jack.msg_01.aaaaaaaaaaaaaaaa@hotel.example>") && !signer.isOwn("<x@y>"))
        #expect(!signer.isOwn(id.replacing("msg_01", with: "msg_02")))
        let odd = signer.messageID(for: "odd id\r\n<>@", domain: "hotel.example")
        #expect(MailComposer.isMessageID(odd) && signer.isOwn(odd))
        let own = MailAddress(address: "Desk@hotel.example"), tag = signer.tag(for: "anna@guest.example")
        let address = try #require(signer.tagged(own, tag: tag))
        let parsed = try #require(MailAddress.parse(Array(address.uppercased().utf8)).first)
        #expect(signer.tag(in: parsed, of: own) == tag)
        #expect(other.tag(in: parsed, of: own) == nil)
        #expect(signer.tag(in: MailAddress(address: "desk+\(tag).\(tag)@hotel.example"), of: own) == nil)
        #expect(signer.tag(in: own, of: own) == nil)
        #expect(!address.contains("anna"))
    }

    @Test func threadsKeepTheirFirstAndLastMails() {
        let thread = MailThread(messageID: "<last@b>", subject: "s", references: (0..<100).map { "<\($0)@b>" })
        #expect(thread.chain.count == MailThread.maximumReferences && thread.chain.first == "<0@b>" && thread.chain.last == "<last@b>")
    }
}
