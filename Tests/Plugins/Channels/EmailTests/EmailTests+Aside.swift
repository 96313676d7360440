import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import EmailChannel

/// One mail that cannot be taken does not stop those behind it, and is not lost.
extension EmailTests {
    /// Looks until the mail at the head has had its tries and its time.
    private func exhaust(_ test: TestContext) async {
        for _ in 1..<MailAside.leastTries {
            await test.clock.advance(by: .seconds(20))
            await look(test)
        }
    }

    /// A mail that the kernel refuses has had its tries.
    private func setAside(_ test: TestContext) async {
        test.inbound.refuse(isRefused("poison"))
        test.mail.deliver(mail("bad", body: "poison"))
        #expect(await eventually { test.mail.watchFailures.count == 1 })
        await exhaust(test)
        #expect(await eventually { test.inbound.givenUp.count == 1 })
    }

    private func isRefused(_ word: String) -> @Sendable (InboundEvent) -> PluginFailure? {
        { event in
            guard case .message(let message) = event.content, message.text?.contains(word) == true else { return nil }
            return .permanent(.invalidRequest, "the kernel takes no such event")
        }
    }

    @Test func aMailThatIsAlwaysRefusedIsSetAsideAndTheNextOnesGoOn() async throws {
        try await running { test, _ in
            test.inbound.refuse(isRefused("poison"))
            let uid = test.mail.deliver(mail("bad", body: "poison"))
            #expect(await eventually { test.mail.watchFailures.count == 1 })
            test.mail.deliver(mail("good"))
            #expect(await eventually { test.mail.watchFailures.count == 2 })
            #expect(test.inbound.events.isEmpty && test.inbound.givenUp.isEmpty, "it is tried for a while first")
            await exhaust(test)
            #expect(await eventually { test.inbound.events.count == 1 })
            #expect(test.inbound.events.first?.vendorID.hasPrefix("<good@") == true)
            // Kept on the server, unread; counted; told of once, without a word of it.
            #expect(test.mail.mails().map(\.flags) == [[], ["\\Seen"]])
            let given = test.inbound.givenUp
            #expect(given.count == 1 && given.first?.attempts ?? 0 >= MailAside.leastTries)
            #expect(given.first?.reason.contains("UID \(uid)") == true && given.first?.event.peer == nil)
            #expect(test.metrics.sum("jack_plugin_mail_set_aside_total") == 1)
            #expect(!test.logs.contains("poison") && !"\(given)".contains("poison") && !"\(given)".contains("guest.example"))
            await look(test)
            #expect(test.inbound.givenUp.count == 1 && test.inbound.events.count == 1)
        }
    }

    @Test func aMailThatTheServerDoesNotGiveOutIsSetAsideToo() async throws {
        try await running { test, _ in
            test.mail.fail(fetching: 1, with: .notReady(.unreachable, "imap.hotel.example broke the connection"))
            #expect(test.mail.deliver(mail("bad")) == 1)
            test.mail.deliver(mail("good"))
            #expect(await eventually { test.inbound.events.count + test.mail.watchFailures.count > 0 })
            await look(test)
            await exhaust(test)
            #expect(await eventually { test.inbound.givenUp.count == 1 && test.inbound.events.last?.vendorID.hasPrefix("<good@") == true })
        }
    }

    @Test func whatWasSetAsideIsTriedAgainAndNotLost() async throws {
        try await running { test, _ in
            await setAside(test)
            await test.clock.advance(by: .seconds(3601))
            let failures = test.mail.watchFailures.count
            await look(test)
            #expect(test.mail.watchFailures.count == failures, "that it fails again disturbs nobody")
            // Its cause is mended.
            test.inbound.refuse { _ in nil }
            await test.clock.advance(by: .seconds(3601))
            await look(test)
            #expect(test.inbound.events.count == 1 && test.mail.mails().first?.flags == ["\\Seen"])
            #expect(test.storage.contents.keys.allSatisfy { !$0.hasPrefix("aside/") && !$0.hasPrefix("trouble/") })
            await test.clock.advance(by: .seconds(3601))
            await look(test)
            #expect(test.inbound.duplicates == 0, "it is not taken twice")
        }
    }

    @Test func afterThreeDaysItIsPeoplesAlone() async throws {
        try await running { test, _ in
            await setAside(test)
            await test.clock.advance(by: .seconds(3 * 86_400))
            await look(test)
            test.inbound.refuse { _ in nil }
            await test.clock.advance(by: .seconds(3601))
            await look(test)
            #expect(test.inbound.events.isEmpty && test.mail.mails().first?.flags == [])
            #expect(test.inbound.givenUp.count == 1, "the letter stays")
        }
    }

    /// A disk that is full is no mail's fault: where nobody can be told, nothing is passed over, however long it lasts.
    @Test func nothingIsSetAsideWhileNothingCanBeWritten() async throws {
        try await running { test, _ in
            test.inbound.fail(with: .notReady(.unreachable, "the disk is full"))
            test.mail.deliver(mail("1"))
            #expect(await eventually { test.mail.watchFailures.count == 1 })
            for _ in 1...3 { await exhaust(test) }
            #expect(test.inbound.givenUp.isEmpty && test.metrics.sum("jack_plugin_mail_set_aside_total") == 0)
            test.inbound.fail(with: nil)
            await look(test)
            #expect(test.inbound.events.count == 1 && test.inbound.givenUp.isEmpty)
        }
    }

    @Test func aFailureNowAndThenIsNotCountedTogether() async throws {
        try await running { test, _ in
            for number in 1...MailAside.leastTries {
                test.inbound.fail(with: .notReady(.overloaded, "later"))
                let failures = test.mail.watchFailures.count
                test.mail.deliver(mail("\(number)"))
                #expect(await eventually { test.mail.watchFailures.count > failures })
                await test.clock.advance(by: .seconds(60))
                test.inbound.fail(with: nil)
                await look(test)
            }
            #expect(test.inbound.events.count == MailAside.leastTries && test.inbound.givenUp.isEmpty)
        }
    }

    /// New numbers: what was set aside is met again under its new one, and is not lost with the old.
    @Test func newNumbersBringItBack() async throws {
        try await running { test, _ in
            await setAside(test)
            test.inbound.refuse { _ in nil }
            test.mail.renumber()
            #expect(await eventually { test.inbound.events.count == 1 })
        }
    }
}
