import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

/// The IMAP session against a server that a test plays word by word.
@Suite(.timeLimit(.minutes(2))) struct IMAPTests {
    typealias Reply = @Sendable (_ tag: String, _ command: String, _ client: LoopbackLineServer.Client) async throws -> Bool

    /// Greets, logs in and tells its capabilities; the rest is the test's. The reply says whether it answered.
    private func server(capabilities: String = "IMAP4rev1 IDLE MOVE UIDPLUS", login: String = "OK in", _ reply: @escaping Reply)
        -> LoopbackLineServer.Script
    {
        { client in
            try await client.send("* OK ready\r\n")
            while let line = await client.line() {
                let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
                let tag = parts.first ?? "", command = parts.count > 1 ? parts[1] : ""
                if try await reply(tag, command, client) { continue }
                switch command.split(separator: " ").first?.uppercased() {
                case "CAPABILITY": try await client.send("* CAPABILITY \(capabilities)\r\n\(tag) OK\r\n")
                case "LOGIN", "AUTHENTICATE": try await client.send("\(tag) \(login)\r\n")
                case "SELECT", "EXAMINE":
                    try await client.send("* 3 EXISTS\r\n* OK [UIDVALIDITY 17] x\r\n* OK [UIDNEXT 9] x\r\n\(tag) OK [READ-WRITE] done\r\n")
                case "LOGOUT":
                    try await client.send("* BYE\r\n\(tag) OK\r\n")
                    return
                default: try await client.send("\(tag) OK done\r\n")
                }
            }
        }
    }

    private func session<T>(
        capabilities: String = "IMAP4rev1 IDLE MOVE UIDPLUS", timeout: Duration = .seconds(10), _ reply: @escaping Reply,
        _ body: (any MailboxSession, MailFixture) async throws -> T
    ) async throws -> T {
        try await MailFixture.run(server(capabilities: capabilities, reply)) { fixture in
            let session = try await fixture.service.open(fixture.address(user: "desk", timeout: timeout))
            let result = try await body(session, fixture)
            await session.close()
            #expect(await eventually { fixture.server.openConnections == 0 })
            return result
        }
    }

    @Test func aMailboxIsChosen() async throws {
        try await session({ _, _, _ in false }) { session, fixture in
            #expect(try await session.select("INBOX", readOnly: false) == MailboxState(uidValidity: 17, uidNext: 9, count: 3))
            _ = try await session.select("Entwürfe & \"Mehr\"", readOnly: true)
            #expect(fixture.server.lines.contains { $0.hasSuffix(#"SELECT "INBOX""#) })
            #expect(fixture.server.lines.contains { $0.hasSuffix(#"EXAMINE "Entw&APw-rfe &- \"Mehr\"""#) })
        }
    }

    /// The answer to a fetch, in pieces of every size.
    @Test(arguments: [1, 2, 3, 7, 40, 1000]) func literalsComeInPieces(_ size: Int) async throws {
        let mail = "Subject: {5}\r\n\r\nA0 OK not the end\r\n) * 1 FETCH (\r\n"
        try await session({ tag, command, client in
            guard command.hasPrefix("UID FETCH") else { return false }
            let text =
                "* 12 FETCH (FLAGS (\\Seen $x))\r\n* OK {9} words\r\n* 2 FETCH (UID 5 FLAGS (\\Seen \\Recent) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" "
                + "RFC822.SIZE 99 BODY[]<0> {\(mail.utf8.count)}\r\n\(mail) X-TEXT \"a \\\"quoted\\\" (text\")\r\n\(tag) OK done\r\n"
            let bytes = Array(text.utf8)
            for start in stride(from: 0, to: bytes.count, by: size) { try await client.send(Array(bytes[start..<min(start + size, bytes.count)])) }
            return true
        }) { session, _ in
            let found = try await session.fetch(5, maximumBytes: 1000), fetched = try #require(found)
            #expect(String(decoding: fetched.bytes, as: UTF8.self) == mail && fetched.uid == 5 && fetched.size == 99)
            #expect(fetched.flags == ["\\Seen", "\\Recent"] && fetched.receivedAt?.timeIntervalSince1970 == 837_596_665)
        }
    }

    @Test func aMailThatIsGoneIsNil() async throws {
        let found = try await session({ _, _, _ in false }) { session, _ in try await session.fetch(5, maximumBytes: 10) }
        #expect(found == nil)
    }

    @Test func searchesAskWhatIsMeant() async throws {
        try await session({ tag, command, client in
            guard command.hasPrefix("UID SEARCH") else { return false }
            try await client.send("* SEARCH 8 3 5\r\n* SEARCH\r\n* 4 EXISTS\r\n\(tag) OK\r\n")
            return true
        }) { session, fixture in
            #expect(try await session.search(.after(3)) == [5, 8])
            #expect(try await session.search(.unseen) == [3, 5, 8])
            #expect(try await session.search(.since(Date(timeIntervalSince1970: 1_785_773_045))) == [3, 5, 8])
            _ = try await session.search(.messageID("<a\"b@c>"))
            #expect(fixture.server.lines.count { $0.contains("UID SEARCH ") } == 4)
            #expect(
                fixture.server.lines.contains { $0.hasSuffix("UID SEARCH UID 4:*") }
                    && fixture.server.lines.contains { $0.hasSuffix("SINCE 3-Aug-2026") })
            #expect(fixture.server.lines.contains { $0.hasSuffix(#"HEADER Message-ID "<a\"b@c>""#) })
        }
    }

    @Test func idleEndsWithTheFirstChange() async throws {
        try await session({ tag, command, client in
            guard command == "IDLE" else { return false }
            try await client.send("+ idling\r\n* OK Still here\r\n* 4 EXI")
            try await Task.sleep(for: .milliseconds(30))
            try await client.send("STS\r\n* 1 RECENT\r\n")
            #expect(await client.line() == "DONE")
            try await client.send("* 5 EXISTS\r\n\(tag) OK done\r\n")
            return true
        }) { session, _ in
            _ = try await session.select("INBOX", readOnly: false)
            let isTold = try await session.idle(atMost: .seconds(60))
            #expect(isTold)
            try await session.ping()
        }
    }

    @Test func idleEndsWithItsTime() async throws {
        try await session({ tag, command, client in
            guard command == "IDLE" else { return false }
            try await client.send("+ idling\r\n")
            #expect(await client.line() == "DONE")
            try await client.send("\(tag) OK done\r\n")
            return true
        }) { session, _ in
            let isTold = try await session.idle(atMost: .milliseconds(50))
            #expect(!isTold)
            try await session.ping()
        }
    }

    @Test func movingWithoutMoveTakesNobodyElsesMailsAway() async throws {
        try await session(capabilities: "IMAP4rev1 UIDPLUS", { _, _, _ in false }) { session, fixture in
            try await session.move(5, to: "Taken")
            let commands = fixture.server.lines.suffix(3).map { $0.split(separator: " ", maxSplits: 1).last.map(String.init) ?? "" }
            #expect(commands == [#"UID COPY 5 "Taken""#, #"UID STORE 5 +FLAGS.SILENT (\Deleted)"#, "UID EXPUNGE 5"])
        }
        try await session(capabilities: "IMAP4rev1", { _, _, _ in false }) { session, fixture in
            try await session.move(5, to: "Taken")
            #expect(!fixture.server.lines.contains { $0.contains("EXPUNGE") })
            let failure = await fixture.failure { _ = try await session.idle(atMost: .seconds(1)) }
            #expect(failure?.reason == .notImplemented)
        }
    }

    /// An answer that says no leaves the session as it was.
    @Test(arguments: [
        ("NO [NONEXISTENT] x", "permanent", "not-found"), ("NO x", "not ready", "vendor-fault"), ("BAD x", "permanent", "invalid-request"),
        ("NO [AUTHORIZATIONFAILED] x", "credentials rejected", "unauthorized"),
    ])
    func refusalsHaveTheirMeaning(_ answer: String, _ disposition: String, _ reason: String) async throws {
        try await session({ tag, command, client in
            guard command.hasPrefix("SELECT") else { return false }
            try await client.send("\(tag) \(answer)\r\n")
            return true
        }) { session, fixture in
            let failure = await fixture.failure { _ = try await session.select("Nowhere", readOnly: false) }
            #expect(failure.map { "\($0.disposition)" } == disposition && failure?.reason.rawValue == reason)
            try await session.ping()
        }
    }

    /// What is no answer ends the session: nobody knows what comes next on that connection.
    @Test(arguments: [
        "* BYE shutting down\r\n", "garbage\r\n", "* 1 FETCH (UID 5 BODY[]<0> {99999999999}\r\n", "* 1 FETCH (UID 5 BODY[]<0> {2000000}\r\n",
        "* 1 FETCH ((((\r\nJ9 OK\r\n", "\r\n",
        "J3 MAYBE\r\n", "* 1 FETCH (UID 5 BODY[]<0> {10}\r\nabc",
    ])
    func nonsenseEndsTheSession(_ answer: String) async throws {
        try await MailFixture.run(
            server { tag, command, client in
                guard command.hasPrefix("UID FETCH") else { return false }
                try await client.send(answer.replacing("J9", with: tag).replacing("J3", with: tag))
                if answer == "garbage\r\n" { try await client.send("\(tag) what\r\n") }
                return true
            }
        ) { fixture in
            let session = try await fixture.service.open(fixture.address(user: "desk", timeout: .milliseconds(500)))
            let failure = await fixture.failure { _ = try await session.fetch(5, maximumBytes: 1000) }
            #expect(failure?.disposition == .notReady)
            let later = await fixture.failure { try await session.ping() }
            #expect(later?.reason == .unreachable)
            #expect(await eventually { fixture.server.openConnections == 0 })
        }
    }

    @Test(arguments: [("NO [AUTHENTICATIONFAILED] x", "credentials rejected"), ("NO [UNAVAILABLE] x", "not ready")])
    func loginsThatFail(_ login: String, _ disposition: String) async throws {
        try await MailFixture.run(server(login: login) { _, _, _ in false }) { fixture in
            let failure = await fixture.failure { _ = try await fixture.service.open(fixture.address(user: "desk")) }
            #expect(failure.map { "\($0.disposition)" } == disposition, "\(String(describing: failure))")
            #expect(failure.map { !"\($0)".contains("a-secret-password") } == true)
        }
    }

    // MARK: Watching

    @Test func aWatchConnectsAgainWithPatience() async throws {
        try await MailFixture.run(
            server { tag, command, client in
                guard command == "IDLE" else { return false }
                // Three connections break while they wait; then one holds.
                if client.number <= 3 { throw CancellationError() }
                try await client.send("+ idling\r\n")
                return true
            }
        ) { fixture in
            let looks = Tally(), (service, address) = (fixture.service, fixture.address(user: "desk"))
            let task = Task {
                await service.watch(MailboxWatch(server: address, mailbox: "INBOX", poll: .seconds(300))) { _, state in
                    #expect(state.uidValidity == 17)
                    looks.add()
                }
            }
            for number in 1...3 {
                #expect(await eventually { looks.value == number })
                #expect(await fixture.clock.waitForSleepers(1))
                await fixture.clock.advance(by: .seconds(1))
            }
            #expect(await eventually { looks.value == 4 })
            // A connection that works ends the counting; one that breaks and is made again is nothing to tell.
            #expect(fixture.health.current == nil)
            task.cancel()
            await task.value
            #expect(await eventually { fixture.server.openConnections == 0 })
        }
    }

    @Test func aWatchWithoutIdlePolls() async throws {
        try await MailFixture.run(server(capabilities: "IMAP4rev1") { _, _, _ in false }) { fixture in
            let looks = Tally(), (service, address) = (fixture.service, fixture.address(user: "desk"))
            let task = Task { await service.watch(MailboxWatch(server: address, mailbox: "INBOX", poll: .seconds(60))) { _, _ in looks.add() } }
            for number in 1...3 {
                #expect(await eventually { looks.value == number })
                #expect(await fixture.clock.waitForSleepers(1))
                await fixture.clock.advance(by: .seconds(60))
            }
            #expect(await eventually { looks.value == 4 })
            #expect(fixture.server.connections == 1)
            task.cancel()
            await task.value
        }
    }

    @Test func aWatchStopsWhereTheCredentialsAreRejected() async throws {
        try await MailFixture.run(server(login: "NO [AUTHENTICATIONFAILED] x") { _, _, _ in false }) { fixture in
            await fixture.service.watch(MailboxWatch(server: fixture.address(user: "desk"), mailbox: "INBOX", poll: .seconds(60))) { _, _ in }
            guard case .credentialsRejected? = fixture.health.current else { Issue.record("not told"); return }
            #expect(fixture.server.connections == 1)
        }
    }

    @Test func whatTheWatcherThrowsIsTriedAgain() async throws {
        try await MailFixture.run(server { _, _, _ in false }) { fixture in
            let looks = Tally(), (service, address) = (fixture.service, fixture.address(user: "desk"))
            let task = Task {
                await service.watch(MailboxWatch(server: address, mailbox: "INBOX", poll: .seconds(60))) { _, _ in
                    looks.add()
                    if looks.value == 1 { throw PluginFailure.notReady(.vendorFault, "the disk is full") }
                    try await Task.sleep(for: .seconds(60))
                }
            }
            #expect(await eventually { fixture.health.current == .degraded("the disk is full") })
            #expect(await fixture.clock.waitForSleepers(1))
            await fixture.clock.advance(by: .seconds(1))
            #expect(await eventually { looks.value == 2 })
            task.cancel()
            await task.value
        }
    }
}
