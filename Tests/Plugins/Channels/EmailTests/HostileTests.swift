import Foundation
import Testing

@testable import EmailChannel

/// Mails that were made to hurt. Each must be read in bounded time and memory.
@Suite(.timeLimit(.minutes(2))) struct HostileTests {
    private func text(_ bytes: [UInt8]) -> String { MailText(IncomingMail(bytes), limit: 1000).text }

    @Test func aLineOfAHundredMegabytes() {
        let line = [UInt8](repeating: 65, count: 100 << 20)
        #expect(text(Array("From: a@b.example\r\n\r\n".utf8) + line).count == 1001)
        let head = IncomingMail(Array("From: a@b.example\r\nSubject: ".utf8) + line)
        #expect(head.from?.address == "a@b.example" && head.subject.count <= 1000)
    }

    @Test func tenThousandParts() {
        let parts = (0..<10_000).map { "--b\r\nContent-Disposition: attachment; filename=\($0)\r\n\r\nx\r\n" }.joined()
        let mail = IncomingMail(Array("Content-Type: multipart/mixed; boundary=b\r\n\r\n\(parts)--b--\r\n".utf8))
        #expect(mail.mail.children.count < 300)
        #expect(MailContent(mail.mail).attachments.count == MailContent.maximumAttachments)
    }

    @Test func aThousandMailsWithinMails() {
        let nested = (0..<1000).map { "Content-Type: multipart/mixed; boundary=b\($0)\r\n\r\n--b\($0)\r\n" }.joined()
        #expect(text(Array("From: a@b.example\r\n\(nested)\r\ndeep".utf8)).count <= 1001)
    }

    @Test func aMillionHeaders() {
        let bytes = Array("From: a@b.example\r\n".utf8) + Array(String(repeating: "X: y\r\n", count: 300_000).utf8) + Array("\r\nbody".utf8)
        let mail = IncomingMail(bytes)
        #expect(mail.mail.head.fields.count <= 500)
        #expect(ReplyText.strip(MailContent(mail.mail).text) == "body")
    }

    @Test func foldsAndCommentsAndWordsWithoutEnd() {
        for piece in ["(", "\"", "<", "=?utf-8?B?", "a,", "=?", ";a*0*=", "\\"] {
            let junk = String(repeating: piece, count: 60_000 / piece.utf8.count)
            let mail = IncomingMail(
                Array("From: \(junk)\r\nTo: \(junk)\r\nSubject: \(junk)\r\nReferences: \(junk)\r\nContent-Type: text/plain\(junk)\r\n\r\nx".utf8))
            #expect(mail.subject.count <= 1000)
        }
    }

    @Test func htmlBombs() {
        for piece in [
            "<div>", "<blockquote>", "&amp;", "<a href=\"https://x.example\">", "<!--", "<p", "<\"", "<div style=display:none>", "&#9999999999;",
        ] {
            #expect(HTMLText.plain(String(repeating: piece, count: 500_000 / piece.utf8.count)).utf8.count <= HTMLText.maximumLength * 2)
        }
    }

    @Test func linesThatLookLikeQuotations() {
        for line in ["On 1", "> ", "From: a", "-- ", "________________", ""] {
            _ = ReplyText.strip(String(repeating: line + "\n", count: 50_000))
            _ = FlowedText.unfold(String(repeating: line + " \n", count: 20_000), deletesSpace: false)
        }
    }
}
