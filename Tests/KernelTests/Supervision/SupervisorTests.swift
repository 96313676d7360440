import Logging
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

@Suite(.timeLimit(.minutes(1))) struct SupervisorTests {
    private let bench = Bench()
    private static let down = PluginFailure.notReady(.unreachable, "nobody answers")

    // MARK: The state machine

    @Test func onlyTheTransitionsOfTheTableExist() {
        let allowed: Set<String> = [
            "stopped>starting", "starting>running", "starting>failed", "starting>stopping", "running>degraded", "running>failed", "running>stopping",
            "degraded>running", "degraded>failed", "degraded>stopping", "failed>starting", "failed>stopping", "failed>stopped", "stopping>stopped",
        ]
        let found = InstanceState.allCases.flatMap { state in state.successors.map { "\(state.rawValue)>\($0.rawValue)" } }
        #expect(Set(found) == allowed)
    }

    /// Each word that could move the state, said in each state where it must change nothing.
    @Test func whatIsSaidAtTheWrongTimeChangesNothing() async throws {
        let health = Mutexed<(any HealthReporter)?>(nil)
        let script = Script(start: { context in health.update { $0 = context.health } })
        let supervisor = bench.supervisor("one", script)
        try await supervisor.start()
        let reporter = try #require(health.value)
        reporter.recovered()
        #expect(supervisor.status.state == .running)
        await supervisor.stop()
        for word in [{ reporter.degraded("x") }, { reporter.recovered() }, { reporter.credentialsRejected("x") }] as [() -> Void] {
            word()
            #expect(supervisor.status.state == .stopped && !supervisor.status.needsCredentials && supervisor.status.reason == nil)
        }
        // A new start's state is not for the old plugin to change.
        try await supervisor.start()
        reporter.credentialsRejected("the old one's word")
        #expect(supervisor.status.state == .running)
        try await supervisor.start()
        #expect(script.count("start one") == 2, "a start while it runs does nothing")
    }

    @Test func eachChangeIsToldInItsOrder() async throws {
        let told = bench.bus.subscribe(to: InstanceChanged.self)
        let supervisor = bench.supervisor()
        try await supervisor.start()
        await supervisor.stop()
        var lines: [String] = []
        for await change in told {
            lines.append("\(change.before.rawValue)>\(change.status.state.rawValue)")
            if lines.count == 4 { break }
        }
        #expect(lines == ["stopped>starting", "starting>running", "running>stopping", "stopping>stopped"])
        #expect(bench.metrics.values("jack_instance_up", ["instance": "one", "kind": "channel"]) == [0, 1, 0, 0])
    }

    @Test func degradedAndRecoveredAreSaidOnce() async throws {
        let health = Mutexed<(any HealthReporter)?>(nil)
        let supervisor = bench.supervisor("one", Script(start: { context in health.update { $0 = context.health } }))
        try await supervisor.start()
        let reporter = try #require(health.value)
        for _ in 0..<5 { reporter.degraded("slow") }
        #expect(supervisor.status.state == .degraded && supervisor.status.reason == "slow")
        #expect(bench.logs.lines(.warning).count == 1)
        reporter.degraded("slower")
        #expect(supervisor.status.reason == "slower" && bench.logs.lines(.warning).count == 2)
        for _ in 0..<5 { reporter.recovered() }
        #expect(supervisor.status.state == .running && supervisor.status.reason == nil)
        #expect(bench.logs.lines.count { $0.message == "instance running" } == 2, "at the start, and when it was well again")
    }

    @Test func whatAPluginSaysDuringItsStartCountsAfterwards() async throws {
        let degraded = bench.supervisor("one", Script(start: { $0.health.degraded("half of it answers") }))
        try await degraded.start()
        #expect(degraded.status.state == .degraded && degraded.status.reason == "half of it answers")
        let rejected = bench.supervisor("two", Script(start: { $0.health.credentialsRejected("expired") }), ScriptedChannel.self, .fail)
        #expect(await failure { try await rejected.start() }?.disposition == .credentialsRejected)
        #expect(rejected.status.state == .failed && rejected.status.needsCredentials)
    }

    // MARK: Starts that fail

    @Test func failThrows() async throws {
        let supervisor = bench.supervisor("one", Script(start: { _ in throw Self.down }), ScriptedChannel.self, .fail)
        #expect(await failure { try await supervisor.start() }?.reason == .unreachable)
        #expect(supervisor.status.state == .failed && supervisor.status.failedStarts == 1)
        #expect(bench.clock.sleepers == 0, "nobody tries again")
    }

    @Test func disableLeavesItOff() async throws {
        let script = Script(start: { _ in throw Self.down })
        let supervisor = bench.supervisor("one", script, ScriptedChannel.self, .disable)
        try await supervisor.start()
        #expect(supervisor.status.state == .stopped)
        #expect(supervisor.status.reason == "did not start and is left off: nobody answers")
        await bench.clock.advance(by: .seconds(3600))
        #expect(script.count("start one") == 1)
        #expect(
            await failure { try await supervisor.call(as: ScriptedChannel.self, "send", CallOptions()) { _ in } }?.message.contains("left off")
                == true)
    }

    @Test func retryTriesWithBackOffUntilItRuns() async throws {
        let script = Script()
        script.onStart { [bench] _ in
            script.note("at \(bench.clock.monotonic.text)")
            if script.count("start one") < 4 { throw Self.down }
        }
        let supervisor = bench.supervisor("one", script)
        try await supervisor.start()
        #expect(supervisor.status.state == .failed, "start returns, and the others go on")
        #expect(await bench.sleepOut(.seconds(1), .seconds(2), .seconds(4)))
        #expect(await eventually { supervisor.status.state == .running })
        #expect(script.journal.filter { $0.hasPrefix("at") } == ["at 0s", "at 1s", "at 3s", "at 7s"])
        #expect(supervisor.status.failedStarts == 0)
        #expect(script.count("stop one") == 3, "what a failed start began is stopped")
        #expect(bench.ended.value.count == 3)
    }

    @Test(arguments: [PluginFailure.permanent(.configuration, "no such hotel"), .credentialsRejected("wrong token")])
    func whatCannotGetBetterIsNotTriedAgain(_ refusal: PluginFailure) async throws {
        let script = Script(start: { _ in throw refusal })
        let supervisor = bench.supervisor("one", script)
        try await supervisor.start()
        await bench.clock.advance(by: .seconds(3600))
        #expect(script.count("start one") == 1 && supervisor.status.state == .failed)
        #expect(supervisor.status.needsCredentials == (refusal.disposition == .credentialsRejected))
    }

    @Test func aPluginThatCannotBeMadeHasNotStarted() async throws {
        let script = Script()
        script.onMake { _ in throw PluginFailure.permanent(.configuration, "no folder") }
        let supervisor = bench.supervisor("one", script, ScriptedChannel.self, .fail)
        #expect(await failure { try await supervisor.start() }?.message == "no folder")
        #expect(bench.ended.value == ["one"] && script.journal.isEmpty)
    }

    @Test func aStartThatHangsIsGivenUpAndStoppedWhenItSucceedsAfterAll() async throws {
        let door = Door(), script = Script()
        script.onStart { _ in if script.count("start one") == 1 { await door.pass() } }
        let supervisor = bench.supervisor("one", script)
        let starting = Task { try await supervisor.start() }
        await bench.clock.waitForSleepers(1)
        await bench.clock.advance(by: .seconds(30))
        try await starting.value
        #expect(supervisor.status.state == .failed && supervisor.status.reason?.contains("did not start within 30s") == true)
        #expect(await bench.pass { supervisor.status.state == .running }, "the next try runs")
        #expect(script.count("stop one") == 0)
        door.open()
        #expect(await eventually { script.count("stop one") == 1 }, "the late one is stopped")
        #expect(supervisor.status.state == .running, "and the one that runs is not")
    }

    // MARK: Stopping

    @Test func stopIsSafeWithoutStartAndTwice() async throws {
        let script = Script()
        let supervisor = bench.supervisor("one", script)
        await supervisor.stop()
        #expect(supervisor.status.state == .stopped && script.journal.isEmpty)
        try await supervisor.start()
        let door = Door()
        script.onStop { _ in await door.pass() }
        let first = Task { await supervisor.stop() }
        #expect(await eventually { script.count("stop one") == 1 })
        let second = Task { await supervisor.stop() }
        #expect(supervisor.status.state == .stopping)
        door.open()
        await second.value
        #expect(supervisor.status.state == .stopped, "the second waits for the first")
        await first.value
        await supervisor.stop()
        #expect(script.count("stop one") == 1)
    }

    @Test func aStopWhileItStartsWins() async throws {
        let door = Door(), script = Script(start: { _ in await door.pass() })
        let supervisor = bench.supervisor("one", script)
        let starting = Task { try await supervisor.start() }
        #expect(await eventually { script.count("start one") == 1 })
        await supervisor.stop()
        try await starting.value
        #expect(supervisor.status.state == .stopped)
        door.open()
        #expect(await eventually { script.count("stop one") == 1 })
        await bench.clock.advance(by: .seconds(3600))
        #expect(supervisor.status.state == .stopped && script.count("start one") == 1, "it does not come back by itself")
    }

    @Test func aStopEndsTheTriesInTheBackground() async throws {
        let script = Script(start: { _ in throw Self.down })
        let supervisor = bench.supervisor("one", script)
        try await supervisor.start()
        await bench.clock.waitForSleepers(1)
        await supervisor.stop()
        await bench.clock.advance(by: .seconds(3600))
        #expect(supervisor.status.state == .stopped && script.count("start one") == 1)
    }

    @Test func theLateStartOfAnEarlierTryIsNotTakenForThisOne() async throws {
        let door = Door(), script = Script()
        script.onStart { _ in if script.count("start one") == 1 { await door.pass() } }
        let supervisor = bench.supervisor("one", script)
        let first = Task { try await supervisor.start() }
        #expect(await eventually { script.count("start one") == 1 })
        await supervisor.stop()
        try await first.value
        let second = Door()
        script.onStart { _ in await second.pass() }
        let again = Task { try await supervisor.start() }
        #expect(await eventually { script.count("start one") == 2 })
        door.open()
        #expect(await eventually { script.count("stop one") == 1 })
        #expect(supervisor.status.state == .starting)
        second.open()
        try await again.value
        #expect(supervisor.status.state == .running && script.count("stop one") == 1)
    }

    @Test func aStopWaitsForCallsUnderWayAndLetsNoMoreIn() async throws {
        let script = Script()
        let supervisor = bench.supervisor("one", script)
        try await supervisor.start()
        let door = Door()
        let call = Task {
            try await supervisor.call(as: ScriptedChannel.self, "send", CallOptions()) { _ in
                await door.pass()
                script.note("sent")
            }
        }
        #expect(await eventually { supervisor.inFlight == 1 })
        let stopping = Task { await supervisor.stop() }
        #expect(await eventually { supervisor.status.state == .stopping })
        #expect(await failure { try await supervisor.call(as: ScriptedChannel.self, "send", CallOptions()) { _ in } }?.reason == .unreachable)
        door.open()
        try await call.value
        #expect(await bench.pass(.milliseconds(10)) { supervisor.status.state == .stopped })
        await stopping.value
        #expect(script.journal == ["start one", "sent", "stop one"])
    }

    @Test func aCallThatHangsHoldsTheStopUpOnlySoLong() async throws {
        let script = Script(), door = Door()
        let supervisor = bench.supervisor("one", script)
        try await supervisor.start()
        let call = Task { try await supervisor.call(as: ScriptedChannel.self, "send", CallOptions(attempts: 1)) { _ in await door.pass() } }
        #expect(await eventually { supervisor.inFlight == 1 })
        let stopping = Task { await supervisor.stop(drain: .seconds(2)) }
        #expect(await bench.pass(.milliseconds(100)) { supervisor.status.state == .stopped })
        await stopping.value
        #expect(bench.clock.monotonic <= .seconds(3) && script.count("stop one") == 1)
        door.open()
        try await call.value
    }

    @Test func aPluginThatHangsInItsStopIsLeftBehind() async throws {
        let door = Door()
        let supervisor = bench.supervisor("one", Script(stop: { _ in await door.pass() }))
        try await supervisor.start()
        let stopping = Task { await supervisor.stop(drain: .seconds(5)) }
        #expect(await bench.pass { supervisor.status.state == .stopped })
        await stopping.value
        #expect(bench.logs.contains("did not stop within 5s"))
        #expect(bench.ended.value == ["one"])
        door.open()
    }

    @Test func aCallInItsBackOffDoesNotReachAStoppedPlugin() async throws {
        let supervisor = bench.supervisor()
        try await supervisor.start()
        let tries = Mutexed(0)
        let call = Task {
            try await supervisor.call(as: ScriptedChannel.self, "send", CallOptions(attempts: 2)) { _ in
                tries.update { $0 += 1 }
                throw Self.down
            }
        }
        #expect(await eventually { tries.value == 1 && supervisor.inFlight == 0 })
        await bench.clock.waitForSleepers(1)
        await supervisor.stop()
        await bench.clock.advance(by: .seconds(10))
        #expect(await failure { try await call.value }?.message.contains("one is stopped") == true)
        #expect(tries.value == 1)
    }

    @Test func aCancelledStopStillStops() async throws {
        let script = Script()
        let supervisor = bench.supervisor("one", script)
        try await supervisor.start()
        let stopping = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            await supervisor.stop()
        }
        await stopping.value
        #expect(supervisor.status.state == .stopped && script.count("stop one") == 1)
        #expect(!bench.logs.contains("did not stop cleanly"))
    }

    @Test func aStartAfterRejectedCredentialsStopsTheOldPluginFirst() async throws {
        let script = Script(), health = Mutexed<(any HealthReporter)?>(nil)
        script.onStart { context in health.update { $0 = context.health } }
        let supervisor = bench.supervisor("one", script)
        try await supervisor.start()
        health.value?.credentialsRejected("expired")
        #expect(supervisor.status.state == .failed && supervisor.status.needsCredentials)
        try await supervisor.start()
        #expect(script.journal == ["start one", "stop one", "start one"])
        #expect(supervisor.status.state == .running && !supervisor.status.needsCredentials)
    }

    // MARK: Probing

    @Test func aPluginThatDoesNotRunIsProbedWithoutAStart() async throws {
        let script = Script()
        let supervisor = bench.supervisor("one", script)
        _ = try await supervisor.probe()
        #expect(script.journal.isEmpty && supervisor.status.state == .stopped && bench.ended.value == ["one"])
    }
}
