import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel
@testable import OnCall

/// On call without a plan: the same engine, by what `oncall.notify` says.
@Suite struct HousePlanTests {
    private func settings(_ notify: [String] = [], _ severity: AlertSeverityChoice = .warning) -> OnCallSettings {
        var settings = OnCallSettings()
        settings.notify = notify
        settings.severity = severity
        return settings
    }

    @Test func allSinksAreToldWhereNoneIsNamed() async throws {
        try await Office.open { office in
            try await office.raise(.test())
            #expect(office.one.told == ["page:f"] && office.two.told == ["page:f"])
            let alert = try #require(office.one.pages.first?.alerts.first)
            #expect(alert.name == "Test" && alert.summary == "a test" && alert.severity == .error)
            #expect(try await office.ledger("f").contains { $0.step == "page" && $0.outcome == "paged" && $0.rule == "jack.yaml:7" })
        }
    }

    @Test func orTheNamedOnes() async throws {
        try await Office.open(settings(["two"])) { office in
            try await office.raise(.test())
            #expect(office.one.told.isEmpty && office.two.told == ["page:f"])
        }
    }

    @Test func whatIsBelowTheThresholdIsNotToldAndSaysWhy() async throws {
        try await Office.open(settings([], .error)) { office in
            try await office.raise(.test("w", .warning))
            try await office.raise(.test("e", .error))
            #expect(office.one.told == ["page:e"])
            #expect(try await office.ledger("w").contains { $0.outcome == "muted" && $0.reason.contains("below oncall.severity, error") })
        }
    }

    @Test func emergenciesAreAlwaysTold() async throws {
        try await Office.open(settings([], .critical)) { office in
            try await office.raise(.test("e", .info, isEmergency: true))
            #expect(office.one.told == ["page:e"])
        }
    }

    @Test func theEndIsToldToo() async throws {
        try await Office.open { office in
            try await office.raise(.test())
            try await office.raise(.test(ended: true))
            #expect(await office.pass { office.one.told == ["page:f", "resolve:f"] })
        }
    }

    @Test func raisedAgainNobodyIsToldTwice() async throws {
        try await Office.open { office in
            try await office.raise(.test())
            // The job had done its work and died before it could say so: it is done again.
            try await office.service.take(.test())
            try await office.raise(.test())
            try await office.settle()
            #expect(office.one.told == ["page:f"])
            try await office.raise(.test(ended: true))
            #expect(await office.pass { office.one.told == ["page:f", "resolve:f"] })
            try await office.raise(.test())
            #expect(office.one.told == ["page:f", "resolve:f", "page:f"])
        }
    }

    @Test func somebodyMayAcknowledgeItAllTheSame() async throws {
        try await Office.open { office in
            try await office.raise(.test())
            let answered = try await office.service.answer(.acknowledge, named: "Test", by: "Ana")
            guard case .answered(let outcome) = answered else {
                Issue.record("\(answered)")
                return
            }
            #expect(outcome.status == .acknowledged)
            try await office.settle()
            #expect(office.two.told == ["page:f", "update:f"] && office.two.pages.last?.note == "acknowledged by Ana")
        }
    }

    @Test func anInstancesOwnTroubleIsNotPagedThroughItself() async throws {
        try await Office.open { office in
            try await office.raise(.test("instance:gate", labels: ["instance": "one"]))
            #expect(office.one.told.isEmpty && office.two.told == ["page:instance:gate"])
        }
        try await Office.open(settings(["one"])) { office in
            try await office.raise(.test("instance:gate", labels: ["instance": "one"]))
            #expect(office.one.told.isEmpty && office.two.told.isEmpty)
            #expect(try await office.ledger("instance:gate").contains { $0.outcome == "not told" && $0.reason.contains("in trouble itself") })
        }
    }

    @Test func whatIsAboutAMessageIsFoundUnderIt() async throws {
        try await Office.open { office in
            var alert = Alert.test(isEmergency: true)
            alert.annotations["message"] = "in_1"
            try await office.raise(alert)
            #expect(try await office.ledger("in_1").contains { $0.outcome == "paged" })
        }
    }

    @Test func aSinkThatCannotIsTriedAgain() async throws {
        try await Office.open(settings(["one"])) { office in
            office.one.fail(with: .notReady(.vendorFault, "busy"))
            try await office.engine.write { [kernel = office.kernel] in try kernel.alerts.raise(.test(), in: $0) }
            #expect(
                try await eventually(within: .seconds(60)) {
                    try await office.engine.read { try $0.row("SELECT attempts FROM outbox WHERE attempts > 0") } != nil
                })
            office.one.fail(with: nil)
            #expect(await office.pass { office.one.told.contains("page:f") })
        }
    }

    @Test func itIsTheSameAfterARestart() throws {
        let plan = HousePlan(settings(["two"], .error), sinks: ["one", "two"], mark: SourceMark(file: "jack.yaml", line: 7, column: 3))
        let again = try JSONDecoder().decode(HousePlan.self, from: JSONEncoder().encode(plan))
        #expect(again == plan && again.version == plan.version)
        let other = HousePlan(settings(["one"], .error), sinks: ["one", "two"], mark: SourceMark(file: "jack.yaml", line: 7, column: 3))
        #expect(other.version != plan.version)
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

    private func told(_ office: Office, _ count: Int) async -> Bool { await office.pass { office.one.told.count == count } }

    @Test func aFailedInstanceIsToldAndItsRecoveryToo() async throws {
        try await Office.open { office in
            try await change(office, .failed, before: .running, reason: "no line")
            #expect(await told(office, 1))
            #expect(office.one.pages.first?.alerts.first?.summary == "channel whatsapp is failed: no line")
            // As the supervisor starts it again.
            try await change(office, .starting, before: .failed)
            try await change(office, .running, before: .starting)
            #expect(await told(office, 2))
            #expect(office.one.told == ["page:instance:whatsapp", "resolve:instance:whatsapp"])
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
            #expect(await eventually(within: .seconds(60)) { office.one.told.last == "page:instance:whatsapp" })
            try await office.settle()
            // On a busy machine the first trouble may be over before anybody could be told: then it is not told at all.
            let page = "page:instance:whatsapp", resolve = "resolve:instance:whatsapp"
            #expect([[page], [page, page], [page, resolve, page]].contains(office.one.told))
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
            #expect(office.one.told.last == "resolve:instance:whatsapp")
        }
    }

    @Test func whatGrowsWorseIsToldAgain() async throws {
        try await Office.open { office in
            try await change(office, .degraded, before: .running, reason: "slow")
            #expect(await told(office, 1))
            try await change(office, .failed, before: .degraded, reason: "gone")
            #expect(await told(office, 2))
            try await change(office, .failed, before: .failed, reason: "the key was refused", credentials: true)
            // Other labels are another alert: that the one before is over is told too.
            #expect(await told(office, 4))
            let pages = zip(office.one.told, office.one.pages).filter { $0.0.hasPrefix("page:") }
            #expect(pages.flatMap(\.1.alerts).map(\.name) == ["InstanceUnhealthy", "InstanceUnhealthy", "CredentialsRejected"])
        }
    }

    @Test func anInstanceThatStartsWellIsNoNews() async throws {
        try await Office.open { office in
            try await change(office, .starting, before: .stopped)
            try await change(office, .running, before: .starting)
            // Something that is told, after what must not be.
            try await change(office, .failed, before: .running)
            #expect(await told(office, 1))
            #expect(office.one.told == ["page:instance:whatsapp"])
        }
    }

    /// A message that nothing delivers: this house has no guests.
    private func kill(_ id: String, in office: Office) async throws {
        let message = OutboundMessage(id: id, peer: PeerAddress(.phone, "+1"), author: .jack, text: "hello")
        let entry = try OutboxEntry.message(message, through: "whatsapp", at: office.clock.now)
        try await office.engine.write { [kernel = office.kernel] in try kernel.outbox.enqueue(entry, in: $0) }
    }

    @Test func aDeadLetterIsTold() async throws {
        try await Office.open { office in
            try await kill("msg_1", in: office)
            #expect(await told(office, 1))
            #expect(office.one.told == ["page:deadletter:msg_1"])
            #expect(office.one.pages.first?.alerts.first?.summary.contains("nothing delivers") == true)
        }
    }

    @Test func aPageThatDiesRaisesNothing() async throws {
        var settings = OnCallSettings()
        settings.notify = ["one"]
        try await Office.open(settings) { office in
            office.one.fail(with: .permanent(.unknownRecipient, "no such pager"))
            try await office.raise(.test())
            #expect(try await office.engine.read { try $0.rows("SELECT id FROM outbox WHERE state = 'dead'") }.isEmpty == false)
            office.one.fail(with: nil)
            try await kill("msg_1", in: office)
            #expect(await office.pass { office.one.told.contains { $0.contains("deadletter:") } })
            #expect(office.one.told.filter { $0.contains("deadletter:") } == ["page:deadletter:msg_1"])
        }
    }
}
