import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel
@testable import OnCall

@Suite struct AlertRouterTests {
    private func settings(_ notify: [String] = [], _ severity: AlertSeverityChoice = .warning) -> OnCallSettings {
        var settings = OnCallSettings()
        settings.notify = notify
        settings.severity = severity
        return settings
    }

    @Test func allSinksAreToldWhereNoneIsNamed() async throws {
        try await Office.open { office in
            try await office.raise(.test())
            #expect(office.one.calls == ["page:f"] && office.two.calls == ["page:f"])
            #expect(office.one.pages.first?.alerts == [.test()])
            #expect(try await office.ledger("f").contains { $0.step == "alert" && $0.outcome == "told" && $0.reason.contains("one, two") })
        }
    }

    @Test func orTheNamedOnes() async throws {
        try await Office.open(settings(["two"])) { office in
            try await office.raise(.test())
            #expect(office.one.calls.isEmpty && office.two.calls == ["page:f"])
        }
    }

    @Test func whatIsBelowTheThresholdIsNotToldAndSaysWhy() async throws {
        try await Office.open(settings([], .error)) { office in
            try await office.raise(.test("w", .warning))
            try await office.raise(.test("e", .error))
            #expect(office.one.calls == ["page:e"])
            #expect(try await office.ledger("w").contains { $0.outcome == "not told" && $0.reason.contains("oncall.severity") })
        }
    }

    @Test func emergenciesAreAlwaysTold() async throws {
        try await Office.open(settings([], .critical)) { office in
            try await office.raise(.test("e", .info, isEmergency: true))
            #expect(office.one.calls == ["page:e"])
        }
    }

    @Test func theEndIsToldToo() async throws {
        try await Office.open { office in
            try await office.raise(.test())
            try await office.raise(.test(ended: true))
            #expect(office.one.calls == ["page:f", "resolve:f"])
        }
    }

    @Test func routedAgainAfterACrashNobodyIsToldTwice() async throws {
        try await Office.open { office in
            try await office.raise(.test())
            // The job had done its work and died before it could say so: it is done again.
            try await office.router.route(.test())
            try await office.raise(.test())
            try await office.settle()
            #expect(office.one.calls == ["page:f"])
            var later = Alert.test()
            later.startsAt += 3600
            try await office.raise(later)
            #expect(office.one.calls == ["page:f", "page:f"])
        }
    }

    @Test func anInstancesOwnTroubleIsNotPagedThroughItself() async throws {
        try await Office.open { office in
            try await office.raise(.test(labels: ["instance": "one"]))
            #expect(office.one.calls.isEmpty && office.two.calls == ["page:f"])
        }
        try await Office.open(settings(["one"])) { office in
            try await office.raise(.test(labels: ["instance": "one"]))
            #expect(office.one.calls.isEmpty && office.two.calls.isEmpty)
            #expect(try await office.ledger("f").contains { $0.outcome == "not told" && $0.reason.contains("no alert instance") })
        }
    }

    @Test func whatIsAboutAMessageIsFoundUnderIt() async throws {
        try await Office.open { office in
            var alert = Alert.test(isEmergency: true)
            alert.annotations["message"] = "in_1"
            try await office.raise(alert)
            #expect(try await office.ledger("in_1").count == 1)
        }
    }

    @Test func aSinkThatCannotIsTriedAgain() async throws {
        try await Office.open(settings(["one"])) { office in
            office.one.fail(with: .notReady(.vendorFault, "busy"))
            try await office.engine.write { [kernel = office.kernel] in try kernel.alerts.raise(.test(), in: $0) }
            #expect(await eventually(within: .seconds(60)) { office.clock.sleepers > 0 })
            #expect(
                try await eventually(within: .seconds(60)) {
                    try await office.engine.read { try $0.row("SELECT attempts FROM outbox WHERE attempts > 0") } != nil
                })
            office.one.fail(with: nil)
            #expect(
                await eventually(within: .seconds(60)) {
                    await office.clock.advance(by: .seconds(5))
                    return office.one.calls == ["page:f"]
                })
        }
    }
}

@Suite struct SystemAlertsTests {
    private func change(_ office: Office, _ state: InstanceState, before: InstanceState, reason: String? = nil, credentials: Bool = false)
        async throws
    {
        office.clock.jumpWall(by: .seconds(10))
        let status = InstanceStatus(
            name: "whatsapp", plugin: "p", kind: .channel, state: state, reason: reason, needsCredentials: credentials, since: office.clock.now,
            failedStarts: 0)
        await office.kernel.bus.publish(InstanceChanged(before: before, status: status))
    }

    private func told(_ office: Office, _ count: Int) async -> Bool { await eventually(within: .seconds(60)) { office.one.calls.count == count } }

    @Test func aFailedInstanceIsToldAndItsRecoveryToo() async throws {
        try await Office.open { office in
            try await change(office, .failed, before: .running, reason: "no line")
            #expect(await told(office, 1))
            #expect(office.one.pages.first?.alerts.first?.summary == "channel whatsapp is failed: no line")
            // As the supervisor starts it again.
            try await change(office, .starting, before: .failed)
            try await change(office, .running, before: .starting)
            #expect(await told(office, 2))
            #expect(office.one.calls == ["page:instance:whatsapp", "resolve:instance:whatsapp"])
        }
    }

    @Test func failingAgainAndAgainIsOneTrouble() async throws {
        try await Office.open { office in
            for _ in 0..<4 {
                try await change(office, .failed, before: .starting, reason: "no line")
                try await change(office, .starting, before: .failed)
            }
            try await change(office, .running, before: .starting)
            try await change(office, .failed, before: .running)
            #expect(await eventually(within: .seconds(60)) { office.one.calls.last == "page:instance:whatsapp" })
            try await office.settle()
            // On a busy machine the first trouble may be over before anybody could be told: then it is not told at all.
            let page = "page:instance:whatsapp", resolve = "resolve:instance:whatsapp"
            #expect([[page], [page, page], [page, resolve, page]].contains(office.one.calls))
        }
    }

    @Test func theEndIsToldToWhomeverTheBeginningWasTold() async throws {
        var settings = OnCallSettings()
        settings.severity = .error
        try await Office.open(settings) { office in
            try await change(office, .failed, before: .running)
            #expect(await told(office, 1))
            try await change(office, .running, before: .failed)
            #expect(await told(office, 2))
            #expect(office.one.calls.last == "resolve:instance:whatsapp")
        }
    }

    @Test func whatGrowsWorseIsToldAgain() async throws {
        try await Office.open { office in
            try await change(office, .degraded, before: .running, reason: "slow")
            #expect(await told(office, 1))
            try await change(office, .failed, before: .degraded, reason: "gone")
            #expect(await told(office, 2))
            try await change(office, .failed, before: .failed, reason: "the key was refused", credentials: true)
            #expect(await told(office, 3))
            #expect(office.one.pages.flatMap(\.alerts).map(\.name) == ["InstanceUnhealthy", "InstanceUnhealthy", "CredentialsRejected"])
        }
    }

    @Test func anInstanceThatStartsWellIsNoNews() async throws {
        try await Office.open { office in
            try await change(office, .starting, before: .stopped)
            try await change(office, .running, before: .starting)
            // Something that is told, after what must not be.
            try await change(office, .failed, before: .running)
            #expect(await told(office, 1))
            #expect(office.one.calls == ["page:instance:whatsapp"])
        }
    }

    @Test func aDeadLetterIsToldButNoPageAboutAPage() async throws {
        try await Office.open { office in
            await office.kernel.bus.publish(DeadLetter(box: .outbox, id: "page_firing:f:1:one", instance: "one", reason: "gone"))
            await office.kernel.bus.publish(DeadLetter(box: .job, id: "job_1", instance: AlertIntake.jobKind, reason: "disk"))
            await office.kernel.bus.publish(DeadLetter(box: .outbox, id: "msg_1", instance: "whatsapp", reason: "unknown number"))
            #expect(await told(office, 1))
            #expect(office.one.calls == ["page:deadletter:msg_1"])
            #expect(office.one.pages.first?.alerts.first?.summary.contains("unknown number") == true)
        }
    }

    @Test func aPageThatDiesRaisesNothing() async throws {
        var settings = OnCallSettings()
        settings.notify = ["one"]
        try await Office.open(settings) { office in
            office.one.fail(with: .permanent(.unknownRecipient, "no such pager"))
            try await office.raise(.test())
            #expect(try await office.engine.read { try $0.rows("SELECT state FROM outbox").map { try $0.string("state") } } == ["dead"])
            office.one.fail(with: nil)
            await office.kernel.bus.publish(DeadLetter(box: .outbox, id: "msg_1", instance: "whatsapp", reason: "x"))
            #expect(await told(office, 1))
            #expect(office.one.calls == ["page:deadletter:msg_1"])
        }
    }
}
