import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import OnCall

/// What on call remembers, on a real database, over the end of processes.
@Suite struct HistoryTests {
    private let history = OnCallHistory(property: PropertyInfo.sample.id)

    private func look<T: Sendable>(
        _ disk: FullDisk, _ body: @escaping @Sendable (OnCallHistory, any StorageReader) throws -> T
    ) async throws -> T {
        let history = history
        return try await disk.read { try body(history, $0) }
    }

    private func occurrences(_ desk: Desk) async throws -> [PastOccurrence] {
        try await desk.disk.read { [history, now = desk.clock.now] in try history.occurrences(from: Night.start, to: now, $0) }
    }

    private func open(_ desk: Desk) async throws -> Int {
        try await desk.disk.read { try $0.row("SELECT COUNT(*) AS n FROM oncall_alert")?.int("n") } ?? -1
    }

    @Test func anAlertIsRememberedFromItsFirstTellingToItsEndOverARestart() async throws {
        let disk = try await Desk.empty(), clock = VirtualClock(now: Night.start)
        try await Desk.open(on: disk, clock: clock, delivers: false) { desk in
            try await desk.post("Fire")
            await desk.clock.advance(by: .seconds(60))
            // News of it is no new occurrence.
            try await desk.post("Fire")
            let found = try await occurrences(desk)
            #expect(found.map(\.raisedAt) == [Night.start] && found.map(\.overAt) == [nil])
        }
        try await Desk.open(on: disk, clock: clock, delivers: false) { desk in
            await desk.clock.advance(by: .seconds(60))
            let end = desk.clock.now
            try await desk.post("Fire", ended: true)
            // Known at once, also while the end is still to be told.
            #expect(try await occurrences(desk).map(\.overAt) == [end])
            #expect(await desk.pass(400) { (try? await self.open(desk)) == 0 })
            let found = try await occurrences(desk)
            #expect(found.map(\.raisedAt) == [Night.start] && found.map(\.overAt) == [end])
            #expect(found.first?.name == "Fire" && found.first?.severity == .critical && found.first?.groups.count == 1)
        }
        await disk.close()
    }

    @Test func whatFiresAgainBeforeItsEndIsToldIsAnotherOccurrence() async throws {
        try await Desk.open(delivers: false) { desk in
            try await desk.post("Fire")
            await desk.clock.advance(by: .seconds(10))
            let end = desk.clock.now
            try await desk.post("Fire", ended: true)
            await desk.clock.advance(by: .seconds(10))
            let again = desk.clock.now
            try await desk.service.take([
                PostedAlert(labels: ["alertname": "Fire", "severity": "critical"], startsAt: again, endsAt: again.addingTimeInterval(86_400))
            ])
            let found = try await occurrences(desk)
            #expect(found.map(\.raisedAt) == [Night.start, again] && found.map(\.overAt) == [end, nil])
            #expect(found.map(\.goesOn) == [false, false])
        }
    }

    @Test func anAlertThatGrowsWorseGoesOn() async throws {
        try await Desk.open(delivers: false) { desk in
            try await desk.service.take(Alert.own("Leak", .warning))
            await desk.clock.advance(by: .seconds(10))
            let worse = desk.clock.now
            try await desk.service.take(Alert.own("Leak", .critical))
            let found = try await occurrences(desk)
            #expect(found.map(\.severity) == [.warning, .critical] && found.map(\.goesOn) == [true, false])
            #expect(found.map(\.overAt) == [worse, nil])
            #expect(Set(found.map(\.fingerprint)).count == 1)
        }
    }

    @Test func pagesAreRememberedWithWhatBecameOfThemAndAnswersWithWhoGaveThem() async throws {
        try await Desk.open { desk in
            try await desk.post("Fire")
            #expect(await eventually(within: .seconds(30)) { desk.sms.calls.count == 1 })
            let told = try #require(desk.sms.pages.first)
            let isDelivered = try await eventually(within: .seconds(30)) {
                let page = try await look(desk.disk) { try $0.page(told.id, $1) }
                return page?.outcome == "sent"
            }
            #expect(isDelivered)
            let found = try await look(desk.disk) { try $0.page(told.id, $1) }
            let page = try #require(found)
            #expect(page.person == "ana" && page.contact == "sms:ana" && page.instance == "sms" && page.receiver == "team" && page.verb == .page)
            #expect(page.matter == told.groupKey && page.at == Night.start && !page.isPastOutbox && page.alerts.count == 1)
            #expect(await desk.service.answer(.init(.acknowledge, .reference(told.groupKey), by: "Ana", way: "link")).isAccepted)
            // What was refused is no answer.
            _ = await desk.service.answer(.init(.acknowledge, .reference(told.groupKey), by: "Bob", way: "link"))
            let answers = try await look(desk.disk) { try $0.answers(since: Night.start, $1) }
            #expect(answers == [.init(matter: told.groupKey, action: .acknowledge, by: "Ana", way: "link", at: Night.start)])
        }
    }

    @Test func aPageThatLeftWhileTheDiskWasFullIsRememberedLater() async throws {
        try await Desk.open { desk in
            desk.disk.fill(true)
            await #expect(throws: StorageError.self) { try await desk.post("Fire") }
            #expect(await eventually(within: .seconds(30)) { desk.sms.calls.count == 1 })
            desk.disk.fill(false)
            let id = try #require(desk.sms.pages.first?.id)
            let isKnown = try await desk.pass(60) {
                let page = try await look(desk.disk) { try $0.page(id, $1) }
                return page?.isPastOutbox == true
            }
            #expect(isKnown)
        }
    }

    @Test func whichPlanWasInForceIsKnownOverRestartsAndAnUnchangedOneCostsNothing() async throws {
        let disk = try await Desk.empty(), clock = VirtualClock(now: Night.start)
        for version in ["v1", "v1", "v2", "v1"] {
            try await Desk.open(FakePlan(version: version), on: disk, clock: clock, delivers: false) { desk in
                await desk.clock.advance(by: .seconds(60))
            }
        }
        let spans = try await look(disk) { try $0.plans($1) }
        #expect(spans.map(\.version) == ["v1", "v2", "v1"])
        #expect(spans.map(\.since) == [0, 120, 180].map { Night.start.addingTimeInterval($0) })
        #expect(spans.map(\.until) == [spans[1].since, spans[2].since, nil])
        let then = try await look(disk) { try $0.plan(at: Night.start.addingTimeInterval(130), $1) }
        let before = try await look(disk) { try $0.plan(at: Night.start.addingTimeInterval(-1), $1) }
        #expect(then?.version == "v2" && before == nil)
        // Nothing goes by v2, and it is kept.
        let archive = try await look(disk) { try $0.archive(of: "v2", $1) }
        #expect(archive == Array("v2".utf8))
        await disk.close()
    }

    @Test func aPlanThatIsChangedWhileJackRunsBeginsThen() async throws {
        try await Desk.open(delivers: false) { desk in
            await desk.clock.advance(by: .seconds(60))
            try await desk.service.change(to: Desk.source(FakePlan(version: "v2")))
            try await desk.service.change(to: Desk.source(FakePlan(version: "v2")))
            let spans = try await look(desk.disk) { try $0.plans($1) }
            #expect(spans.map(\.version) == ["v1", "v2"] && spans.last?.since == Night.start.addingTimeInterval(60))
        }
    }

    @Test func whatIsOlderThanTheSettingIsForgottenAndNothingElse() async throws {
        let disk = try await Desk.empty(), clock = VirtualClock(now: Night.start)
        try await Desk.open(on: disk, clock: clock, delivers: false) { desk in
            try await desk.post("Old")
            try await desk.post("Open")
            try await desk.post("Old", ended: true)
            #expect(await desk.pass(400) { (try? await self.open(desk)) == 1 })
        }
        await clock.advance(by: .seconds(100 * 86_400))
        try await Desk.open(FakePlan(version: "v2"), on: disk, clock: clock, delivers: false) { desk in
            try await desk.service.forgetHistory()
            #expect(try await occurrences(desk).map(\.name).sorted() == ["Old", "Open"], "younger than 400 days")
            let pages = try await desk.disk.read { try $0.rows("SELECT id FROM oncall_page WHERE verb = 'page'").count }
            #expect(pages >= 2)
            desk.service.remember(for: .seconds(30 * 86_400))
            try await desk.service.forgetHistory()
            #expect(try await occurrences(desk).map(\.name) == ["Open"])
            let old = PackedText(["alertname": "Old", "severity": "critical"]).fingerprint.fingerprintText
            #expect(try await desk.ledger(old).isEmpty, "the ledger's lines go with it")
            let spans = try await look(desk.disk) { try $0.plans($1) }
            #expect(spans.map(\.version) == ["v1", "v2"], "v1 was in force until just now")
        }
        await clock.advance(by: .seconds(40 * 86_400))
        try await Desk.open(FakePlan(version: "v2"), on: disk, clock: clock, delivers: false) { desk in
            desk.service.remember(for: .seconds(30 * 86_400))
            try await desk.service.forgetHistory()
            let spans = try await look(desk.disk) { try $0.plans($1) }
            #expect(spans.map(\.version) == ["v2"])
        }
        await disk.close()
    }

    @Test func housekeepingForgets() async throws {
        try await Desk.open { desk in
            try await desk.post("Old")
            try await desk.post("Old", ended: true)
            #expect(await desk.pass(400) { (try? await self.open(desk)) == 0 })
            desk.service.remember(for: .seconds(86_400))
            await desk.clock.advance(by: .seconds(2 * 86_400))
            #expect(
                await desk.pass(7200) {
                    (try? await desk.disk.read { try $0.row("SELECT COUNT(*) AS n FROM oncall_past_alert")?.int("n") }) == 0
                })
        }
    }
}
