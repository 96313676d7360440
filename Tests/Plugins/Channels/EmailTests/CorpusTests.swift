import Foundation
import Testing

@testable import EmailChannel

/// Mails as the world writes them: each file of the corpus, and what must be read of it.
@Suite struct CorpusTests {
    struct Expectation: Decodable, Sendable {
        var sender, name, subject, body, kind, message_id, date: String?
        var files: [String?]?
    }

    static func folder() throws -> URL { try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil)) }

    static let expectations: [String: Expectation] = {
        guard let folder = try? folder(), let data = try? Data(contentsOf: folder.appending(path: "expected.json")) else { return [:] }
        return (try? JSONDecoder().decode([String: Expectation].self, from: data)) ?? [:]
    }()

    @Test func everyMailHasItsExpectation() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder().path).filter { $0.hasSuffix(".eml") }.map {
            String($0.dropLast(4))
        }
        #expect(names.count >= 40)
        #expect(Set(names) == Set(Self.expectations.keys))
    }

    @Test(arguments: expectations.keys.sorted()) func isRead(_ name: String) throws {
        let wanted = try #require(Self.expectations[name])
        let bytes = try [UInt8](Data(contentsOf: Self.folder().appending(path: "\(name).eml")))
        let incoming = IncomingMail(bytes), content = MailContent(incoming.mail)
        if let sender = wanted.sender { #expect(incoming.from?.address == sender) }
        if let name = wanted.name { #expect(incoming.from?.name == name) }
        if let subject = wanted.subject { #expect(incoming.subject == subject) }
        if let id = wanted.message_id { #expect(incoming.messageID == id) }
        if let body = wanted.body {
            let isForward = name.hasPrefix("forwarded")
            #expect((isForward ? content.text.trimmingCharacters(in: .whitespacesAndNewlines) : ReplyText.strip(content.text)) == body)
        }
        #expect(content.attachments.map(\.fileName) == wanted.files ?? [])
        let kind = MailKind(incoming, own: ["desk@hotel.example"], signer: MailSigner(key: [1, 2, 3]))
        #expect(kind == (wanted.kind.map { $0 == "message" ? .message : .ignored($0) } ?? .message))
        // The same bytes are the same mail, and another byte makes another mail.
        #expect(IncomingMail(bytes).vendorID == incoming.vendorID)
        #expect(IncomingMail(bytes + [65]).vendorID != incoming.vendorID)
    }

    @Test func aMailWithoutDateAndIDIsStillOne() throws {
        let bytes = try [UInt8](Data(contentsOf: Self.folder().appending(path: "bare.eml")))
        let incoming = IncomingMail(bytes)
        #expect(incoming.messageID == nil && incoming.date == nil && incoming.vendorID.hasPrefix("mail-"))
    }

    /// Every mail of the corpus, cut off anywhere or with a byte changed, is still read without a trap.
    @Test func nothingBreaksTheReader() throws {
        var random = SplitMix(state: 42)
        for name in Self.expectations.keys.sorted() {
            let bytes = try [UInt8](Data(contentsOf: Self.folder().appending(path: "\(name).eml")))
            for _ in 0..<40 {
                var broken = Array(bytes.prefix(Int(random.next() % UInt64(bytes.count + 1))))
                for _ in 0..<3 where !broken.isEmpty { broken[Int(random.next() % UInt64(broken.count))] = UInt8(truncatingIfNeeded: random.next()) }
                let incoming = IncomingMail(broken)
                _ = MailKind(incoming, own: [], signer: MailSigner(key: [1]))
                #expect(MailText(incoming, limit: 500).text.count <= 501)
                _ = MediaNames.references(incoming, 1, 1)
            }
        }
    }
}

/// Random numbers that are the same in every run.
struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
