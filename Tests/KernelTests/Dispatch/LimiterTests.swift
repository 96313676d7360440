import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

@Suite(.timeLimit(.minutes(1))) struct CircuitBreakerTests {
    private let clock = VirtualClock()

    @Test func opensAfterFailuresInARowAndNotBefore() {
        let breaker = CircuitBreaker(threshold: 3, reset: .seconds(30), clock: clock)
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
        breaker.failed()
        breaker.failed()
        #expect(!breaker.isOpen && breaker.admit() == .go)
        breaker.failed()
        #expect(breaker.isOpen && breaker.admit() == .refused(wait: .seconds(30)))
    }

    @Test func letsOneProbeThroughAndClosesOnItsSuccess() async {
        let breaker = CircuitBreaker(threshold: 1, reset: .seconds(30), clock: clock)
        breaker.failed()
        await clock.advance(by: .seconds(29))
        #expect(breaker.admit() == .refused(wait: .seconds(1)))
        await clock.advance(by: .seconds(1))
        #expect(breaker.admit() == .probe)
        #expect(breaker.admit() == .refused(wait: .seconds(30)), "one call alone finds out")
        breaker.succeeded()
        #expect(breaker.admit() == .go)
    }

    @Test func aFailedProbeOpensAgainForTheWholeTime() async {
        let breaker = CircuitBreaker(threshold: 5, reset: .seconds(30), clock: clock)
        for _ in 0..<5 { breaker.failed() }
        await clock.advance(by: .seconds(30))
        #expect(breaker.admit() == .probe)
        breaker.failed()
        #expect(breaker.admit() == .refused(wait: .seconds(30)))
    }

    @Test func onlyTheProbeGivesItsPlaceFree() async {
        let breaker = CircuitBreaker(threshold: 1, reset: .seconds(30), clock: clock)
        let old = breaker.admit()
        breaker.failed()
        await clock.advance(by: .seconds(30))
        let probe = breaker.admit()
        breaker.abandoned(old)
        #expect(breaker.admit() == .refused(wait: .seconds(30)), "a call from before says nothing of the probe")
        breaker.abandoned(probe)
        #expect(breaker.admit() == .probe)
    }
}

@Suite(.timeLimit(.minutes(1))) struct RateLimiterTests {
    private let clock = VirtualClock()

    @Test func aBurstGoesAtOnceAndTheRestAtTheRate() async {
        let limiter = RateLimiter(rate: 2, burst: 3, clock: clock)
        #expect((0..<6).map { _ in limiter.reserve()?.milliseconds } == [0, 0, 0, 500, 1000, 1500])
        await clock.advance(by: .seconds(10))
        #expect((0..<4).map { _ in limiter.reserve()?.milliseconds } == [0, 0, 0, 500], "idle time fills the bucket, and no more than the bucket")
    }

    @Test func withoutARateNobodyWaits() {
        let limiter = RateLimiter(rate: 0, burst: 1, clock: clock)
        #expect((0..<100).allSatisfy { _ in limiter.reserve() == .zero })
    }

    @Test func aTurnThatComesTooLateIsNotTaken() {
        let limiter = RateLimiter(rate: 1, burst: 1, clock: clock)
        #expect(limiter.reserve() == .zero)
        #expect(limiter.reserve(atMost: .milliseconds(500)) == nil)
        #expect(limiter.reserve() == .seconds(1), "what was refused took no token")
    }

    @Test func whoIsCancelledGivesTheTokenBack() async {
        let limiter = RateLimiter(rate: 1, burst: 1, clock: clock)
        _ = limiter.reserve()
        let waiting = Task { try await limiter.acquire() }
        await clock.waitForSleepers(1)
        waiting.cancel()
        #expect(await waiting.result.failed(with: CancellationError.self))
        #expect(limiter.reserve() == .seconds(1))
    }
}

@Suite(.timeLimit(.minutes(1))) struct ConcurrencyLimiterTests {
    @Test func waitersComeInInTheirOrder() async throws {
        let limiter = ConcurrencyLimiter(1)
        let order = Mutexed<[Int]>([])
        try await limiter.acquire()
        var tasks: [Task<Void, any Error>] = []
        for number in 0..<20 {
            tasks.append(
                Task {
                    try await limiter.acquire()
                    order.update { $0.append(number) }
                    limiter.release()
                })
            #expect(await eventually { limiter.waiting == number + 1 })
        }
        limiter.release()
        for task in tasks { try await task.value }
        #expect(order.value == Array(0..<20))
        #expect(limiter.inUse == 0)
    }

    @Test func neverMoreThanItsPlaces() async {
        let limiter = ConcurrencyLimiter(3)
        let now = Mutexed(0), most = Mutexed(0)
        await withTaskGroup { tasks in
            for _ in 0..<200 {
                tasks.addTask {
                    guard (try? await limiter.acquire()) != nil else { return }
                    let count = now.update {
                        $0 += 1; return $0
                    }
                    most.update { $0 = max($0, count) }
                    await Task.yield()
                    now.update { $0 -= 1 }
                    limiter.release()
                }
            }
        }
        #expect(most.value == 3)
        #expect(limiter.inUse == 0)
    }

    @Test func morePlacesLetThoseInWhoWaitAndFewerTurnNobodyOut() async throws {
        let limiter = ConcurrencyLimiter(1)
        try await limiter.acquire()
        let waiting = (0..<3).map { _ in Task { try await limiter.acquire() } }
        #expect(await eventually { limiter.waiting == 3 })
        limiter.resize(to: 3)
        #expect(limiter.inUse == 3 && limiter.waiting == 1)
        limiter.resize(to: 1)
        #expect(limiter.inUse == 3)
        limiter.release()
        limiter.release()
        #expect(limiter.inUse == 1 && limiter.waiting == 1, "one is in, as many as may be")
        limiter.release()
        for task in waiting { try await task.value }
        #expect(limiter.inUse == 1 && !limiter.acquireAtOnce())
        limiter.release()
        #expect(limiter.inUse == 0)
    }

    @Test func oneThatWaitsAndIsCancelledTakesNoPlace() async throws {
        let limiter = ConcurrencyLimiter(1)
        try await limiter.acquire()
        let waiting = Task { try await limiter.acquire() }
        #expect(await eventually { limiter.waiting == 1 })
        waiting.cancel()
        #expect(await waiting.result.failed(with: CancellationError.self))
        limiter.release()
        #expect(limiter.inUse == 0 && limiter.acquireAtOnce())
    }

    /// A release and a cancellation that meet: the place is neither lost nor given twice.
    @Test func releasesAndCancellationsRace() async throws {
        let limiter = ConcurrencyLimiter(2)
        for round in 0..<300 {
            let tasks = (0..<6).map { _ in
                Task {
                    try await limiter.acquire()
                    await Task.yield()
                    limiter.release()
                }
            }
            for (index, task) in tasks.enumerated() where (index + round) % 2 == 0 { task.cancel() }
            for task in tasks { _ = await task.result }
            #expect(limiter.inUse == 0)
        }
    }
}

extension Result where Failure == any Error {
    /// True where it failed with an error of this type.
    func failed<E: Error>(with type: E.Type) -> Bool { if case .failure(let error) = self { error is E } else { false } }
}
