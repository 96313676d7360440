import Foundation
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct ManualTimeTests {
    private static let begin = Date(timeIntervalSince1970: 1_756_814_400)

    @Test func whoSleepsWakesWhenTheTimeHasCome() async throws {
        let time = ManualTime(now: Self.begin), woken = Mutexed<[Int]>([])
        let tasks = [3, 1, 2].map { seconds in
            Task {
                try await time.sleep(for: .seconds(seconds))
                woken.update { $0.append(seconds) }
            }
        }
        try await time.sleep(for: .zero)
        // Nobody can be asked whether they lie down already: the clock is moved as long as somebody sleeps.
        #expect(
            await eventually {
                time.move(to: time.now.addingTimeInterval(0.5))
                return woken.value.count == 3
            })
        for task in tasks { try await task.value }
        let moment = time.now
        #expect(time.monotonic == .seconds(moment.timeIntervalSince(Self.begin)))
        time.move(to: Self.begin)
        #expect(time.now == moment)
    }

    @Test func aCancelledSleepEnds() async {
        let time = ManualTime(now: Self.begin)
        let task = Task { try await time.sleep(for: .seconds(1)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func jobsAreDoneByWhoeverMovesTheClock() async throws {
        let time = ManualTime(now: Self.begin), done = Mutexed<[String]>([]), engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(KernelSchema.migrations)
        let jobs = JobQueue(engine: engine, property: "main", clock: time, logger: LogRecorder().logger())
        jobs.register("note") { payload in
            let text = String(decoding: payload, as: UTF8.self)
            done.update { $0.append(text) }
            // What is asked for at once is done at once; what fails is tried again later.
            if text == "first" { try await jobs.enqueue("note", payload: Array("second".utf8)) }
            if text == "bad" { throw CancellationError() }
        }
        #expect(try await jobs.nextDue() == nil)
        try await jobs.enqueue("note", payload: Array("first".utf8), at: Self.begin.addingTimeInterval(60))
        try await jobs.enqueue("note", payload: Array("bad".utf8), at: Self.begin.addingTimeInterval(120))
        try await jobs.enqueue("nobody's")
        #expect(try await jobs.nextDue() == Self.begin.addingTimeInterval(60))
        try await jobs.performDue()
        #expect(done.value.isEmpty)
        time.move(to: Self.begin.addingTimeInterval(60))
        try await jobs.performDue()
        #expect(done.value == ["first", "second"])
        time.move(to: Self.begin.addingTimeInterval(120))
        try await jobs.performDue()
        #expect(done.value == ["first", "second", "bad"])
        let again = try #require(try await jobs.nextDue())
        #expect(again > Self.begin.addingTimeInterval(120))
        await engine.close()
    }
}
