import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

@Suite(.timeLimit(.minutes(1))) struct JobQueueTests {
    private struct Broken: Error {}

    private func text(_ payload: [UInt8]) -> String { String(decoding: payload, as: UTF8.self) }

    private func count(_ desk: Desk) async throws -> Int { try await desk.engine.read { try $0.rows("SELECT id FROM job") }.count }

    @Test(arguments: Backing.allCases) func jobsAreDoneWhenTheyAreDue(_ backing: Backing) async throws {
        try await withEngine(backing) { engine in
            let desk = Desk(engine: engine), done = Mutexed<[String]>([])
            let queue = desk.jobs(concurrency: 1)
            queue.register("say") { payload in done.update { $0.append(String(decoding: payload, as: UTF8.self)) } }
            let now = desk.clock.now
            for (name, seconds) in [("late", 300.0), ("soon", 10), ("overdue", -60), ("now", 0), ("later", 60)] {
                try await queue.enqueue("say", payload: Array(name.utf8), at: now.addingTimeInterval(seconds))
            }
            try await beside({ await queue.run() }) { () async throws in
                // What is due at the same time begins in no set order.
                #expect(await eventually { done.value.sorted() == ["now", "overdue"] })
                #expect(await desk.clock.waitForSleepers(1))
                await desk.clock.advance(by: .seconds(9))
                #expect(done.value.count == 2)
                // The queue may begin to wait only after the clock was set, for as long as it reckoned before: its time passes long before the next job's.
                await desk.clock.advance(by: .seconds(1))
                #expect(await desk.pass(.milliseconds(100)) { done.value.count == 3 })
                #expect(await desk.pass { done.value.count == 5 })
                #expect(try await eventually { try await count(desk) == 0 })
            }
            #expect(done.value.dropFirst(2) == ["soon", "later", "late"])
        }
    }

    @Test func whatIsRolledBackIsNeverDone() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), done = Mutexed<[String]>([])
            let queue = desk.jobs()
            queue.register("say") { payload in done.update { $0.append(String(decoding: payload, as: UTF8.self)) } }
            try await beside({ await queue.run() }) { () async throws in
                await #expect(throws: Broken.self) {
                    try await engine.write { transaction in
                        try queue.enqueue("say", payload: Array("never".utf8), in: transaction)
                        throw Broken()
                    }
                }
                try await engine.write { try queue.enqueue("say", payload: Array("yes".utf8), in: $0) }
                #expect(await eventually { done.value == ["yes"] }, "a job that was asked for while the queue slept is seen at once")
            }
        }
    }

    @Test func jobsOutliveTheProcess() async throws {
        try await withFolder { folder in
            let path = folder.appendingPathComponent("jack.sqlite").path
            let done = Mutexed<[String]>([])
            let first = try await SQLiteEngine.open(path: path)
            try await first.migrate(KernelSchema.migrations)
            let before = Desk(engine: first), hung = Door(), begun = Mutexed(false)
            let queue = before.jobs()
            queue.register("say") { _ in
                begun.update { $0 = true }
                await hung.pass()
                throw Broken()
            }
            try await queue.enqueue("say", payload: Array("under way".utf8))
            try await queue.enqueue("say", payload: Array("tomorrow".utf8), at: before.clock.now.addingTimeInterval(86_400))
            let running = Task { await queue.run() }
            #expect(await eventually { begun.value })
            // Asleep, so that it takes no second look at the file.
            #expect(await before.clock.waitForSleepers(1))
            // The process dies here, with a lease in the file.
            let second = try await SQLiteEngine.open(path: path)
            let after = Desk(engine: second)
            after.clock.jumpWall(by: .seconds(3 * 86_400))
            let next = after.jobs()
            next.register("say") { payload in done.update { $0.append(String(decoding: payload, as: UTF8.self)) } }
            try await beside({ await next.run() }) { () async throws in #expect(await eventually { done.value.count == 2 }) }
            #expect(Set(done.value) == ["under way", "tomorrow"], "what was overdue is done at once")
            running.cancel()
            hung.open()
            await running.value
            await second.close()
            await first.close()
        }
    }

    @Test func theSameKeyReplacesWhatWaits() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), done = Mutexed<[String]>([])
            let queue = desk.jobs()
            queue.register("say") { payload in done.update { $0.append(String(decoding: payload, as: UTF8.self)) } }
            try await queue.enqueue("say", payload: Array("old".utf8), key: "k")
            try await queue.enqueue("say", payload: Array("new".utf8), at: desk.clock.now.addingTimeInterval(5), key: "k")
            try await queue.enqueue("say", payload: Array("other".utf8), key: "k2")
            try await beside({ await queue.run() }) { () async throws in #expect(await desk.pass { done.value.count == 2 }) }
            #expect(done.value == ["other", "new"])
        }
    }

    @Test func whatIsAskedForAnewWhileItRunsIsDoneAgain() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), done = Mutexed<[String]>([]), door = Door()
            let queue = desk.jobs()
            queue.register("say") { payload in
                if done.value.isEmpty { await door.pass() }
                done.update { $0.append(String(decoding: payload, as: UTF8.self)) }
            }
            try await queue.enqueue("say", payload: Array("first".utf8), key: "k")
            try await beside({ await queue.run() }) { () async throws in
                #expect(try await eventually { try await engine.read { try $0.row("SELECT id FROM job WHERE lease_until IS NOT NULL") } != nil })
                // For later, so that it cannot be done before the first ends: the clock stands.
                try await queue.enqueue("say", payload: Array("second".utf8), at: desk.clock.now.addingTimeInterval(60), key: "k")
                door.open()
                #expect(await desk.pass { done.value == ["first", "second"] })
                #expect(try await eventually { try await count(desk) == 0 })
            }
        }
    }

    @Test func afterTenTriesItIsADeadLetter() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), tries = Mutexed(0)
            let queue = desk.jobs()
            queue.register("bad") { _ in
                tries.update { $0 += 1 }
                throw Broken()
            }
            try await queue.enqueue("bad")
            try await beside({ await queue.run() }) { () async throws in
                #expect(
                    try await desk.pass(.seconds(60)) { try await engine.read { try $0.row("SELECT id FROM job WHERE state = 'dead'") } != nil })
                await desk.clock.advance(by: .seconds(3600))
            }
            #expect(tries.value == JobQueue.maximumAttempts && JobQueue.maximumAttempts == 10)
            #expect(try await desk.alerts().map { $0.labels["source"] } == ["bad"])
            let row = try await engine.read { try $0.row("SELECT attempts, error FROM job WHERE kind = 'bad'") }
            #expect(try row?.int("attempts") == 10)
            #expect(try row?.string("error") == "Broken()")
        }
    }

    @Test func anAlertThatDiesRaisesNone() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), queue = desk.jobs()
            queue.register(AlertIntake.jobKind) { _ in throw Broken() }
            try await queue.enqueue(AlertIntake.jobKind)
            try await beside({ await queue.run() }) { () async throws in
                #expect(
                    try await desk.pass(.seconds(60)) { try await engine.read { try $0.row("SELECT id FROM job WHERE state = 'dead'") } != nil })
            }
            #expect(try await count(desk) == 1)
        }
    }

    @Test func jobsOfAKindThatNobodyDoesWaitAndHideNothing() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), done = Mutexed(0), late = Mutexed(0)
            let queue = desk.jobs()
            queue.register("known") { _ in done.update { $0 += 1 } }
            let past = desk.clock.now.addingTimeInterval(-60)
            try await engine.write { transaction in for _ in 0..<250 { try queue.enqueue("unknown", payload: [], at: past, in: transaction) } }
            try await queue.enqueue("known")
            try await beside({ await queue.run() }) { () async throws in
                #expect(await eventually { done.value == 1 })
                #expect(try await eventually { try await count(desk) == 250 })
                let token = queue.register("unknown") { _ in late.update { $0 += 1 } }
                #expect(await eventually { late.value == 250 }, "they are done as soon as somebody does them")
                queue.unregister("unknown", token)
            }
        }
    }

    @Test func oneKindThatHangsHoldsUpNoOther() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), done = Mutexed(0), hung = Door()
            let queue = desk.jobs(concurrency: 2)
            queue.register("hangs") { _ in await hung.pass() }
            queue.register("well") { _ in done.update { $0 += 1 } }
            for _ in 0..<5 { try await queue.enqueue("hangs") }
            for _ in 0..<5 { try await queue.enqueue("well") }
            try await beside({ await queue.run() }) { () async throws in
                #expect(await eventually { done.value == 5 })
                hung.open()
            }
        }
    }

    @Test func theOneBeforeDoesItAgainWhenTheLastLeaves() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), done = Mutexed<[String]>([])
            let queue = desk.jobs()
            let old = queue.register("say") { _ in done.update { $0.append("old") } }
            let new = queue.register("say") { _ in done.update { $0.append("new") } }
            try await beside({ await queue.run() }) { () async throws in
                try await queue.enqueue("say")
                #expect(await eventually { done.value == ["new"] })
                queue.unregister("say", new)
                try await queue.enqueue("say")
                #expect(await eventually { done.value == ["new", "old"] })
                queue.register("say") { _ in done.update { $0.append("newest") } }
                queue.unregister("say", old)
                try await queue.enqueue("say")
                #expect(await eventually { done.value == ["new", "old", "newest"] })
            }
        }
    }

    // MARK: Series

    @Test func aSeriesSurvivesTheFailureOfItsWork() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), times = Mutexed<[Duration]>([]), clock = desk.clock
            let queue = desk.jobs()
            try await queue.schedule("clean", every: .seconds(60)) {
                times.update { $0.append(clock.monotonic) }
                throw Broken()
            }
            try await beside({ await queue.run() }) { () async throws in #expect(await desk.pass(.seconds(10)) { times.value.count == 12 }) }
            #expect(zip(times.value, times.value.dropFirst()).allSatisfy { (60...200).contains(($1 - $0).seconds) })
            #expect(try await engine.read { try $0.row("SELECT id FROM job WHERE state = 'dead'") } == nil)
        }
    }

    @Test func aSeriesKeepsItsMomentOverARestart() async throws {
        try await withEngine(.disk) { engine in
            let first = Desk(engine: engine), done = Mutexed(0)
            try await first.jobs().schedule("clean", every: .seconds(3600)) {}
            let second = Desk(engine: engine)
            second.clock.jumpWall(by: .seconds(3000))
            let queue = second.jobs()
            try await queue.schedule("clean", every: .seconds(3600)) { done.update { $0 += 1 } }
            #expect(try await count(second) == 1)
            try await beside({ await queue.run() }) { () async throws in
                #expect(await second.clock.waitForSleepers(1))
                await second.clock.advance(by: .seconds(590))
                #expect(done.value == 0)
                #expect(await second.pass { done.value == 1 }, "600 seconds remained of its hour, and not an hour anew")
                #expect(second.clock.monotonic <= .seconds(1500))
            }
        }
    }

    // MARK: An instance's own

    @Test func anInstancesJobsWaitForItAndEndWithIt() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), done = Mutexed<[String]>([]), ticks = Mutexed(0)
            let queue = desk.jobs()
            func scheduler() -> InstanceScheduler { InstanceScheduler(instance: "a", jobs: queue, clock: desk.clock, logger: desk.logs.logger()) }
            let first = scheduler()
            try await first.at(desk.clock.now, key: "x", payload: [1])
            try await beside({ await queue.run() }) { () async throws in
                await first.handle { key, payload in done.update { $0.append("first \(key) \(payload)") } }
                #expect(await eventually { done.value == ["first x [1]"] })
                await first.every(.seconds(10), name: "tick") {
                    ticks.update { $0 += 1 }
                    throw Broken()
                }
                let next = scheduler()
                await next.handle { key, _ in done.update { $0.append("next \(key)") } }
                #expect(await desk.pass { ticks.value == 3 }, "a failure does not end the series")
                // A reload: the new one has registered before the old one ends.
                await first.end()
                await first.every(.seconds(1), name: "late") { ticks.update { $0 += 100 } }
                await first.handle { key, _ in done.update { $0.append("late \(key)") } }
                try await next.at(desk.clock.now, key: "y", payload: [])
                #expect(await eventually { done.value.last == "next y" })
                await desk.clock.advance(by: .seconds(60))
                #expect(ticks.value == 3)
                await next.end()
                try await next.at(desk.clock.now, key: "z", payload: [])
                #expect(try await count(desk) == 1)
            }
            #expect(done.value.count == 2)
        }
    }

    @Test func anInstancesWorkThatHangsIsGivenUp() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), hung = Door(), tries = Mutexed(0)
            let queue = desk.jobs()
            let scheduler = InstanceScheduler(instance: "a", jobs: queue, clock: desk.clock, logger: desk.logs.logger(), workLimit: .seconds(30))
            await scheduler.handle { _, _ in
                tries.update { $0 += 1 }
                await hung.pass()
            }
            try await scheduler.at(desk.clock.now, key: "x", payload: [])
            try await beside({ await queue.run() }) { () async throws in #expect(await desk.pass(.seconds(5)) { tries.value == 2 }) }
            #expect(desk.logs.contains("did not finish its work within 30s"))
            hung.open()
        }
    }
}
