import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import EmailChannel

/// The plugin over mail in memory.
@Suite(.timeLimit(.minutes(1))) struct EmailTests {
    static let settings: JSONValue = [
        "address": "desk@hotel.example",
        "smtp": ["host": "smtp.hotel.example", "user": "desk", "password": "a-password-to-keep"],
        "imap": ["host": "imap.hotel.example", "user": "desk", "password": "a-password-to-keep"],
    ]

    /// Settings with others in some places.
    static func settings(_ changes: [String: JSONValue], imap: [String: JSONValue] = [:]) -> JSONValue {
        var all = settings.objectValue ?? [:]
        if !imap.isEmpty { all["imap"] = .object((all["imap"]?.objectValue ?? [:]).merging(imap) { $1 }) }
        return .object(all.merging(changes) { $1 })
    }

    func running<T>(_ test: TestContext = TestContext(), _ settings: JSONValue = settings, _ body: (TestContext, Email) async throws -> T)
        async throws -> T
    {
        let email = try test.make(Email.self, settings)
        try await email.start()
        #expect(await eventually { test.mail.looks > 0 || settings["imap"] == nil })
        do {
            let result = try await body(test, email)
            await email.stop()
            return result
        } catch {
            await email.stop()
            throw error
        }
    }

    func mail(_ id: String, from: String = "Anna <anna@guest.example>", _ fields: String = "", body: String = "Towels please") -> String {
        "From: \(from)\nTo: desk@hotel.example\nSubject: Room 12\nMessage-ID: <\(id)@guest.example>\n\(fields)\n\(body)\n"
    }

    func look(_ test: TestContext) async {
        let before = test.mail.looks + test.mail.watchFailures.count
        test.mail.wake()
        #expect(await eventually { test.mail.looks + test.mail.watchFailures.count > before })
    }

    func outbound(
        _ id: String = "msg_1", to peer: String = "anna@guest.example", inReplyTo: String? = nil, author: OutboundMessage.Author = .jack
    ) -> OutboundMessage {
        OutboundMessage(id: id, peer: PeerAddress(.email, peer), author: author, text: "Of course.", inReplyTo: inReplyTo, locale: "en")
    }

    func sent(_ test: TestContext) throws -> MIMEPart { MIMEParser.parse(try #require(test.mail.submissions.last).bytes) }

    // MARK: In

    @Test func whatWasThereBeforeIsNotTaken() async throws {
        let test = TestContext()
        test.mail.deliver(mail("old"))
        try await running(test) { test, _ in
            #expect(test.inbound.events.isEmpty)
            let uid = test.mail.deliver(mail("new", body: "Is there a pool?\n\n> quoted"))
            #expect(await eventually { test.inbound.events.count == 1 })
            let event = try #require(test.inbound.events.first)
            #expect(event.peer == PeerAddress(.email, "anna@guest.example") && event.vendorID.hasPrefix("<new@guest.example> "))
            #expect(test.inbound.messages.first?.text == "Room 12\n\nIs there a pool?" && test.inbound.messages.first?.displayName == "Anna")
            #expect(await eventually { test.mail.mails().last?.flags == ["\\Seen"] })
            #expect(test.mail.mails().last?.uid == uid && test.mail.mails().first?.flags == [])
        }
    }

    @Test func whatIsUnseenMayBeTakenAtTheFirstStart() async throws {
        let test = TestContext()
        test.mail.deliver(mail("old"))
        test.mail.deliver(Array(mail("read").utf8), flags: ["\\Seen"])
        try await running(test, Self.settings([:], imap: ["begin": "unseen"])) { test, _ in #expect(test.inbound.events.count == 1) }
    }

    @Test func aRestartGoesOnWhereItStopped() async throws {
        let test = TestContext()
        try await running(test) { test, _ in
            test.mail.deliver(mail("1"))
            #expect(await eventually { test.inbound.events.count == 1 })
        }
        test.mail.deliver(mail("2"))
        let looks = test.mail.looks
        try await running(test) { test, _ in
            #expect(await eventually { test.mail.looks > looks })
            #expect(test.inbound.events.count == 2 && test.inbound.duplicates == 0)
        }
        #expect(test.mail.openSessions == 0)
    }

    /// A disk that refuses: the cursor stays, and the mail is handed in again.
    @Test func nothingIsPassedOverThatWasNotAccepted() async throws {
        try await running { test, _ in
            test.inbound.fail(with: .notReady(.unreachable, "the disk is full"))
            test.mail.deliver(mail("1"))
            #expect(await eventually { test.mail.watchFailures.count == 1 })
            #expect(test.mail.mails().first?.flags == [])
            test.inbound.fail(with: nil)
            await look(test)
            #expect(test.inbound.events.count == 1)
        }
    }

    /// The cursor's own write fails after the mail was accepted: it comes again, and is known.
    @Test func aMailWhoseCursorWasLostIsADuplicate() async throws {
        try await running { test, _ in
            test.mail.deliver(mail("1"))
            #expect(await eventually { test.inbound.events.count == 1 })
            let key = try #require(test.storage.contents.keys.first { $0.hasPrefix("cursor/") })
            try await test.storage.set(key, json: MailIntake.Cursor(validity: 1, uid: 0, at: test.clock.now))
            await look(test)
            #expect(test.inbound.events.count == 1 && test.inbound.duplicates == 1)
        }
    }

    @Test func newNumbersLoseAndDoubleNothing() async throws {
        try await running { test, _ in
            for number in 1...5 { test.mail.deliver(mail("\(number)")) }
            #expect(await eventually { test.inbound.events.count == 5 })
            test.mail.renumber()
            test.mail.deliver(mail("6"))
            #expect(await eventually { test.inbound.events.count == 6 })
            await look(test)
            #expect(test.inbound.events.count == 6)
            let looked = test.inbound.duplicates
            test.mail.deliver(mail("7"))
            #expect(await eventually { test.inbound.events.count == 7 })
            #expect(test.inbound.duplicates == looked, "the new numbers were not kept")
        }
    }

    /// What was received over hours and is met at once is no loop: nothing new may be thrown away with it.
    @Test func mailsOfEarlierHoursThatAreMetAgainAreNoLoop() async throws {
        try await running(TestContext(), Self.settings(["mails_per_hour": 3])) { test, _ in
            for number in 1...3 { test.mail.deliver(mail("\(number)")) }
            #expect(await eventually { test.inbound.events.count == 3 })
            await test.clock.advance(by: .seconds(3601))
            for number in 4...5 { test.mail.deliver(mail("\(number)")) }
            #expect(await eventually { test.inbound.events.count == 5 })
            test.mail.renumber()
            test.mail.deliver(mail("6"))
            #expect(await eventually { test.inbound.events.count == 6 })
            #expect(test.metrics.sum("jack_plugin_mail_ignored_total", ["reason": "loop"]) == 0)
            // The hour's fourth is one too many all the same.
            test.mail.deliver(mail("7"))
            #expect(await eventually { test.metrics.sum("jack_plugin_mail_ignored_total", ["reason": "loop"]) == 1 })
            #expect(test.inbound.events.count == 6)
        }
    }

    @Test func twoMailsWithOneMessageIDAreTwo() async throws {
        try await running { test, _ in
            test.mail.deliver(mail("same", body: "one"))
            test.mail.deliver(mail("same", body: "two"))
            test.mail.deliver("Received: by another way\n" + mail("same", body: "two"))
            #expect(await eventually { test.inbound.events.count == 2 && test.inbound.duplicates == 1 })
        }
    }

    @Test(arguments: [
        "Auto-Submitted: auto-generated", "Precedence: list", "X-Autoreply: yes", "Return-Path: <>", "List-Id: <x.example>",
        "X-Auto-Response-Suppress: OOF",
    ])
    func whatNobodyWroteIsLeftUnseen(_ field: String) async throws {
        try await running { test, _ in
            test.mail.deliver(mail("auto", "\(field)\n"))
            test.mail.deliver(mail("person", "Auto-Submitted: no\nReturn-Path: <anna@guest.example>\n"))
            #expect(await eventually { test.inbound.events.count == 1 })
            #expect(test.inbound.events.first?.vendorID.hasPrefix("<person@") == true)
            #expect(test.mail.mails().first?.flags == [])
            #expect(test.metrics.sum("jack_plugin_mail_ignored_total") == 1)
        }
    }

    @Test func whatProgramsWriteToAnAddressOfTheirsIsHandedInAndMarked() async throws {
        try await running(TestContext(), Self.settings(["automatic_to": ["Desk+alarms@hotel.example"], "mails_per_hour": 2])) { test, _ in
            func alarm(_ id: String, to: String = "desk+alarms@hotel.example", _ field: String = "Auto-Submitted: auto-generated") -> String {
                "From: Plant <no-reply@plant.example>\nTo: \(to)\nSubject: Pressure \(id)\nMessage-ID: <\(id)@plant.example>\n\(field)\n\n2.1 bar\n"
            }
            // More than a person may write: nobody answers them, so no loop comes of it.
            for number in 1...4 {
                test.mail.deliver(alarm("\(number)", to: "desk+alarms@hotel.example", number == 4 ? "X-Own: yes" : "Precedence: bulk"))
            }
            test.mail.deliver(alarm("elsewhere", to: "desk@hotel.example"))
            test.mail.deliver(mail("person"))
            #expect(await eventually { test.inbound.events.count == 5 })
            let messages = test.inbound.events.compactMap { if case .message(let message) = $0.content { message } else { nil } }
            #expect(messages.map(\.isAutomatic) == [true, true, true, true, nil])
            #expect(messages.first?.subject == "Pressure 1" && messages.first?.recipients == ["desk+alarms@hotel.example"])
            #expect(messages.last?.subject == "Room 12" && messages.last?.recipients == ["desk@hotel.example"])
            #expect(test.metrics.sum("jack_plugin_mail_ignored_total") == 1)
        }
    }

    @Test func ownMailsAndOwnAddressesAreNotAnswered() async throws {
        try await running(TestContext(), Self.settings(["aliases": ["info@hotel.example"]])) { test, email in
            _ = try await email.send(outbound())
            // Jack's own mail comes back from another address, as a forwarding rule has it.
            let head = try sent(test).head, own = try #require(head.text("message-id"))
            test.mail.deliver("From: other@guest.example\nMessage-ID: \(own)\n\nx\n")
            for address in ["desk@hotel.example", "INFO@hotel.example", "desk+tag@hotel.example"] { test.mail.deliver(mail("x", from: address)) }
            test.mail.deliver(mail("x", "Reply-To: info@hotel.example\n"))
            await look(test)
            #expect(test.inbound.events.isEmpty && test.metrics.sum("jack_plugin_mail_ignored_total") == 5)
        }
    }

    @Test func tooManyMailsOfOneAddressAreALoop() async throws {
        try await running(TestContext(), Self.settings(["mails_per_hour": 3])) { test, _ in
            for number in 1...6 { test.mail.deliver(mail("\(number)")) }
            test.mail.deliver(mail("other", from: "ben@guest.example"))
            #expect(await eventually { test.inbound.events.count == 4 })
            #expect(test.metrics.sum("jack_plugin_mail_ignored_total", ["reason": "loop"]) == 3)
            await test.clock.advance(by: .seconds(3601))
            test.mail.deliver(mail("later"))
            #expect(await eventually { test.inbound.events.count == 5 })
        }
    }

    @Test func aMailMayBeMoved() async throws {
        let test = TestContext()
        test.mail.deliver(Array(mail("before").utf8), to: "Taken")
        try await running(test, Self.settings([:], imap: ["taken": "move", "taken_mailbox": "Taken"])) { test, _ in
            test.mail.deliver(mail("1"))
            #expect(await eventually { test.mail.mails(in: "Taken").count == 2 })
            #expect(test.mail.mails().isEmpty)
        }
    }

    // MARK: Attachments

    @Test func attachmentsAreFetchedAgainWhereverTheMailIs() async throws {
        let test = TestContext()
        test.mail.deliver(Array("x: y\r\n\r\n".utf8), to: "Taken")
        try await running(test, Self.settings([:], imap: ["taken": "move", "taken_mailbox": "Taken"])) { test, email in
            let part = "--b\nContent-Type: image/png; name=leak.png\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n"
            test.mail.deliver(mail("p", "Content-Type: multipart/mixed; boundary=b\n", body: "--b\n\nSee\n\(part)--b--"))
            #expect(await eventually { test.inbound.messages.first?.media.count == 1 && test.mail.mails().isEmpty })
            let media = try #require(test.inbound.messages.first?.media.first)
            #expect(media.kind == .image && media.fileName == "leak.png")
            let content = try await email.fetchMedia(media)
            #expect(content.bytes == Array("hello".utf8) && content.mimeType == "image/png")
            for reference in ["", "1/2", "1/1/0/<gone@x>", "9/9/9", "a/b/c", "1/1/99/<p@guest.example>", "1/1/0/x\r\ny"] {
                let failure = await #expect(throws: PluginFailure.self) {
                    try await email.fetchMedia(MediaReference(kind: .image, reference: reference))
                }
                #expect(failure?.reason == .notFound)
            }
            #expect(test.mail.openSessions == 0)
        }
    }

    // MARK: Life

    @Test func lifeInEveryOrder() async throws {
        let test = TestContext(), email = try test.make(Email.self, Self.settings)
        await email.stop()
        _ = try await email.probe()
        #expect(test.mail.submissions.isEmpty && test.mail.openSessions == 0)
        try await email.start()
        try await email.start()
        #expect(try await email.probe().summary.contains("INBOX at imap.hotel.example holds 0 mails"))
        await email.stop()
        await email.stop()
        #expect(!test.logs.contains("a-password-to-keep") && !test.logs.contains("guest.example"))
    }

    @Test func aProbeSaysWhatFails() async throws {
        let test = TestContext(), email = try test.make(Email.self, Self.settings)
        test.mail.failSessions(with: .credentialsRejected("not accepted"))
        let failure = await #expect(throws: PluginFailure.self) { try await email.probe() }
        #expect(failure?.disposition == .credentialsRejected)
    }

    @Test func theDeclarationsAreSound() {
        #expect(EmailSettings.schema.problems == [])
        #expect(SMTPSettings.schema.problems == [] && IMAPSettings.schema.problems == [])
    }

    @Test(arguments: [
        ("{}", "“smtp” is missing"),
        (#"{"address":"x","smtp":{"host":"s"}}"#, "not a mail address"),
        (#"{"address":"a@b.example","smtp":{"host":"s","user":"u"}}"#, "go together"),
        (#"{"address":"a@b.example","smtp":{"host":"s","user":"u","password":"p","security":"none"}}"#, "not sent without TLS"),
        (#"{"address":"a@b.example","smtp":{"host":"s"},"imap":{"host":"s","taken":"move"}}"#, "nothing says where"),
        (#"{"address":"a@b.example\nBcc: x@y","smtp":{"host":"s"}}"#, "not a mail address"),
        (#"{"address":"a@b.example","name":"a\nb","smtp":{"host":"s"}}"#, "one line"),
    ])
    func mistakesAreTold(_ json: String, _ message: String) throws {
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(json.utf8))
        let rejected = #expect(throws: SettingsRejected.self) { try TestContext().make(Email.self, value) }
        #expect(rejected.map { "\($0)" }?.contains(message) == true, "\(String(describing: rejected))")
    }

    @Test func theUsersNameIsTheAddressWhereNothingElseIsSaid() throws {
        let failure = #expect(throws: PluginFailure.self) { try TestContext().make(Email.self, ["smtp": ["host": "s.example"]]) }
        #expect(failure?.reason == .configuration)
        _ = try TestContext().make(Email.self, ["smtp": ["host": "s.example", "user": "desk@hotel.example", "password": "p"]])
    }
}
