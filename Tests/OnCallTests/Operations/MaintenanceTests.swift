import Foundation
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import OnCall

/// Maintenance over a real database and the real on-call service, with its clock in the test's hand.
final class MaintenanceRoom: Sendable {
    let desk: Desk
    let maintenance: MaintenanceDesk
    /// What is not well.
    let unwell: Synchronized<[String]>
    /// What was done for recovery.
    let done: Synchronized<[String]>

    init(_ desk: Desk, plan: MaintenancePlan, unwell: Synchronized<[String]> = Synchronized([]), done: Synchronized<[String]> = Synchronized([]))
        async throws
    {
        (self.desk, self.unwell, self.done) = (desk, unwell, done)
        let kernel = desk.kernel
        maintenance = MaintenanceDesk(
            .init(
                engine: desk.disk, jobs: kernel.jobs, alerts: kernel.alerts, property: PropertyInfo.sample.id, clock: desk.clock,
                logger: LogRecorder().logger(), board: desk.service, health: { unwell.value },
                keep: { id in done.change { $0.append("keep \(id.prefix(3))") } },
                takeBack: { id in
                    done.change { $0.append("take back \(id.prefix(3))") }
                    return "oncall.yaml taken back"
                }, forget: { id in done.change { $0.append("forget \(id.prefix(3))") } },
                run: { command, _ in
                    done.change { $0.append("run \(command.joined(separator: " "))") }
                    return "it ended with status 0"
                }), plan: plan)
        try await maintenance.load()
        try await maintenance.start()
    }

    static func plan(_ yaml: String) -> MaintenancePlan {
        var diagnostics = Diagnostics()
        let root = YAMLReader().read(Array(yaml.utf8), file: "oncall.yaml", &diagnostics)
        guard let root else { return .none }
        return PlanReader(sinks: [], timezone: "UTC").operations(root, &diagnostics).1
    }

    static func empty() async throws -> FullDisk {
        let disk = try await Desk.empty()
        _ = try await disk.migrate(KernelSchema.migrations + OnCallSchema.migrations + OperationsSchema.migrations)
        return disk
    }

    static func open(
        _ plan: MaintenancePlan = .none, clock: VirtualClock = VirtualClock(now: Night.start), _ body: (MaintenanceRoom) async throws -> Void
    ) async throws {
        let disk = try await empty()
        try await Desk.open(on: disk, clock: clock) { desk async throws in try await body(MaintenanceRoom(desk, plan: plan)) }
        await disk.close()
    }

    func post(_ name: String, _ labels: [String: String], _ severity: String = "critical") async throws {
        try await desk.service.take([
            PostedAlert(
                labels: labels.merging(["alertname": name, "severity": severity]) { $1 }, startsAt: desk.clock.now,
                endsAt: desk.clock.now.addingTimeInterval(86_400))
        ])
    }

    /// What comes later and is not muted is paged, and this is not.
    func isMuted(_ name: String, _ place: SourceLocation = #_sourceLocation) async throws {
        let marker = "Marker\(desk.clock.now.milliseconds)"
        try await post(marker, ["service": "marker"])
        #expect(await desk.pass(60) { names.contains(marker) }, sourceLocation: place)
        #expect(!names.contains(name), sourceLocation: place)
    }

    var names: [String] { desk.sms.pages.flatMap(\.alerts).map(\.name) }
}

@Suite(.serialized) struct MaintenanceTests {
    private static let weekly = """
        maintenance:
          windows:
            - {name: weekly, from: "%@", to: "%@", matchers: ['service="db"'], refuse_requests: true, comment: new disks}
          recovery: {every: 30s, rollback: true, command: [/opt/recover, now]}
        """

    /// A window that begins a minute after the night does, and lasts an hour.
    private func plan() -> MaintenancePlan {
        func text(_ minutes: Double) -> String {
            let seconds = Int(Night.start.addingTimeInterval(minutes * 60).timeIntervalSince1970) % 86_400
            return String(format: "%02d:%02d", seconds / 3600, seconds / 60 % 60)
        }
        return MaintenanceRoom.plan(String(format: Self.weekly, text(1), text(61)))
    }

    @Test func whatIsWorkedOnPagesNobodyAndEmergenciesPass() async throws {
        try await MaintenanceRoom.open { room async throws in
            let window = try await room.maintenance.begin(
                for: .seconds(1800), matchers: [LabelMatcher("service", .equal, "db")], comment: "new disks", by: "Ana")
            #expect(window.silence != nil && window.endsAt == room.desk.clock.now.addingTimeInterval(1800))
            try await room.post("DatabaseDown", ["service": "db"])
            try await room.post("WebDown", ["service": "web"])
            #expect(await room.desk.pass(5) { room.names.contains("WebDown") })
            let views = try await room.desk.service.alerts(matching: [LabelMatcher("service", .equal, "db")])
            #expect(views.map(\.mutedBy) == [["maintenance by-hand"]] && views.map(\.state) == [.suppressed])
            #expect(!room.names.contains("DatabaseDown"))
            let lines = try await room.desk.ledger(views[0].fingerprint)
            #expect(
                lines.contains { $0.outcome == "silenced" && $0.reason.contains("maintenance by-hand") && $0.reason.contains("new disks") },
                "\(lines)")

            let fire = Alert(
                fingerprint: "fire", name: "Fire", severity: .critical, summary: "fire", labels: ["service": "db"], startsAt: room.desk.clock.now,
                isEmergency: true)
            try await room.desk.service.take(fire)
            #expect(await room.desk.pass(5) { room.names.contains("Fire") })
            let over = try await room.maintenance.end(by: "Ana")
            #expect(over.map(\.state) == [.over] && room.maintenance.open.isEmpty)
            await room.desk.clock.advance(by: .seconds(301))
            #expect(await room.desk.pass(60) { room.names.contains("DatabaseDown") })
        }
    }

    @Test func aWindowOfThePlanBeginsAndEndsByItself() async throws {
        let plan = plan()
        try await MaintenanceRoom.open(plan) { room async throws in
            #expect(room.maintenance.open.isEmpty && room.maintenance.refusal == nil && room.maintenance.next?.name == "weekly")
            #expect(await room.desk.pass(62) { room.maintenance.open.map(\.name) == ["weekly"] })
            let window = try #require(room.maintenance.open.first)
            #expect(window.by.contains("oncall.yaml:3:7") && window.comment == "new disks")
            #expect(room.maintenance.refusal?.until == window.endsAt)
            #expect(window.endsAt == Night.start.addingTimeInterval(61 * 60))
            await room.desk.clock.advance(by: .seconds(3600))
            // What was kept for a way back is given up after the window has ended.
            #expect(await room.desk.pass(120) { room.maintenance.open.isEmpty && room.done.value == ["keep mnt", "forget mnt"] })
            #expect(room.maintenance.refusal == nil)
            // It was ended, and does not begin again before the next day.
            let silences = try await room.desk.service.silences(matching: [])
            #expect(silences.map { $0.state(at: room.desk.clock.now) } == [.expired])
        }
    }

    @Test func whatIsNotWellKeepsItOpenAlertsAndRecovers() async throws {
        let plan = plan()
        try await MaintenanceRoom.open(plan) { room async throws in
            #expect(await room.desk.pass(62) { room.maintenance.open.count == 1 })
            room.unwell.change { $0 = ["database"] }
            await room.desk.clock.advance(by: .seconds(3540))
            #expect(await room.desk.pass(120) { room.maintenance.open.first?.state == .unwell && room.maintenance.open.first?.recovery != nil })
            #expect(await room.desk.pass(60) { room.names.contains("MaintenanceUnhealthy") })
            #expect(room.done.value == ["keep mnt", "take back mnt", "run /opt/recover now"])
            #expect(room.maintenance.open.first?.recovery == "oncall.yaml taken back; it ended with status 0")
            // What is worked on is muted still, and guests are told to come a little later.
            try await room.post("DatabaseDown", ["service": "db"])
            #expect(room.maintenance.refusal.map { $0.until > room.desk.clock.now } == true)
            for _ in 0..<14 {
                await room.desk.clock.advance(by: .seconds(29))
                try await room.desk.disk.settle(room.desk.kernel.jobs, room.desk.clock)
            }
            try await room.isMuted("DatabaseDown")
            #expect(room.maintenance.open.first?.state == .unwell)
            room.unwell.change { $0 = [] }
            #expect(await room.desk.pass(120) { room.maintenance.open.isEmpty && room.done.value.last == "forget mnt" })
            #expect(room.done.value.count == 4)
            await room.desk.clock.advance(by: .seconds(301))
            #expect(await room.desk.pass(60) { room.names.contains("DatabaseDown") })
            let told = try await room.desk.disk.read { try StandingAlerts.rows("maintenance:", in: $0) }
            #expect(told == 0)
        }
    }

    @Test func whatWasNotWellBeforeDoesNotHoldIt() async throws {
        try await MaintenanceRoom.open { room async throws in
            room.unwell.change { $0 = ["whatsapp"] }
            _ = try await room.maintenance.begin(for: .seconds(60), by: "Ana")
            #expect(try await room.maintenance.end(by: "Ana").map(\.state) == [.over])
            _ = try await room.maintenance.begin(for: .seconds(60), by: "Ana")
            room.unwell.change { $0 = ["whatsapp", "database"] }
            let kept = try await room.maintenance.end(by: "Ana")
            #expect(kept.map(\.state) == [.unwell] && kept.first?.findings == ["database"])
            #expect(try await room.maintenance.end(force: true, by: "Ana").map(\.state) == [.over])
            await #expect(throws: OperationsError.self) { _ = try await room.maintenance.end(by: "Ana") }
        }
    }

    @Test func aRestartInsideAWindowStaysInIt() async throws {
        let disk = try await MaintenanceRoom.empty(), clock = VirtualClock(now: Night.start)
        let id = Synchronized("")
        try await Desk.open(on: disk, clock: clock) { desk async throws in
            let room = try await MaintenanceRoom(desk, plan: .none)
            let window = try await room.maintenance.begin(
                for: .seconds(600), matchers: [LabelMatcher("service", .equal, "db")], refusesRequests: true, by: "Ana")
            id.change { $0 = window.id }
        }
        await clock.advance(by: .seconds(300))
        try await Desk.open(on: disk, clock: clock) { desk async throws in
            let room = try await MaintenanceRoom(desk, plan: .none)
            #expect(room.maintenance.open.map(\.id) == [id.value] && room.maintenance.refusal != nil)
            try await room.post("DatabaseDown", ["service": "db"])
            try await room.isMuted("DatabaseDown")
        }
        // Its end passed while nobody ran.
        await clock.advance(by: .seconds(3600))
        try await Desk.open(on: disk, clock: clock) { desk async throws in
            let room = try await MaintenanceRoom(desk, plan: .none)
            #expect(await room.desk.pass(60) { room.maintenance.open.isEmpty })
        }
        await disk.close()
    }

    @Test func whatCannotBeBegunIsSaid() async throws {
        try await MaintenanceRoom.open { room async throws in
            await #expect(throws: OperationsError.self) { _ = try await room.maintenance.begin(for: .zero, by: "Ana") }
            await #expect(throws: OperationsError.self) { _ = try await room.maintenance.begin(for: .seconds(8 * 86_400), by: "Ana") }
            await #expect(throws: OperationsError.self) {
                _ = try await room.maintenance.begin(for: .seconds(60), matchers: [LabelMatcher("a", .notEqual, "b")], by: "Ana")
            }
            #expect(room.maintenance.open.isEmpty)
        }
    }
}

extension StandingAlerts {
    /// How many stand whose fingerprint begins so.
    fileprivate static func rows(_ prefix: String, in reader: any StorageReader) throws -> Int {
        try reader.row("SELECT COUNT(*) AS n FROM standing_alert WHERE fingerprint LIKE :prefix", ["prefix": "\(prefix)%".sql])?.int("n") ?? -1
    }
}
