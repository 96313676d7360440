import Foundation
import HTTPTypes
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import OnCall

@Suite struct HeartbeatTests {
    private func settings(_ every: Duration = .seconds(600), grace: Duration = .seconds(60)) -> HeartbeatSettings {
        var settings = HeartbeatSettings()
        settings.every = every
        settings.grace = grace
        return settings
    }

    private func heartbeats(_ room: Watchroom, _ settings: [String: HeartbeatSettings]) async throws -> Heartbeats {
        let heartbeats = Heartbeats(
            settings, engine: room.engine, jobs: room.jobs, alerts: room.alerts, property: PropertyInfo.sample.id, clock: room.clock)
        room.jobs.register(Heartbeats.jobKind) { try await heartbeats.perform($0) }
        try await heartbeats.arm()
        return heartbeats
    }

    @Test func whatStopsIsAnAlertAndWhatIsHeardAgainItsEnd() async throws {
        try await Watchroom.open { room async throws in
            let heartbeats = try await heartbeats(room, ["backup": settings()])
            #expect(try await heartbeats.heartbeats().map(\.state) == [.waiting])
            for _ in 0..<5 {
                await room.clock.advance(by: .seconds(600))
                #expect(try await room.story() == [])
                _ = try await heartbeats.beat("backup")
            }
            await room.clock.advance(by: .seconds(659))
            #expect(try await room.story() == [])
            #expect(try await heartbeats.heartbeats().map(\.state) == [.alive])
            await room.clock.advance(by: .seconds(2))
            #expect(try await room.story() == ["+HeartbeatMissing"])
            #expect(try await heartbeats.heartbeats().map(\.state) == [.missing])
            let alert = try #require(try await room.told().first)
            #expect(alert.labels["heartbeat"] == "backup" && alert.labels["severity"] == "error" && alert.severity == .error)
            await room.clock.advance(by: .seconds(3600))
            _ = try await heartbeats.beat("backup")
            #expect(try await room.story() == ["+HeartbeatMissing", "-HeartbeatMissing"])
        }
    }

    @Test func whatWasNeverHeardOfIsMissedToo() async throws {
        try await Watchroom.open { room async throws in
            _ = try await heartbeats(room, ["backup": settings()])
            await room.clock.advance(by: .seconds(661))
            #expect(try await room.told().first?.detail?.contains("none has ever come") == true)
        }
    }

    @Test func anUnknownNameIsSaidToBeUnknown() async throws {
        try await Watchroom.open { room async throws in
            let heartbeats = try await heartbeats(room, ["backup": settings()])
            let error = await #expect(throws: OnCallError.self) { try await heartbeats.beat("bakup") }
            #expect(error?.code == .notFound && error?.description.contains("did you mean “backup”?") == true)
        }
    }

    @Test func aRestartForgetsNoneAndForgivesWhatJackItselfMissed() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "jack-beats-\(UUID().uuidString).db").path
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + suffix) } }
        let clock = VirtualClock()
        try await Watchroom.open(path: file, clock: clock) { room async throws in
            let heartbeats = try await heartbeats(room, ["backup": settings(), "lift": settings(.seconds(86_400))])
            _ = try await heartbeats.beat("backup")
            _ = try await heartbeats.beat("lift")
        }
        clock.jumpWall(by: .seconds(3600))
        try await Watchroom.open(path: file, clock: clock) { room async throws in
            _ = try await heartbeats(room, ["backup": settings(), "lift": settings(.seconds(86_400))])
            #expect(try await room.story() == [], "Jack was down: nobody could be heard")
            await clock.advance(by: .seconds(61))
            #expect(try await room.story() == ["+HeartbeatMissing"])
        }
        try await Watchroom.open(path: file, clock: clock) { room async throws in
            // The backup is not expected any more: its alert is over.
            _ = try await heartbeats(room, ["lift": settings(.seconds(86_400))])
            #expect(try await room.story() == ["-HeartbeatMissing"])
            await clock.advance(by: .seconds(90_000))
            #expect(try await room.story() == ["-HeartbeatMissing", "+HeartbeatMissing"])
        }
    }

    @Test func theBeaconSaysOnceThatItFailsAndOnceThatItArrivesAgain() async throws {
        let clock = VirtualClock(), logs = LogRecorder(), isUp = Mutex(true), isSound = Mutex(true)
        let http = ScriptedHTTPClient { _ in ClientResponse(status: isUp.withLock { $0 } ? .ok : .internalServerError) }
        var settings = BeaconSettings()
        #expect(Beacon(settings, property: "p", http: http, clock: clock, logger: logs.logger()) == nil)
        settings.url = "https://hc.example/ping/secret-key"
        let made = Beacon(settings, property: "p", http: http, isSound: { isSound.withLock { $0 } }, clock: clock, logger: logs.logger())
        let beacon = try #require(made)
        let task = Task { await beacon.run() }
        func beat() async {
            await clock.waitForSleepers(1)
            await clock.advance(by: .seconds(60))
            await clock.waitForSleepers(1)
        }
        await beat()
        #expect(http.requests.count == 2 && http.requests.first?.url == settings.url)
        let body = String(decoding: http.requests.first?.body ?? [], as: UTF8.self)
        #expect(body.contains(#""alertname":"Watchdog""#) && body.contains(#""status":"firing""#))
        isUp.withLock { $0 = false }
        for _ in 0..<3 { await beat() }
        #expect(logs.lines(.warning).count == 1 && !"\(logs.lines(.warning))".contains("secret-key"))
        isUp.withLock { $0 = true }
        for _ in 0..<2 { await beat() }
        #expect(logs.lines(.notice).count == 1)
        let before = http.requests.count
        isSound.withLock { $0 = false }
        for _ in 0..<2 { await beat() }
        #expect(http.requests.count == before && logs.lines(.warning).count == 2, "a Jack that could not raise an alert gives no sign of life")
        task.cancel()
        await task.value
    }
}
