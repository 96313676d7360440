import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

/// Calls into instances, on a clock that stands still.
@Suite(.timeLimit(.minutes(1))) struct DispatcherTests {
    private let down = PluginFailure.notReady(.unreachable, "nobody answers")

    private func running(_ bench: Bench, _ names: String..., change: (inout CallLimits) -> Void = { _ in }) async throws -> Dispatcher {
        try await bench.registry.start(names.map { bench.spec($0, limits: .with(change)) })
        return Dispatcher(instances: bench.registry)
    }

    private func call<R: Sendable>(
        _ dispatcher: Dispatcher, _ name: String = "a", _ options: CallOptions = CallOptions(), body: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        try await dispatcher.call(name, as: (any Scripted).self, "send", options) { _ in try await body() }
    }

    // MARK: Retry

    @Test func whatIsNotReadyIsTriedAgainWithFullJitter() async throws {
        let bench = Bench(random: { 0.5 })
        let dispatcher = try await running(bench, "a") {
            $0.attempts = 4
            $0.backoff = .seconds(2)
        }
        let tries = Mutexed<[Duration]>([])
        let (clock, down) = (bench.clock, down)
        let work = Task {
            try await call(dispatcher) {
                let count = tries.update {
                    $0.append(clock.monotonic); return $0.count
                }
                if count < 4 { throw down }
                return "done"
            }
        }
        #expect(await bench.sleepOut(.seconds(1), .seconds(2), .seconds(4)))
        #expect(try await work.value == "done")
        // Half of 2, 4 and 8 seconds.
        #expect(tries.value == [.zero, .seconds(1), .seconds(3), .seconds(7)])
        #expect(bench.metrics.sum("jack_calls_total", ["instance": "a", "operation": "send", "outcome": "unreachable"]) == 3)
        #expect(bench.metrics.sum("jack_calls_total", ["instance": "a", "operation": "send", "outcome": "ok"]) == 1)
    }

    @Test func theVendorsRetryAfterIsALowerBound() async throws {
        let bench = Bench(random: { 0 })
        let dispatcher = try await running(bench, "a")
        let tries = Mutexed<[Duration]>([])
        let clock = bench.clock
        let work = Task {
            try await call(dispatcher) {
                let count = tries.update {
                    $0.append(clock.monotonic); return $0.count
                }
                if count == 1 { throw PluginFailure.notReady(.rateLimited, "slower", retryAfter: .seconds(7)) }
            }
        }
        #expect(await bench.sleepOut(.seconds(7)))
        try await work.value
        #expect(tries.value == [.zero, .seconds(7)])
    }

    @Test func aWaitLongerThanTheLongestIsTheCallersBusiness() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a")
        let tries = Mutexed(0)
        let got = await failure {
            try await call(dispatcher) {
                tries.update { $0 += 1 }
                throw PluginFailure.notReady(.rateLimited, "come back", retryAfter: .seconds(3600))
            }
        }
        #expect(got?.retryAfter == .seconds(3600) && tries.value == 1)
    }

    @Test func whatIsPermanentIsNotTriedAgainAndNoFaultOfTheInstance() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a") { $0.breakerFailures = 2 }
        let tries = Mutexed(0)
        for _ in 0..<5 {
            let got = await failure {
                try await call(dispatcher) {
                    tries.update { $0 += 1 }
                    throw PluginFailure.permanent(.unknownRecipient, "no such number")
                }
            }
            #expect(got?.reason == .unknownRecipient)
        }
        #expect(tries.value == 5, "tried once each, and the breaker stays closed")
    }

    @Test func anErrorOfAnotherTypeIsNotReady() async throws {
        struct Odd: Error {}
        let bench = Bench()
        let dispatcher = try await running(bench, "a")
        let got = await failure { try await call(dispatcher, "a", CallOptions(attempts: 1)) { throw Odd() } }
        #expect(got?.disposition == .notReady && got?.reason == "unclassified" && got?.cause is Odd)
    }

    @Test func aPluginThatGivesUpByItselfHasFailed() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a")
        let got = await failure { try await call(dispatcher, "a", CallOptions(attempts: 1)) { throw CancellationError() } }
        #expect(got?.disposition == .notReady && got?.reason == .cancelled)
    }

    @Test func rejectedCredentialsStopTheInstanceAndMarkIt() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a", "b")
        let tries = Mutexed(0)
        let body: @Sendable () async throws -> Void = {
            tries.update { $0 += 1 }
            throw PluginFailure.credentialsRejected("the token has expired")
        }
        #expect(await failure { try await call(dispatcher, body: body) }?.disposition == .credentialsRejected)
        #expect(await failure { try await call(dispatcher, body: body) }?.disposition == .credentialsRejected)
        #expect(tries.value == 1, "nobody asks a second time")
        let status = try #require(bench.registry.supervisor("a")).status
        #expect(status.state == .failed && status.needsCredentials && status.reason == "the token has expired")
        #expect(try await call(dispatcher, "b") { 7 } == 7, "the others go on")
    }

    // MARK: Time

    @Test func aHungCallIsGivenUpAndTheNextGoesOn() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a") {
            $0.concurrency = 1
            $0.timeout = .seconds(5)
        }
        let hung = Door()
        let work = Task { try await call(dispatcher, "a", CallOptions(attempts: 1)) { await hung.pass() } }
        await bench.clock.waitForSleepers(1)
        await bench.clock.advance(by: .seconds(5))
        let got = await failure { try await work.value }
        #expect(got?.reason == .timeout && got?.message.contains("5s") == true)
        #expect(try await call(dispatcher) { "next" } == "next", "the hung one holds no place")
        #expect(bench.metrics.sum("jack_calls_total", ["outcome": "timeout"]) == 1)
        #expect(bench.metrics.values("jack_call_duration_seconds", ["instance": "a", "operation": "send"]).first == 5e9)
        hung.open()
    }

    @Test func theDeadlineCountsTheWaits() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a") {
            $0.attempts = 10
            $0.backoff = .seconds(4)
        }
        let tries = Mutexed(0)
        let down = down
        let work = Task {
            try await call(dispatcher, "a", CallOptions(deadline: .seconds(10))) {
                tries.update { $0 += 1 }
                throw down
            }
        }
        #expect(await bench.sleepOut(.seconds(4)))
        #expect(await failure { try await work.value }?.reason == .unreachable)
        // Tries at 0 and 4 seconds; the next wait of 8 would end after the deadline.
        #expect(tries.value == 2)
        #expect(bench.clock.monotonic == .seconds(4))
    }

    @Test func theDeadlineCountsTheWaitForAPlace() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a") {
            $0.concurrency = 1
            $0.timeout = .seconds(600)
        }
        let door = Door()
        let first = Task { try await call(dispatcher) { await door.pass() } }
        #expect(await eventually { bench.registry.supervisor("a")?.inFlight == 1 })
        let calls = Mutexed(0)
        let second = Task { try await call(dispatcher, "a", CallOptions(deadline: .seconds(3), attempts: 1)) { calls.update { $0 += 1 } } }
        await bench.clock.waitForSleepers(2)
        await bench.clock.advance(by: .seconds(3))
        #expect(await failure { try await second.value }?.reason == .overloaded)
        door.open()
        try await first.value
        #expect(calls.value == 0)
        #expect(bench.registry.supervisor("a")?.inFlight == 0)
    }

    @Test func theRateHoldsCallsBackAndTheDeadlineRefusesWhatIsTooLate() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a") {
            $0.rate = 1
            $0.burst = 1
        }
        try await call(dispatcher) {}
        #expect(await failure { try await call(dispatcher, "a", CallOptions(deadline: .milliseconds(900), attempts: 1)) {} }?.reason == .overloaded)
        let second = Task { try await call(dispatcher) { bench.clock.monotonic } }
        await bench.clock.waitForSleepers(1)
        await bench.clock.advance(by: .seconds(1))
        #expect(try await second.value == .seconds(1))
    }

    @Test func aCancelledCallerGetsItsCancellation() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a")
        let door = Door()
        let work = Task { try await call(dispatcher) { await door.pass() } }
        #expect(await eventually { bench.registry.supervisor("a")?.inFlight == 1 })
        work.cancel()
        #expect(await work.result.failed(with: CancellationError.self))
        #expect(bench.metrics.sum("jack_calls_total", ["outcome": "cancelled"]) == 1)
        door.open()
    }

    // MARK: The breaker

    @Test func theBreakerOpensAndFindsOutWhenItIsWellAgain() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a") {
            $0.breakerFailures = 3
            $0.breakerReset = .seconds(30)
            $0.attempts = 1
        }
        let tries = Mutexed(0), isWell = Mutexed(false)
        let down = down
        let body: @Sendable () async throws -> Void = {
            tries.update { $0 += 1 }
            if !isWell.value { throw down }
        }
        for _ in 0..<3 { #expect(await failure { try await call(dispatcher, body: body) }?.reason == .unreachable) }
        let refused = await failure { try await call(dispatcher, body: body) }
        #expect(refused?.reason == .circuitOpen && refused?.retryAfter == .seconds(30) && tries.value == 3)
        #expect(bench.metrics.sum("jack_calls_total", ["outcome": "refused"]) == 1)
        await bench.clock.advance(by: .seconds(30))
        #expect(await failure { try await call(dispatcher, body: body) }?.reason == .unreachable)
        #expect(await failure { try await call(dispatcher, body: body) }?.reason == .circuitOpen, "half open let one through, and no more")
        isWell.update { $0 = true }
        await bench.clock.advance(by: .seconds(30))
        try await call(dispatcher, body: body)
        try await call(dispatcher, body: body)
        #expect(tries.value == 6)
    }

    /// One guest who gets too much, or does not exist, must not stop the channel for all.
    @Test(arguments: [PluginFailure.notReady(.recipientLimited, "slower, to this one"), .permanent(.unknownRecipient, "nobody there")])
    func whatConcernsOneRecipientDoesNotOpenTheBreaker(failed: PluginFailure) async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a") {
            $0.breakerFailures = 3
            $0.attempts = 1
        }
        for _ in 0..<6 { #expect(await failure { try await call(dispatcher) { throw failed } }?.reason == failed.reason) }
        #expect(try await call(dispatcher) { 7 } == 7)
    }

    @Test func aCourtesyTakesNobodysTurn() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a") { ($0.rate, $0.burst) = (1, 1) }
        try await call(dispatcher) {}
        #expect(await failure { try await call(dispatcher, "a", .courtesy) {} }?.reason == .overloaded)
        await bench.clock.advance(by: .seconds(1))
        try await call(dispatcher) {}
    }

    @Test func aCourtesyIsNothingToTheBreaker() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a") {
            $0.breakerFailures = 3
            $0.breakerReset = .seconds(30)
            $0.attempts = 1
        }
        let down = down
        for _ in 0..<6 { #expect(await failure { try await call(dispatcher, "a", .courtesy) { throw down } }?.reason == .unreachable) }
        // Nor does one that succeeds make up for what failed.
        for _ in 0..<3 {
            #expect(await failure { try await call(dispatcher) { throw down } }?.reason == .unreachable)
            _ = await failure { try await call(dispatcher, "a", .courtesy) {} }
        }
        #expect(await failure { try await call(dispatcher) {} }?.reason == .circuitOpen)
        await bench.clock.advance(by: .seconds(30))
        #expect(await failure { try await call(dispatcher, "a", .courtesy) {} }?.reason == .circuitOpen, "the probe is for what matters")
        try await call(dispatcher) {}
        try await call(dispatcher, "a", .courtesy) {}
    }

    @Test func whatTheCallerGivesUpSaysNothingOfTheInstance() async throws {
        struct Withdrawn: Error {}
        let bench = Bench()
        let dispatcher = try await running(bench, "a") {
            $0.breakerFailures = 1
            $0.breakerReset = .seconds(30)
            $0.attempts = 3
        }
        let tries = Mutexed(0), down = down
        let body: @Sendable () async throws -> Void = {
            tries.update { $0 += 1 }
            throw CallAbandoned(Withdrawn())
        }
        for _ in 0..<3 {
            let error = await #expect(throws: CallAbandoned.self) { try await call(dispatcher, body: body) }
            #expect(error?.cause is Withdrawn)
        }
        #expect(tries.value == 3, "and it is not tried again")
        #expect(bench.metrics.sum("jack_calls_total", ["outcome": "abandoned"]) == 3)
        #expect(await failure { try await call(dispatcher, "a", CallOptions(attempts: 1)) { throw down } }?.reason == .unreachable)
        await bench.clock.advance(by: .seconds(30))
        _ = await #expect(throws: CallAbandoned.self) { try await call(dispatcher, body: body) }
        try await call(dispatcher) {}
    }

    // MARK: Chains and types

    @Test func aChainSaysWhyEachWasPassedOver() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a", "b", "c") { $0.attempts = 1 }
        let result = try await dispatcher.chain(["a", "gone", "b", "c"], as: ScriptedChannel.self, "complete") { plugin in
            if plugin.context.instance == "a" { throw PluginFailure.permanent(.contextTooLong, "too long") }
            return plugin.context.instance
        }
        #expect(result.value == "b" && result.instance == "b")
        #expect(result.passedOver.map(\.instance) == ["a", "gone"])
        #expect(result.passedOver[0].reason == "permanent (context-too-long): too long")
        #expect(result.passedOver[1].reason.contains("there is no instance “gone”"))
    }

    @Test func aFinalFailureEndsTheChain() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a", "b")
        let asked = Mutexed<[String]>([])
        let got = await failure {
            try await dispatcher.chain(["a", "b"], as: ScriptedChannel.self, "complete", isFinal: { $0.reason == .optedOut }) { plugin in
                asked.update { $0.append(plugin.context.instance) }
                throw PluginFailure.permanent(.optedOut, "no more")
            }
        }
        #expect(got?.reason == .optedOut && asked.value == ["a"])
        #expect(await failure { try await dispatcher.chain([], as: ScriptedChannel.self, "complete") { _ in } }?.reason == .configuration)
    }

    @Test func anInstanceOfAnotherKindIsRefused() async throws {
        let bench = Bench()
        let dispatcher = try await running(bench, "a")
        let got = await failure { try await dispatcher.call("a", as: ScriptedAI.self, "complete") { _ in } }
        #expect(got?.disposition == .permanent && got?.message.contains("channel plugin") == true)
    }
}
