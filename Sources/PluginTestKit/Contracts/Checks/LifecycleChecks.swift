import Foundation
import PluginAPI

extension ContractRun {
    private enum Step: String { case start, stop, probe }

    /// Construction, starting, stopping and probing.
    func checkLifecycle() async {
        await examine(.initSilent) {
            let mark = stage?.count ?? 0
            let (test, http) = try await context()
            let stored = (await snapshot(test), test.files.reads + test.files.looks)
            let room = Room(test: test, plugin: try test.make(P.self, settings), http: http)
            _ = room.plugin.routes
            // A task that init began by mistake gets the time to show itself.
            try await Task.sleep(for: .milliseconds(30))
            expect(http.asked.isEmpty && (stage?.count ?? 0) == mark, .initSilent, "init sent a request")
            expect(await snapshot(test) == stored.0, .initSilent, "init changed what is stored, scheduled, handed in or reported")
            expect(test.files.reads + test.files.looks == stored.1, .initSilent, "init read a file")
            expect(test.clock.sleepers == 0, .initSilent, "init began a task that waits for time to pass")
            listen(test)
        }
        await examine(.lifecycle) {
            let orders: [[Step]] = [
                [.stop], [.stop, .stop], [.start, .stop], [.start, .stop, .stop], [.probe, .stop], [.start, .probe, .stop, .stop],
            ]
            for order in orders {
                let room = try await room()
                if hasHung { return }
                for (index, step) in order.enumerated() {
                    let name = order.prefix(index + 1).map(\.rawValue).joined(separator: ", ")
                    switch (step, await take(step, room)) {
                    case (.probe, _), (_, .success): continue
                    case (.stop, .hung): await stop(room)
                    case (_, let outcome): violate(.lifecycle, "\(name): expected success, found \(outcome.words)")
                    }
                }
                listen(room.test)
            }
        }
        if hasHung { return }
        await examine(.stopEnds) {
            let room = try await room()
            try await room.plugin.start()
            if let main = operations.first(where: \.isMain) { _ = await outcome(main, room) }
            await stop(room)
            let isQuiet = await eventually(within: .seconds(1)) { room.test.clock.sleepers == 0 }
            expect(isQuiet, .stopEnds, "after stop \(room.test.clock.sleepers) of its tasks still wait for time to pass")
            let mark = stage?.count ?? 0
            await room.test.clock.advance(by: .seconds(3600))
            try await Task.sleep(for: .milliseconds(20))
            expect((stage?.count ?? 0) == mark, .stopEnds, "it called the vendor an hour after stop")
            listen(room.test)
            if let stage, let main = operations.first(where: \.isMain) { try await stopAmidCalls(main, stage) }
        }
        if !hasHung { await checkProbe() }
    }

    /// Stops an instance while its vendor owes it answers. Whether the calls are given up or may end is the plugin's own affair.
    private func stopAmidCalls(_ operation: ContractOperation<P>, _ stage: VendorStage) async throws {
        let room = try await room()
        try await room.plugin.start()
        room.http.setPatience(.seconds(1))
        let mark = stage.count
        let found = await stage.faulty({ _ in .silence }) {
            await withTaskGroup(of: Outcome.self) { group in
                for _ in 0..<4 { group.addTask { await self.outcome(operation, room, within: .seconds(5)) } }
                _ = await eventually(within: .seconds(1)) { stage.count > mark }
                await stop(room)
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        if found.contains(where: \.isHung) { violate(.stopEnds, "a call of \(operation.name) that was under way at stop does not return") }
        listen(room.test)
    }

    private func take(_ step: Step, _ room: Room) async -> Outcome {
        await outcome(step.rawValue, within: .seconds(5)) {
            switch step {
            case .start: try await room.plugin.start()
            case .stop: await room.plugin.stop()
            case .probe: self.note("the probe's result", "\(try await room.plugin.probe())")
            }
        }
    }

    private func checkProbe() async {
        await examine(.probe) {
            for order in [[.probe], [.probe, .start, .probe, .stop, .probe]] as [[Step]] {
                let room = try await room(), mark = stage?.count ?? 0
                for step in order {
                    let found = await take(step, room)
                    if step == .probe, found.kind != .success { violate(.probe, "the vendor is well, and the probe came to \(found.words)") }
                }
                if stage != nil { expect((stage?.count ?? 0) > mark, .probe, "the probe asks the vendor nothing") }
                listen(room.test)
            }
            guard let stage else { return }
            for status in [401, 403, 429, 500, 503] {
                let room = try await room()
                let found = await stage.faulty({ self.refusal(status, $0) }) { await take(.probe, room) }
                judge(found, status, "probe", .probe)
                listen(room.test)
            }
            let room = try await room()
            let cut = await stage.faulty({ _ in .garbage([]) }) { await take(.probe, room) }
            expect(cut.kind == .notReady || cut.isUntyped, .probe, "the vendor cut the connection: expected not ready, found \(cut.words)")
        }
        await examine(.probeSafe) {
            let room = try await room(), before = await snapshot(room.test), mark = stage?.count ?? 0
            _ = await take(.probe, room)
            for request in stage?.requests(since: mark) ?? [] {
                expect(
                    ["GET", "HEAD", "OPTIONS"].contains(request.method), .probeSafe,
                    "the probe sends \(request.method) \(request.path), which may change something at the vendor")
            }
            expect(await snapshot(room.test) == before, .probeSafe, "the probe changed what is stored, scheduled, handed in or reported")
        }
    }

    /// All that an instance may have left behind in its context.
    private func snapshot(_ test: TestContext) async -> String {
        let kept = test.storage.contents.keys.sorted() + test.secrets.contents.keys.sorted()
        let planned = test.scheduler.series.map(\.name) + test.scheduler.jobs.map(\.key)
        return "\(kept) \(planned) \(test.inbound.events.count) \(test.health.reports)"
    }
}
