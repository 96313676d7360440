import Foundation
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import OnCall

/// Mails that become alerts, through the real inbox.
@Suite(.timeLimit(.minutes(1))) struct MailSourceTests {
    /// What came through to guests.
    private final class Guests: Sendable {
        let messages = Mutex<[String]>([])
    }

    private func mail(
        _ subject: String, from: String = "alarm@plant.example", to: [String] = ["desk+alerts-7c1f@hotel.example"], text: String = "details",
        isAutomatic: Bool? = nil, id: String = UUID().uuidString
    ) -> InboundEvent {
        InboundEvent(
            vendorID: id, peer: PeerAddress(.email, from),
            .message(InboundMessage(text: "\(subject)\n\n\(text)", subject: subject, recipients: to, isAutomatic: isAutomatic)))
    }

    private func run(
        _ change: (inout AlertSourceSettings) -> Void = { _ in },
        _ body: (Watchroom, @escaping @Sendable (InboundEvent) async throws -> Void, Guests) async throws -> Void
    ) async throws {
        var plant = AlertSourceSettings()
        (plant.name, plant.kind, plant.channel) = ("plant", .email, "email")
        plant.addresses = ["Desk+alerts-7c1f@hotel.example"]
        plant.senders = ["alarm@plant.example", "@monitors.example"]
        plant.severities = ["sprinkler": .critical, "~[Ll]ift [0-9]+": .warning]
        change(&plant)
        let settings = plant
        try await Watchroom.open { room async throws in
            let guests = Guests(), metrics = MemoryMetrics()
            let sources = AlertSources(
                [settings], engine: room.engine, jobs: room.jobs, alerts: room.alerts, property: PropertyInfo.sample.id, clock: room.clock,
                metrics: metrics, logger: room.logs.logger())
            let inbox = Inbox(
                engine: room.engine, property: PropertyInfo.sample.id, clock: room.clock, logger: room.logs.logger(), metrics: metrics,
                handler: { item in
                    if try await sources.take(item) { return }
                    guests.messages.withLock { $0.append(item.event.vendorID) }
                    try await room.engine.write { try Inbox.complete(item, in: $0) }
                })
            let work = Task { await inbox.run() }
            let send: @Sendable (InboundEvent) async throws -> Void = { event in
                _ = try await inbox.accept("email", [event])
                let isDone = try await eventually {
                    try await room.engine.read { try $0.row("SELECT COUNT(*) AS n FROM inbox WHERE state = 'pending'")?.int("n") } == 0
                }
                #expect(isDone)
            }
            do {
                try await body(room, send, guests)
            } catch {
                work.cancel()
                throw error
            }
            work.cancel()
            await work.value
        }
    }

    @Test func aMailRaisesAnAlertAndAnotherEndsIt() async throws {
        try await run { room, send, guests async throws in
            try await send(mail("[FIRING:1] Sprinkler pressure low", text: "2.1 bar in the cellar", isAutomatic: true))
            let alert = try #require(try await room.told().first)
            #expect(alert.name == "Sprinkler pressure low" && alert.severity == .critical && alert.detail == "2.1 bar in the cellar")
            #expect(alert.labels["source"] == "plant" && alert.annotations["from"] == "alarm@plant.example" && alert.annotations["message"] != nil)
            try await send(mail("RE: [FIRING:2] Sprinkler pressure low"))
            #expect(try await room.told().count == 1)
            try await send(mail("[RESOLVED] Sprinkler pressure low"))
            #expect(try await room.told().map { $0.endsAt == nil } == [true, false])
            #expect(guests.messages.withLock { $0.isEmpty })
        }
    }

    @Test func whoIsNotBelievedIsNeitherHeardNorAnswered() async throws {
        try await run { room, send, guests async throws in
            for sender in ["eve@elsewhere.example", "alarm@plant.example.evil.example", "x@notmonitors.example", "alarm@plant.exampl"] {
                try await send(mail("PROBLEM: all is lost", from: sender))
            }
            #expect(try await room.told().isEmpty)
            #expect(guests.messages.withLock { $0.isEmpty })
            #expect(room.logs.lines(.warning).count == 4)
            try await send(mail("PROBLEM: all is lost", from: "Nagios@monitors.example"))
            #expect(try await room.told().map(\.name) == ["all lost"])
        }
    }

    @Test func guestsMailsGoToTheButlerAndProgramsToNobody() async throws {
        try await run { room, send, guests async throws in
            try await send(mail("When is breakfast?", from: "anna@guest.example", to: ["desk@hotel.example"], id: "anna"))
            try await send(mail("Out of office", from: "anna@guest.example", to: ["desk@hotel.example"], isAutomatic: true, id: "auto"))
            // Also who may raise alerts is a guest at the desk's own address.
            try await send(mail("A question", from: "alarm@plant.example", to: ["desk@hotel.example"], id: "plant"))
            #expect(guests.messages.withLock { $0 } == ["anna", "plant"])
            #expect(try await room.told().isEmpty)
        }
    }

    @Test func aMailboxOfItsOwnNeedsNoAddress() async throws {
        try await run {
            $0.addresses = []
        } _: { room, send, guests async throws in
            try await send(mail("Lift 2 out of order", to: []))
            #expect(try await room.told().map(\.severity) == [.warning])
            #expect(guests.messages.withLock { $0.isEmpty })
        }
    }

    @Test func tooManyAreToldAndNotAnswered() async throws {
        try await run {
            $0.maximumOpen = 2
        } _: { room, send, guests async throws in
            for number in 1...5 { try await send(mail("Pump \(number)x broken")) }
            #expect(try await room.told().map(\.name).sorted() == ["AlertSourceFlood", "Pump 1x broken", "Pump 2x broken"])
            #expect(guests.messages.withLock { $0.isEmpty })
        }
    }

    @Test(arguments: [
        ("** PROBLEM Service Alert: web01/HTTP is CRITICAL **", "Service web01/HTTP", false, AlertSeverity.critical),
        ("** RECOVERY Service Alert: web01/HTTP is OK **", "Service web01/HTTP", true, .error),
        ("[FIRING:3] HighLoad (db prod)", "HighLoad (db prod)", false, .error), ("[RESOLVED] HighLoad (db prod)", "HighLoad (db prod)", true, .error),
        ("Warning: boiler 2", "boiler 2", false, .warning), ("OK: boiler 2", "boiler 2", true, .error),
        ("Pressure low", "Pressure low", false, .error),
        ("Boiler 2 could not be resolved", "Boiler 2 could not be", false, .error), ("Boiler is not OK", "Boiler not", false, .error),
        ("AW: Re: Door open", "Door open", false, .error), ("UP alert: door is down", "door", false, .error), ("", "", false, .error),
        ("[room 204] minibar", "[room 204] minibar", false, .error),
    ])
    func subjectsSayWhatItIs(_ subject: String, _ about: String, _ isOver: Bool, _ severity: AlertSeverity) {
        var settings = AlertSourceSettings()
        settings.name = "plant"
        let alert = MailReader(settings).read(InboundMessage(text: subject, subject: subject), from: nil, id: "in_1")
        #expect(MailReader.about(subject, without: []) == about)
        #expect(alert.isOver == isOver)
        if !isOver { #expect(alert.severity == severity) }
    }
}
