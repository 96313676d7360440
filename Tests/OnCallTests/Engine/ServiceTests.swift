import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel
@testable import OnCall

@Suite struct OnCallServiceTests {
    @Test func aPageLeavesThroughTheOutboxWithALinkAndACode() async throws {
        try await Desk.open { desk in
            try await desk.post("Fire")
            #expect(await eventually(within: .seconds(30)) { desk.sms.calls.count == 1 })
            let page = try #require(desk.sms.pages.first)
            #expect(page.recipient == "ana" && page.code?.count == 6 && !page.mayRepeat)
            let token = try #require(page.url?.split(separator: "/").last.map(String.init))
            #expect(try desk.service.look(at: token).matter?.id == page.groupKey)
            #expect(await desk.service.answer(link: token).status == .acknowledged)
            #expect(await desk.service.answer(link: token).status == .already, "a link that is opened twice does no harm")
            #expect(await desk.service.answer(link: token + "x").status == .forged)
            #expect(try await desk.ledger("answers").map(\.outcome) == ["forged"])
            #expect(try await desk.ledger(page.id).contains { $0.step == "page" && $0.rule == "oncall.yaml:21" })
            #expect(try await desk.ledger(page.groupKey).contains { $0.outcome == "acknowledged" })
            #expect(await eventually(within: .seconds(30)) { desk.sms.calls.map { $0.prefix(6) } == ["page:o", "update"] })
        }
    }

    @Test func whatWasTakenIsOnDiskWhenTakeReturns() async throws {
        let disk = try await Desk.empty()
        try await Desk.open(on: disk, delivers: false) { desk in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for caller in 0..<16 {
                    tasks.addTask { for number in 0..<5 { try await desk.post("A\(caller)-\(number)", "warning") } }
                }
                try await tasks.waitForAll()
            }
            let rows = try await disk.read { try $0.rows("SELECT id FROM oncall_alert").count }
            #expect(rows == 80)
        }
        // The next process knows them.
        try await Desk.open(on: disk, delivers: false) { desk in
            let alerts = try await desk.service.alerts(matching: [])
            let groups = try await desk.service.groups(matching: [LabelMatcher("alertname", .fits, "A1-.*")])
            #expect(alerts.count == 80 && groups.count == 5)
        }
        await disk.close()
    }

    @Test func aRestartGoesOnWhereItWas() async throws {
        let disk = try await Desk.empty(), clock = VirtualClock(now: Night.start), sms = SinkScript()
        try await Desk.open(on: disk, clock: clock, sms: sms) { desk in
            try await desk.post("Fire")
            #expect(await eventually(within: .seconds(30)) { sms.pages.count == 1 })
            try await desk.post("Flood")
            #expect(await eventually(within: .seconds(30)) { sms.pages.count == 2 })
            let answer = OnCallAnswer(.acknowledge, .code(sms.pages[1].code ?? ""), by: "Ana", way: "reply")
            #expect(await desk.service.answer(answer).status == .acknowledged)
            #expect(await eventually(within: .seconds(30)) { sms.pages.count == 3 })
        }
        // While nobody was there, the next step became due.
        await clock.advance(by: .seconds(1000))
        try await Desk.open(FakePlan(version: "v2"), on: disk, clock: clock, sms: sms) { desk in
            #expect(await eventually(within: .seconds(30)) { sms.pages.count == 4 })
            #expect(sms.pages[3].recipient == "bob" && sms.pages[3].groupKey == sms.pages[0].groupKey)
            #expect(sms.pages[3].reason.contains("(v1)"), "by the plan with which it began")
            #expect(Set(desk.service.openMatters.map(\.acknowledgedBy)) == [nil, "Ana"])
        }
        await disk.close()
    }

    @Test func aPageThatMayHaveGoneOutIsRepeatedAndSaysSo() async throws {
        let disk = try await Desk.empty(), sms = SinkScript()
        // This process writes it down, and ends before its sinks have started.
        try await Desk.open(on: disk, delivers: false) { desk in try await desk.post("Fire") }
        try await Desk.open(on: disk, sms: sms) { _ in
            #expect(await eventually(within: .seconds(30)) { sms.pages.count == 1 })
            #expect(sms.pages[0].mayRepeat)
        }
        await disk.close()
    }

    @Test func whatWasAnsweredMeanwhileDoesNotLeave() async throws {
        let disk = try await Desk.empty(), sms = SinkScript()
        try await Desk.open(on: disk, delivers: false) { desk in
            try await desk.post("Fire")
            let matter = try #require(desk.service.openMatters.first)
            #expect(await desk.service.answer(.init(.resolve, .reference(matter.id), by: "Ana", way: "command line")).status == .resolved)
        }
        try await Desk.open(on: disk, sms: sms) { _ in
            #expect(
                await eventually(within: .seconds(30)) {
                    (try? await disk.read { try $0.row("SELECT id FROM outbox WHERE state = 'withdrawn'") }) != nil
                })
            #expect(!sms.calls.contains { $0.hasPrefix("page") })
        }
        await disk.close()
    }

    @Test func aSinkThatFailsFallsToTheNextContactAtOnce() async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.levels = [["sms:ana>phone:ana"], ["sms:bob"]]
        try await Desk.open(plan) { desk in
            desk.sms.fail(with: .notReady(.vendorFault, "no line"))
            try await desk.post("Fire")
            #expect(await eventually(within: .seconds(30)) { desk.phone.calls.count >= 1 })
            #expect(desk.phone.pages.first?.recipient == "ana" && desk.phone.pages.first?.reason.contains("no line") == true)
            // What failed is not tried again beside it, and that it failed is told by the other way.
            #expect(
                try await eventually(within: .seconds(30)) {
                    try await desk.disk.read { try $0.row("SELECT state FROM outbox ORDER BY seq")?.string("state") } == "withdrawn"
                })
            #expect(await desk.pass(120) { desk.phone.pages.contains { $0.alerts.first?.name == "PageNotDelivered" } })
            desk.sms.fail(with: nil)
            #expect(await desk.pass(400) { desk.sms.pages.contains { $0.recipient == "bob" } })
            #expect(await desk.pass(400) { !desk.service.openMatters.contains { $0.matter.labels["alertname"] == "PageNotDelivered" } })
        }
    }

    @Test func aFullDiskHoldsNoPageBack() async throws {
        try await Desk.open { desk in
            try await desk.post("Fire")
            #expect(await eventually(within: .seconds(30)) { desk.sms.calls.count == 1 })
            desk.disk.fill(true)
            await #expect(throws: StorageError.self) { try await desk.post("Flood") }
            #expect(await eventually(within: .seconds(30)) { desk.sms.calls.count == 2 }, "not durable, and told all the same")
            // The next person is reached too.
            #expect(await desk.pass(400) { desk.sms.pages.filter { $0.recipient == "bob" }.count == 2 })
            desk.disk.fill(false)
            #expect(
                await desk.pass(60) {
                    (try? await desk.disk.read { try $0.rows("SELECT id FROM oncall_group WHERE matter IS NOT NULL").count }) == 2
                })
            try await desk.post("Storm")
            #expect(await eventually(within: .seconds(30)) { desk.sms.calls.count == 5 })
            #expect(desk.sms.calls.count { $0.hasPrefix("page") } == 5, "nothing was told twice")
        }
    }

    @Test func jacksOwnAlertsAndAnswersComeThroughTheKernel() async throws {
        try await Desk.open { desk in
            try await desk.disk.write { [kernel = desk.kernel] in try kernel.alerts.raise(.own("Letter", .critical), in: $0) }
            #expect(await eventually(within: .seconds(30)) { desk.sms.calls.count == 1 })
            let page = try #require(desk.sms.pages.first)
            #expect(page.alerts.first?.summary == "Letter in words")
            let answer = PageAcknowledgement(action: .acknowledge, reference: " \(page.code ?? "") ", by: "+49301")
            try await desk.disk.write { [kernel = desk.kernel] in try kernel.alerts.acknowledge(answer, through: "sms", id: "in_1", in: $0) }
            #expect(await eventually(within: .seconds(30)) { desk.service.openMatters.first?.acknowledgedBy == "+49301" })
            #expect(try await desk.ledger("test:Letter").contains { $0.outcome == "paged" })
        }
    }

    @Test func theClockMayJump() async throws {
        try await Desk.open { desk in
            try await desk.post("Fire")
            #expect(await eventually(within: .seconds(30)) { desk.sms.calls.count == 1 })
            desk.clock.jumpWall(by: .seconds(-7200))
            #expect(await desk.pass(305) { desk.sms.pages.last?.recipient == "bob" }, "after five minutes, whatever the clock says")
            desk.clock.jumpWall(by: .seconds(7200))
            #expect(await desk.pass(70) { desk.phone.pages.last?.recipient == "chief" }, "what is overdue happens")
        }
    }

    @Test func silencesAndPlansChangeWhileItRuns() async throws {
        try await Desk.open { desk in
            let silence = Silence(
                matchers: [LabelMatcher("alertname", .equal, "Fire")], startsAt: Night.start, endsAt: Night.start.addingTimeInterval(3600),
                createdBy: "Ana",
                comment: "painters")
            let id = try await desk.service.set(silence)
            try await desk.post("Fire")
            #expect(try await desk.service.alerts(matching: []).first?.silencedBy == [id])
            try await desk.service.expireSilence(id)
            await #expect(throws: OnCallError.self) { try await desk.service.expireSilence("nothing") }
            #expect(try await desk.service.silences(matching: []).first?.state(at: desk.clock.now) == .expired)
            var next = FakePlan(version: "v2")
            next.receivers["team"]?.levels = [["phone:carl"]]
            try await desk.service.change(to: Desk.source(next))
            #expect(desk.service.planVersion == "v2")
            try await desk.post("Flood")
            #expect(await eventually(within: .seconds(30)) { desk.phone.pages.first?.recipient == "carl" })
            #expect(desk.sms.calls.isEmpty)
            #expect(try await desk.disk.read { try $0.rows("SELECT version FROM oncall_plan").count } == 2)
        }
    }

    @Test func aBadAlertIsRefusedAndItsListIsTaken() async throws {
        try await Desk.open { desk in
            let refusals = try await desk.service.take([
                PostedAlert(labels: ["a": String(repeating: "x", count: 1_048_576)]),
                PostedAlert(labels: ["alertname": "A", "severity": "critical"]),
                PostedAlert(labels: [:]), PostedAlert(labels: ["alertname": "B"], annotations: ["summary": String(repeating: "x", count: 20_000)]),
            ])
            #expect(refusals.map(\.place) == [0, 2] && refusals.allSatisfy { $0.error.code == .invalid })
            let alerts = try await desk.service.alerts(matching: [])
            #expect(Set(alerts.compactMap { $0.labels["alertname"] }) == ["A", "B"])
            #expect(await eventually(within: .seconds(30)) { desk.sms.pages.contains { $0.alerts.first?.name == "A" } })
        }
    }

    @Test func thatASinkHasNothingToSendEndsNoTrouble() async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.levels = [["sms:ana"]]
        try await Desk.open(plan) { desk in
            desk.sms.sendPagesOnly()
            @Sendable func isInTrouble() async throws -> Bool {
                try await desk.service.alerts(matching: [LabelMatcher("alertname", .equal, "PageNotDelivered")]).contains {
                    $0.endsAt > desk.clock.now
                }
            }
            @Sendable func haveLeft(_ count: Int) async throws -> Bool {
                try await desk.disk.read { try $0.rows("SELECT id FROM outbox WHERE state IN ('sent', 'delivered')").count } == count
            }
            try await desk.post("Fire")
            // Written down too: that the page has left ends what trouble there was.
            #expect(try await eventually(within: .seconds(30)) { try await haveLeft(1) })
            let page = try #require(desk.sms.pages.first)
            _ = await desk.service.failed(PageOrder(verb: .update, page: page), through: "sms", "no line")
            #expect(try await isInTrouble())
            let matter = try #require(desk.service.openMatters.first { $0.matter.labels["alertname"] == "Fire" })
            #expect(await desk.service.answer(.init(.acknowledge, .reference(matter.id), by: "Ana", way: "command line")).status == .acknowledged)
            // The update has left, and the outbox is done with it.
            #expect(try await eventually(within: .seconds(30)) { try await haveLeft(2) })
            #expect(desk.sms.calls.last?.hasPrefix("update") == true)
            #expect(try await isInTrouble(), "an update for which nobody is called shows nothing")
            try await desk.post("Storm")
            #expect(try await eventually(within: .seconds(30)) { try await !isInTrouble() })
        }
    }

    @Test func anAnswerPageCanSayWhatItIsAbout() async throws {
        try await Desk.open { desk in
            try await desk.service.take([
                PostedAlert(labels: ["alertname": "Fire", "severity": "critical"], annotations: ["summary": "smoke on the third floor"])
            ])
            let matter = try #require(desk.service.openMatters.first)
            #expect(desk.service.alerts(of: matter.id).map(\.summary) == ["smoke on the third floor"])
            #expect(desk.service.alerts(of: "oncall:0000000000000000:0").isEmpty && desk.service.alerts(of: "").isEmpty)
        }
    }

    @Test func whoHasSomebodyOnTheLineIsToldHowAPageStands() async throws {
        try await Desk.open { desk in
            try await desk.post("Fire")
            #expect(await eventually(within: .seconds(30)) { desk.sms.pages.count == 1 })
            let page = try #require(desk.sms.pages.first)
            #expect(desk.service.standing(of: page.id) == .open && desk.service.standing(of: page.groupKey) == .open)
            #expect(desk.service.standing(of: "page_x") == nil && desk.service.standing(of: "") == nil)
            #expect(await desk.service.answer(.init(.acknowledge, .reference(page.id), by: "Bob", way: "link")).status == .acknowledged)
            #expect(desk.service.standing(of: page.id) == .acknowledged(by: "Bob"))
            // It is over from the moment that it is known, and not only when it is told.
            await desk.clock.advance(by: .seconds(1))
            try await desk.post("Fire", ended: true)
            #expect(desk.service.standing(of: page.id) == .over)
            try await desk.post("Flood")
            #expect(await eventually(within: .seconds(30)) { desk.sms.pages.contains { $0.alerts.first?.name == "Flood" } })
            let other = try #require(desk.sms.pages.last { $0.alerts.first?.name == "Flood" })
            #expect(await desk.service.answer(.init(.resolve, .reference(other.id), by: "Bob", way: "link")).status == .resolved)
            #expect(desk.service.standing(of: other.id) == .over, "somebody has closed it, though it fires")
        }
    }

    @Test func whetherTheLoopGoesRoundIsSeenFromOutside() async throws {
        try await Desk.open(delivers: false) { desk in
            #expect(desk.service.isTurning())
            desk.disk.hang(true)
            let waiting = Task { try await desk.post("Fire") }
            #expect(await eventually(within: .seconds(30)) { desk.service.figures.alerts == 1 })
            await desk.clock.advance(by: .seconds(149))
            #expect(desk.service.isTurning())
            await desk.clock.advance(by: .seconds(2))
            #expect(!desk.service.isTurning(), "a loop that hangs pages nobody")
            desk.disk.hang(false)
            try await waiting.value
            #expect(await eventually(within: .seconds(30)) { desk.service.isTurning() })
            // With nothing to do it goes round all the same.
            for _ in 0..<6 {
                await desk.clock.advance(by: .seconds(61))
                #expect(await desk.pass(90) { desk.service.isTurning(within: .seconds(61)) })
            }
        }
    }

    @Test func theWatchmanSeesAGroupThatWasNeverTold() async throws {
        let disk = try await Desk.empty(), clock = VirtualClock(now: Night.start)
        let watchman = OnCallWatchman(engine: disk, property: PropertyInfo.sample.id, clock: clock, logger: LogRecorder().logger()) { _ in }
        try await Desk.open(on: disk, clock: clock, delivers: false) { desk in
            // It waits for others of its group for half a minute, and then the process is gone.
            try await desk.post("Leak", "warning")
            #expect(desk.service.openMatters.isEmpty)
        }
        await clock.advance(by: .seconds(115))
        #expect(await watchman.look() == [], "85 seconds late is not late yet")
        await clock.advance(by: .seconds(15))
        let found = await watchman.look()
        #expect(found.count == 1 && found.first?.contains("the alerts of team (alertname=Leak), of which nobody was told") == true, "\(found)")
        try await Desk.open(on: disk, clock: clock, delivers: false) { _ in
            #expect(await eventually(within: .seconds(30)) { await watchman.look() == [] })
        }
        await disk.close()
    }

    @Test func theWatchmanTriesAgainUntilSomebodyWasReached() async throws {
        let disk = try await Desk.empty(), clock = VirtualClock(now: Night.start), alarms = AlertList(), isReachable = Synchronized(false)
        let watchman = OnCallWatchman(engine: disk, property: PropertyInfo.sample.id, clock: clock, logger: LogRecorder().logger()) { alert in
            alarms.add(alert)
            if !isReachable.value { throw PluginFailure.notReady(.unreachable, "nobody was reached") }
        }
        try await Desk.open(on: disk, clock: clock, delivers: false) { try await $0.post("Fire") }
        await clock.advance(by: .seconds(400))
        await watchman.look()
        await clock.advance(by: .seconds(30))
        isReachable.change { $0 = true }
        await watchman.look()
        await clock.advance(by: .seconds(30))
        await watchman.look()
        #expect(alarms.all.count == 2, "again after it reached nobody, and not after it did")
        await disk.close()
    }

    @Test func aClockThatIsPutBackDoesNotSilenceTheWatchman() async throws {
        let disk = try await Desk.empty(), clock = VirtualClock(now: Night.start), alarms = AlertList()
        let watchman = OnCallWatchman(engine: disk, property: PropertyInfo.sample.id, clock: clock, logger: LogRecorder().logger()) { alarms.add($0) }
        try await Desk.open(on: disk, clock: clock, delivers: false) { try await $0.post("Fire") }
        clock.jumpWall(by: .seconds(86_400))
        await watchman.look()
        clock.jumpWall(by: .seconds(-72_000))
        #expect(await watchman.look().count == 1 && alarms.all.count == 2, "told a day ago by the clock of then, and overdue all the same")
        await watchman.look()
        #expect(alarms.all.count == 2)
        await disk.close()
    }

    @Test func theWatchmanSeesAStepThatWasNotTaken() async throws {
        let disk = try await Desk.empty(), clock = VirtualClock(now: Night.start), alarms = AlertList()
        let watchman = OnCallWatchman(engine: disk, property: PropertyInfo.sample.id, clock: clock, logger: LogRecorder().logger()) { alarms.add($0) }
        try await Desk.open(on: disk, clock: clock, delivers: false) { desk in
            try await desk.post("Fire")
            #expect(await watchman.look() == [])
        }
        // Nobody is there to take the step.
        await clock.advance(by: .seconds(380))
        #expect(await watchman.look() == [], "80 seconds late is not late yet")
        await clock.advance(by: .seconds(20))
        #expect(await watchman.look().first?.contains("of team should have taken its next step at") == true)
        await watchman.look()
        #expect(alarms.all.count == 1 && alarms.all[0].isEmergency && alarms.all[0].endsAt == nil, "told once, not each time it looks")
        try await Desk.open(on: disk, clock: clock, delivers: false) { desk in
            #expect(await eventually(within: .seconds(30)) { await watchman.look() == [] })
            #expect(alarms.all.last?.endsAt != nil)
        }
        await disk.close()
    }
}

final class AlertList: Sendable {
    private let list = Synchronized<[Alert]>([])
    var all: [Alert] { list.value }
    func add(_ alert: Alert) { list.change { $0.append(alert) } }
}
