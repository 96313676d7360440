import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import OnCall

@Suite struct IncidentTests {
    private static let group = "00000000000000aa"
    private static func matter(_ number: Int) -> String { "oncall:\(group):\(number)" }

    private func expect(_ code: OperationsError.Code, _ place: SourceLocation = #_sourceLocation, _ body: () async throws -> Void) async {
        do {
            try await body()
            Issue.record("it was done", sourceLocation: place)
        } catch let error as OperationsError {
            #expect(error.code == code, "\(error)", sourceLocation: place)
        } catch { Issue.record(error, sourceLocation: place) }
    }

    @Test func theHandbooksResponseTimesAndPlaybookHoldWhereNothingIsWritten() {
        let plan = IncidentPlan.standard
        #expect(IncidentPriority.allCases.map { plan.promise($0).respondWithin } == [900, 3600, 14_400, 86_400])
        let first = plan.promise(.p1)
        #expect(first.playbook.map(\.name) == ["acknowledge", "diagnose", "mitigate", "communicate", "resolve"])
        #expect(first.playbook.map(\.within) == [300, 600, nil, nil, nil])
        #expect(first.watch == 900 && first.postmortemWithin == 172_800)
    }

    @Test func stepsThatAreLateRaiseAlertsAndEndWhenTheyAreDone() async throws {
        try await IncidentRoom.open { room async throws in
            let incident = try await room.desk.open(.p1, title: "No hot water", by: "Ana")
            #expect(incident.state == .open && incident.respondBy == room.clock.now.addingTimeInterval(900))
            await room.clock.advance(by: .seconds(299))
            #expect(try await room.story() == [])
            await room.clock.advance(by: .seconds(2))
            #expect(try await room.story() == ["+acknowledge"])
            let alert = try #require(room.told.first)
            #expect(alert.severity == .critical && alert.labels["incident"] == incident.id && alert.labels["type"] == "incident")
            #expect(alert.labels["priority"] == "P1" && alert.summary.contains("No hot water"))
            await room.clock.advance(by: .seconds(600))
            #expect(try await room.story() == ["+acknowledge", "+respond"])
            #expect(try await room.desk.incident(incident.id).late == ["respond", "acknowledge"])

            let taken = try await room.desk.take(incident.id, by: "Ana")
            #expect(taken.state == .acknowledged && taken.commander == "Ana" && taken.late.isEmpty)
            #expect(try await Set(room.story().suffix(2)) == ["-acknowledge", "-respond"])
            // The clock of a step begins when the one before it is done.
            await room.clock.advance(by: .seconds(599))
            #expect(try await room.story().count == 4)
            await room.clock.advance(by: .seconds(2))
            #expect(try await room.story().last == "+diagnose")
            _ = try await room.desk.step(incident.id, "diagnose", by: "Ana")
            #expect(try await room.story().last == "-diagnose")
        }
    }

    @Test func whatIsInTimeTellsNobody() async throws {
        try await IncidentRoom.open { room async throws in
            let incident = try await room.desk.open(.p1, title: "x", by: "Ana")
            await room.clock.advance(by: .seconds(100))
            _ = try await room.desk.take(incident.id, by: "Ana")
            await room.clock.advance(by: .seconds(100))
            for step in ["diagnose", "mitigate", "communicate", "resolve"] { _ = try await room.desk.step(incident.id, step, by: "Ana") }
            #expect(try await room.desk.incident(incident.id).state == .watching)
            await room.clock.advance(by: .seconds(899))
            try await room.settle()
            #expect(try await room.desk.incident(incident.id).state == .watching)
            await room.clock.advance(by: .seconds(2))
            try await room.settle()
            #expect(try await room.desk.incident(incident.id).state == .resolved)
            #expect(try await room.story() == [])
            #expect(try await room.desk.incident(incident.id).keptResponse(at: room.clock.now) == true)
        }
    }

    @Test func whatWasDueWhileNobodyRanIsToldAfterTheStartAndOnceOnly() async throws {
        try await withDatabaseFile { path in
            let clock = VirtualClock()
            let id = Synchronized("")
            try await IncidentRoom.open(path: path, clock: clock) { room async throws in
                let incident = try await room.desk.open(.p1, title: "x", by: "Ana")
                id.change { $0 = incident.id }
            }
            // The process is gone while the limit passes.
            await clock.advance(by: .seconds(400))
            try await IncidentRoom.open(path: path, clock: clock) { room async throws in
                #expect(try await room.story() == ["+acknowledge"])
                await clock.advance(by: .seconds(600))
                #expect(try await room.story() == ["+acknowledge", "+respond"])
            }
            try await IncidentRoom.open(path: path, clock: clock) { room async throws in
                await clock.advance(by: .seconds(3600))
                #expect(try await room.story() == [])
                _ = try await room.desk.take(id.value, by: "Ana")
                #expect(try await Set(room.story()) == ["-acknowledge", "-respond"])
            }
        }
    }

    @Test func aPostmortemThatIsNotFiledInTimeIsAnAlertAndItsFilingCloses() async throws {
        try await IncidentRoom.open { room async throws in
            let incident = try await room.desk.open(.p1, title: "x", by: "Ana")
            _ = try await room.desk.resolve(incident.id, by: "Ana")
            await expect(.conflict) { _ = try await room.desk.close(incident.id, postmortem: "# text", by: "Ana") }
            await room.clock.advance(by: .seconds(901))
            try await room.settle()
            await expect(.conflict) { _ = try await room.desk.close(incident.id, by: "Ana") }
            await expect(.invalid) { _ = try await room.desk.close(incident.id, postmortem: "  \n", by: "Ana") }
            await room.clock.advance(by: .seconds(48 * 3600 - 1000))
            #expect(try await room.story() == [])
            await room.clock.advance(by: .seconds(200))
            #expect(try await room.story() == ["+postmortem"])
            let closed = try await room.desk.close(incident.id, postmortem: "# What happened", by: "Ana")
            #expect(closed.state == .closed && closed.postmortemFiledBy == "Ana")
            #expect(try await room.story() == ["+postmortem", "-postmortem"])
            let filed = try await room.desk.postmortem(of: incident.id)
            #expect(filed.isFiled && filed.markdown == "# What happened")
            await expect(.conflict) {
                _ = try await room.desk.note(incident.id, "more", by: "Ana"); _ = try await room.desk.resolve(incident.id, by: "Ana")
            }
        }
    }

    @Test func aLesserOneNeedsNoPostmortem() async throws {
        try await IncidentRoom.open { room async throws in
            let incident = try await room.desk.open(.p3, title: "x", by: "Ana")
            _ = try await room.desk.resolve(incident.id, by: "Ana")
            await room.clock.advance(by: .seconds(901))
            try await room.settle()
            #expect(try await room.desk.close(incident.id, by: "Ana").state == .closed)
            #expect(try await room.desk.list(isOver: false).isEmpty)
            #expect(try await room.desk.list(isOver: true).map(\.id) == [incident.id])
        }
    }

    @Test func aRuleOpensOneAndAlertsOfTheSameGroupJoinIt() async throws {
        try await IncidentRoom.open { room async throws in
            try await room.page(Self.matter(1), group: Self.group, rule: .p2)
            let first = try #require(try await room.desk.list().first)
            #expect(first.priority == .p2 && first.title == "DatabaseError" && first.openedBy == "the rule at oncall.yaml:7:5")
            try await room.page(Self.matter(2), group: Self.group, rule: .p2)
            // The same page told again is no news.
            try await room.page(Self.matter(2), group: Self.group, rule: .p2)
            #expect(try await room.desk.list().count == 1)
            #expect(try await room.desk.timeline(of: first.id).map(\.kind) == ["opened", "attached"])
            // Nobody's group opens nothing without a rule.
            try await room.page("oncall:00000000000000bb:1", group: "00000000000000bb")
            #expect(try await room.desk.list().count == 1)
        }
    }

    @Test func anAlertThatFiresAgainWhileItIsWatchedReopensIt() async throws {
        try await IncidentRoom.open { room async throws in
            try await room.page(Self.matter(1), group: Self.group, rule: .p1)
            let id = try #require(try await room.desk.list().first?.id)
            _ = try await room.desk.take(id, by: "Ana")
            _ = try await room.desk.resolve(id, by: "Ana")
            // A repetition of what was paged before is nothing new.
            try await room.page(Self.matter(1), group: Self.group, rule: .p1)
            #expect(try await room.desk.incident(id).state == .watching)
            try await room.page(Self.matter(2), group: Self.group, rule: .p1)
            let again = try await room.desk.incident(id)
            #expect(again.state == .acknowledged && again.resolvedAt == nil && again.steps.contains { $0.name == "resolve" && $0.doneAt == nil })
            // The watching that was under way does not end it.
            await room.clock.advance(by: .seconds(901))
            try await room.settle()
            #expect(try await room.desk.incident(id).state == .acknowledged)
            #expect(try await room.desk.timeline(of: id).map(\.kind).contains("reopened"))
            // Diagnosing, which had been left out, has its time anew.
            #expect(try await room.story().last == "+diagnose")
        }
    }

    @Test func whoAcknowledgesThePageHasResponded() async throws {
        try await IncidentRoom.open { room async throws in
            let paged = PagedMatter(receiver: "team", severity: .critical, isEmergency: false, labels: [:])
            let open = OpenMatter(
                id: Self.matter(1), matter: paged, plan: "v1", openedAt: room.clock.now, level: 1, nextStepAt: nil, acknowledgedBy: "Bea", paged: [],
                alerts: 1)
            room.matters.change { $0 = [open] }
            let incident = try await room.desk.open(.p1, title: "x", alert: Self.matter(1), by: "Ana")
            #expect(incident.state == .acknowledged && incident.commander == nil)
            #expect(incident.steps.first?.doneBy == "Bea")
            await expect(.notFound) { _ = try await room.desk.open(.p1, title: "x", alert: "oncall:00000000000000bb:1", by: "Ana") }
        }
    }

    @Test func aFloodOfRulesDoesNotOpenAFloodOfIncidents() async throws {
        try await IncidentRoom.open { room async throws in
            for number in 1...IncidentDesk.mostByRule + 3 {
                let group = UInt64(number).fingerprintText
                try await room.page("oncall:\(group):1", group: group, rule: .p3)
            }
            #expect(try await room.desk.list().count == IncidentDesk.mostByRule)
        }
    }

    @Test func whatCannotBeDoneIsSaid() async throws {
        try await IncidentRoom.open { room async throws in
            let incident = try await room.desk.open(.p1, title: "x", by: "Ana")
            await expect(.invalid) { _ = try await room.desk.step(incident.id, "mitigat", by: "Ana") }
            await expect(.invalid) { _ = try await room.desk.note(incident.id, " ", by: "Ana") }
            await expect(.invalid) { _ = try await room.desk.open(.p1, title: String(repeating: "x", count: 201), by: "Ana") }
            await expect(.notFound) { _ = try await room.desk.take("inc_none", by: "Ana") }
            await expect(.conflict) { _ = try await room.desk.close(incident.id, by: "Ana") }
            _ = try await room.desk.step(incident.id, "mitigate", by: "Ana")
            await expect(.conflict) { _ = try await room.desk.step(incident.id, "mitigate", by: "Ana") }
            #expect(try await room.desk.incident(incident.id).state == .mitigated)
        }
    }
}
