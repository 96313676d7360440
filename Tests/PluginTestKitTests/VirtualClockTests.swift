import Foundation
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@Suite struct VirtualClockTests {
    private final class Journal: Sendable {
        private let entries = Mutex<[String]>([])
        func add(_ entry: String) { entries.withLock { $0.append(entry) } }
        var all: [String] { entries.withLock { $0 } }
    }

    @Test func sleepersWakeInTheOrderTheyAreDue() async {
        let clock = VirtualClock(), journal = Journal()
        for (name, seconds) in [("late", 30), ("early", 10), ("middle", 20)] {
            Task {
                try await clock.sleep(for: .seconds(seconds))
                journal.add("\(name) at \(clock.monotonic.text)")
            }
        }
        #expect(await clock.waitForSleepers(3))
        #expect(clock.untilNextSleeper == .seconds(10))
        await clock.advance(by: .seconds(25))
        #expect(journal.all == ["early at 10s", "middle at 20s"])
        #expect(clock.monotonic == .seconds(25) && clock.sleepers == 1)
        #expect(await clock.advanceToNextSleeper() == .seconds(5))
        #expect(journal.all.last == "late at 30s")
        #expect(await clock.advanceToNextSleeper() == nil)
    }

    @Test func oneAdvanceWakesATickerAgainAndAgain() async {
        let clock = VirtualClock(), journal = Journal()
        let ticker = Task {
            while true {
                try await clock.sleep(for: .minutes(15))
                journal.add(clock.monotonic.text)
            }
        }
        #expect(await clock.waitForSleepers(1))
        await clock.advance(by: .hours(2))
        #expect(journal.all.count == 8 && journal.all.last == "2h")
        ticker.cancel()
        await #expect(throws: CancellationError.self) { try await ticker.value }
        #expect(clock.sleepers == 0)
    }

    @Test func aCancelledSleeperLeavesAtOnce() async {
        let clock = VirtualClock()
        let sleeper = Task { try await clock.sleep(for: .seconds(5)) }
        #expect(await clock.waitForSleepers(1))
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        #expect(clock.sleepers == 0 && clock.monotonic == .zero)

        let never = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await clock.sleep(for: .seconds(5))
        }
        await #expect(throws: CancellationError.self) { try await never.value }
    }

    @Test func theWallJumpsWithoutWakingAnybody() async throws {
        let clock = VirtualClock(now: Date(timeIntervalSince1970: 1000))
        let sleeper = Task { try await clock.sleep(for: .seconds(60)) }
        #expect(await clock.waitForSleepers(1))
        clock.jumpWall(by: .seconds(-500))
        #expect(clock.now == Date(timeIntervalSince1970: 500) && clock.monotonic == .zero && clock.sleepers == 1)
        await clock.advance(by: .seconds(60))
        try await sleeper.value
        #expect(clock.now == Date(timeIntervalSince1970: 560))
        clock.setWall(to: Date(timeIntervalSince1970: 7))
        #expect(clock.now == Date(timeIntervalSince1970: 7) && clock.monotonic == .seconds(60))
    }

    @Test func aSleepOfNoLengthReturns() async throws {
        let clock = VirtualClock()
        try await clock.sleep(for: .zero)
        try await clock.sleep(for: .seconds(-1))
        #expect(clock.sleepers == 0)
    }

    @Test func waitingForSleepersGivesUp() async {
        let clock = VirtualClock()
        #expect(await !clock.waitForSleepers(1, within: .milliseconds(20)))
        #expect(await clock.waitForSleepers(0))
    }
}

extension Duration {
    fileprivate static func minutes(_ count: Int) -> Duration { .seconds(count * 60) }
    fileprivate static func hours(_ count: Int) -> Duration { .seconds(count * 3600) }
}
