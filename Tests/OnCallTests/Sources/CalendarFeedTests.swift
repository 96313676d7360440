import Foundation
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import OnCall

/// Calendars behind addresses, from a real server on this machine.
@Suite(.timeLimit(.minutes(1))) struct CalendarFeedTests {
    static func calendar(_ name: String) -> String {
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:\(name)\r\nDTSTART:20250901T000000Z\r\nDTEND:20251001T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    }

    private func run(
        _ answer: @escaping LoopbackServer.Answer,
        _ body: (CalendarFeeds, CalendarCache, LoopbackServer, VirtualClock, LogRecorder) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("jack-calendars-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let cache = CalendarCache(folder: folder.path), clock = VirtualClock(), logs = LogRecorder(), engine = try CurlEngine()
        var settings = CalendarFeedSettings()
        settings.timeout = .seconds(1)
        let feeds = CalendarFeeds(
            settings, cache: cache, http: { CurlHTTPClient(engine: engine, policy: OutboundPolicy(toReach: $0, allowsPrivate: false)) }, clock: clock,
            logger: logs.logger())
        do {
            try await LoopbackServer.run(answer) { server async throws in try await body(feeds, cache, server, clock, logs) }
        } catch {
            await engine.shutdown()
            throw error
        }
        await engine.shutdown()
    }

    @Test func aCopyIsKeptAndAskedForAgainByItsTag() async throws {
        let name = Mutex("ana")
        try await run { request in
            let text = Self.calendar(name.withLock { $0 }), tag = "\"\(name.withLock { $0 })\""
            if request.header("If-None-Match") == tag { return .status(304) }
            return .status(200, headers: [("ETag", tag), ("Last-Modified", "Mon, 01 Sep 2025 10:00:00 GMT")], body: Array(text.utf8))
        } _: { feeds, cache, server, _, _ async throws in
            let url = server.url("/team.ics?key=secret")
            #expect(await feeds.fetch(url) == .changed)
            #expect(await feeds.fetch(url) == .unchanged)
            #expect(server.requests.last?.header("If-Modified-Since") == "Mon, 01 Sep 2025 10:00:00 GMT")
            name.withLock { $0 = "bruno" }
            #expect(await feeds.fetch(url) == .changed)
            #expect(cache.entry(url)?.body == Array(Self.calendar("bruno").utf8))
        }
    }

    @Test func whatIsNoWholeCalendarIsNotTaken() async throws {
        let reply = Mutex<LoopbackReply>(.text(Self.calendar("ana")))
        try await run { _ in
            reply.withLock { $0 }
        } _: { feeds, cache, server, clock, logs async throws in
            let url = server.url("/team.ics")
            #expect(await feeds.fetch(url) == .changed)
            let good = cache.entry(url)?.body
            for (bad, words) in [
                (LoopbackReply.status(500), "answered 500"), (.status(401), "answered 401"), (.redirect(to: "http://127.0.0.1/login"), "answers 302"),
                (.text("<html>log in</html>"), "no whole calendar"), (.text(String(Self.calendar("ana").prefix(80))), "no whole calendar"),
                (.text("BEGIN:VCALENDAR\r\n" + String(repeating: "x", count: 5 << 20)), ""), (.silence, ""), (.garbage([1, 2, 3]), ""),
                (.cut(after: Array("BEGIN:VCALENDAR".utf8), of: 1000), ""),
            ] {
                reply.withLock { $0 = bad }
                guard case .failed(let reason) = await feeds.fetch(url) else {
                    Issue.record("it was taken in place of: \(words)")
                    continue
                }
                #expect((words.isEmpty || reason.contains(words)) && !reason.contains("team.ics"), "\(reason)")
                #expect(cache.entry(url)?.body == good)
                #expect(cache.entry(url)?.failingSince == clock.now)
            }
            // Said once, and once that it is over.
            #expect(logs.lines(.warning).count == 1)
            reply.withLock { $0 = .text(Self.calendar("ana")) }
            #expect(await feeds.fetch(url) == .unchanged)
            #expect(cache.entry(url)?.failingSince == nil && logs.lines(.notice).count == 1)
        }
    }

    @Test func afterAWhileItIsAnAlert() async throws {
        let isWell = Mutex(true)
        try await run { _ in
            isWell.withLock { $0 } ? .text(Self.calendar("ana")) : .status(503)
        } _: { feeds, _, server, clock, _ async throws in
            try await Watchroom.open(clock: clock) { room async throws in
                let url = server.url("/team.ics"), property = PropertyInfo.sample.id
                func refresh() async -> Bool { await feeds.refresh([url], engine: room.engine, alerts: room.alerts, property: property) }
                #expect(await refresh())
                isWell.withLock { $0 = false }
                #expect(await !refresh())
                await clock.advance(by: .seconds(5 * 3600))
                #expect(await !refresh())
                #expect(try await room.story() == [])
                await clock.advance(by: .seconds(3600))
                #expect(await !refresh())
                #expect(await !refresh())
                #expect(try await room.story() == ["+CalendarUnavailable"])
                #expect(try await room.told().allSatisfy { !"\($0)".contains("team.ics") })
                isWell.withLock { $0 = true }
                #expect(await !refresh())
                #expect(try await room.story() == ["+CalendarUnavailable", "-CalendarUnavailable"])
            }
        }
    }

    @Test func aPlanIsAnotherWithAnotherCalendar() throws {
        let yaml = """
            people:
              ana: {contacts: [{type: phone, number: "+351210000001"}, {type: sms, number: "+351210000001"}]}
              bruno: {contacts: [{type: phone, number: "+351210000002"}, {type: sms, number: "+351210000002"}]}
            schedules:
              engineer: {layers: [{name: feed, ical: "https://calendars.example/key/team.ics"}]}
            policies:
              p: {levels: [{name: first, notify: [engineer, ana, bruno]}]}
            emergency: {policy: p}
            route: {receiver: p}
            receivers: [{name: p, policy: p}]
            """
        func read(_ calendar: String?) -> (PlanReader.Read?, Diagnostics) {
            var diagnostics = Diagnostics()
            let files = ConfigurationFiles { (_, _) throws(ConfigurationFiles.Problem) in Array(yaml.utf8) }
            let reader = PlanReader(
                sinks: PlanFixture.all, plugins: PlanFixture.all, files: files, calendars: { _ in calendar.map { Array($0.utf8) } })
            return (reader.read("plan.yaml", &diagnostics), diagnostics)
        }
        let (ana, _) = read(Self.calendar("ana")), (again, _) = read(Self.calendar("ana")), (bruno, _) = read(Self.calendar("bruno"))
        let versions = try [#require(ana), #require(again), #require(bruno)].map(\.plan.version)
        #expect(versions[0] == versions[1] && versions[1] != versions[2])
        #expect(ana?.calendars.map(\.source) == ["https://calendars.example/key/team.ics"])
        // What was never fetched is said, and is no reason not to start: a Jack that runs fetches it.
        let (never, diagnostics) = read(nil)
        #expect(never != nil)
        let line = try #require(diagnostics.sorted.map(\.description).first { $0.contains("never been fetched") })
        #expect(line.contains("plan.yaml:5:") && line.contains("warning") && !line.contains("key"))
    }
}
