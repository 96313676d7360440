import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

@Suite(.timeLimit(.minutes(1))) struct DeadlineTests {
    private struct Late: Error {}
    private let clock = VirtualClock()

    @Test func workInTimeGivesItsResultOrItsError() async throws {
        #expect(try await Deadline.run(.seconds(1), clock: clock, timeout: { Late() }, { 7 }) == 7)
        await #expect(throws: StorageError.self) {
            try await Deadline.run(.seconds(1), clock: clock, timeout: { Late() }, { throw StorageError(.full, "full") })
        }
        #expect(await eventually { clock.sleepers == 0 }, "no timer stays behind")
    }

    @Test func workThatDoesNotListenIsLeftToItself() async throws {
        let door = Door(), ended = Mutexed(false)
        let clock = clock
        let work = Task {
            try await Deadline.run(.seconds(5), clock: clock, timeout: { Late() }) {
                await door.pass()
                ended.update { $0 = Task.isCancelled }
            }
        }
        await clock.waitForSleepers(1)
        await clock.advance(by: .seconds(5))
        #expect(await work.result.failed(with: Late.self))
        door.open()
        #expect(await eventually { ended.value }, "it goes on, and knows that it was cancelled")
    }

    @Test func theCallersCancellationEndsTheWait() async {
        let door = Door(), clock = clock
        let work = Task { try await Deadline.run(.seconds(5), clock: clock, timeout: { Late() }) { await door.pass() } }
        await clock.waitForSleepers(1)
        work.cancel()
        #expect(await work.result.failed(with: CancellationError.self))
        door.open()
    }

    /// Calls with limits of their own share one timer: each is given up at its own moment, and none before.
    @Test func manyHaveOneTimer() async throws {
        let alarms = Alarms(clock), clock = clock, door = Door(), late = Mutexed<[Int]>([])
        func call(_ seconds: Int) -> Task<Void, any Error> {
            Task {
                do {
                    try await Deadline.run(.seconds(seconds), alarms: alarms, timeout: { Late() }) { await door.pass() }
                } catch is Late {
                    late.update { $0.append(seconds) }
                }
            }
        }
        let long = call(30)
        await clock.waitForSleepers(1)
        let short = call(5), middle = call(10)
        // The one that is due first is slept for, and the others with it.
        #expect(await eventually { alarms.count == 3 && clock.untilNextSleeper == .seconds(5) && clock.sleepers == 1 })
        await clock.advance(by: .seconds(5))
        try await short.value
        #expect(late.value == [5] && clock.sleepers == 1)
        await clock.advance(by: .seconds(5))
        try await middle.value
        #expect(late.value == [5, 10])
        door.open()
        try await long.value
        #expect(await eventually { clock.sleepers == 0 }, "no timer stays behind")
        await clock.advance(by: .seconds(60))
        #expect(late.value == [5, 10])
    }

    @Test func aTimerThatLingersServesTheNext() async throws {
        let alarms = Alarms(clock, lingers: true), rung = Mutexed(0)
        alarms.unset(alarms.set(in: .seconds(10)) { rung.update { $0 += 1 } })
        await clock.waitForSleepers(1)
        await clock.advance(by: .seconds(4))
        _ = alarms.set(in: .seconds(10)) { rung.update { $0 += 1 } }
        await clock.advance(by: .seconds(6))
        #expect(await eventually { clock.sleepers == 1 } && rung.value == 0, "its own time has come, and the next one's not")
        await clock.advance(by: .seconds(4))
        #expect(await eventually { rung.value == 1 && clock.sleepers == 0 })
        alarms.unset(alarms.set(in: .seconds(10)) {})
        await clock.waitForSleepers(1)
        alarms.rest()
        #expect(await eventually { clock.sleepers == 0 })
    }

    @Test func whatMustBeWrittenDownIsNotCancelled() async throws {
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await uncancelled {
                try Task.checkCancellation()
                return 3
            }
        }
        #expect(try await task.value == 3)
    }
}

@Suite struct BackoffTests {
    @Test func theCeilingDoublesUpToTheLongest() {
        let backoff = Backoff(base: .seconds(2), maximum: .seconds(60), random: { 1 })
        #expect([1, 2, 3, 4, 5, 6, 7, 100, 10_000].map { backoff.delay(afterFailures: $0).seconds } == [2, 4, 8, 16, 32, 60, 60, 60, 60])
        #expect(backoff.delay(afterFailures: 0) == .seconds(2))
    }

    @Test func jitterIsFullAndNeverBelowWhatWasAsked() {
        #expect(Backoff(base: .seconds(8), maximum: .seconds(60), random: { 0 }).delay(afterFailures: 2) == .zero)
        #expect(Backoff(base: .seconds(8), maximum: .seconds(60), random: { 0.25 }).delay(afterFailures: 2) == .seconds(4))
        #expect(Backoff(base: .seconds(8), maximum: .seconds(60), random: { 0.25 }).delay(afterFailures: 2, atLeast: .seconds(90)) == .seconds(90))
        let real = Backoff(base: .seconds(1), maximum: .seconds(1))
        let waits = (0..<200).map { _ in real.delay(afterFailures: 1).milliseconds }
        #expect(waits.allSatisfy { (0...1000).contains($0) } && waits.contains { $0 < 500 } && waits.contains { $0 > 500 })
    }
}

@Suite struct IdentifierTests {
    @Test func idsSortByTheirTimeAndAreUnique() {
        let times = [0, 0.001, 1, 1000, 1_756_814_400, 1_756_814_400.001, 4_102_444_800].map { Date(timeIntervalSince1970: $0) }
        let ids = times.map { Identifier.make("msg", at: $0) }
        #expect(ids == ids.sorted())
        #expect(ids.allSatisfy { $0.hasPrefix("msg_") && $0.count == 30 })
        let alphabet = Set("0123456789abcdefghjkmnpqrstvwxyz")
        #expect(ids.allSatisfy { $0.dropFirst(4).allSatisfy(alphabet.contains) })
        #expect(Set((0..<20_000).map { _ in Identifier.make("x", at: times[4]) }).count == 20_000)
    }

    @Test func aTimeBefore1970IsTheBeginning() {
        #expect(Identifier.make("x", at: Date(timeIntervalSince1970: -5)).hasPrefix("x_0000000000"))
    }
}

@Suite(.timeLimit(.minutes(1))) struct AsyncSignalTests {
    @Test func aSignalThatNobodyWaitsForIsKeptAndSignalsMerge() async {
        let signal = AsyncSignal(), clock = VirtualClock()
        signal.set()
        signal.set()
        await signal.wait()
        let second = Task { await signal.wait(atMost: .seconds(5), Alarms(clock)) }
        #expect(await clock.waitForSleepers(1), "two signals were one")
        await clock.advance(by: .seconds(5))
        await second.value
    }

    @Test func cancellationEndsTheWait() async {
        let signal = AsyncSignal()
        let task = Task { await signal.wait() }
        task.cancel()
        await task.value
    }
}
