import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

@Suite(.timeLimit(.minutes(1))) struct RegistryTests {
    private let bench = Bench()
    private static let down = PluginFailure.notReady(.unreachable, "nobody answers")

    private func state(_ name: String) -> InstanceState? { bench.registry.supervisor(name)?.status.state }

    @Test func consumersStartFirstAndStopLast() async throws {
        let journal = Script()
        let specs = [
            bench.spec("whatsapp", journal), bench.spec("hotel", journal, ScriptedPMS.self), bench.spec("model", journal, ScriptedAI.self),
            bench.spec("phone", journal, ScriptedSink.self),
        ]
        try await bench.registry.start(specs)
        #expect(bench.registry.all.map(\.spec.name) == ["whatsapp", "hotel", "model", "phone"], "listed in the order of the configuration")
        #expect(bench.registry.all(of: .ai).map(\.spec.name) == ["model"])
        await bench.registry.stop()
        #expect(
            journal.journal == [
                "start phone", "start model", "start hotel", "start whatsapp", "stop whatsapp", "stop hotel", "stop model", "stop phone",
            ])
    }

    @Test func oneSickPluginNeverStopsTheOthers() async throws {
        let hung = Door()
        let specs = [
            bench.spec("throws", Script(start: { _ in throw Self.down }), ScriptedSink.self),
            bench.spec("odd", Script(start: { _ in throw CancellationError() }), ScriptedAI.self),
            bench.spec("hangs", Script(start: { _ in await hung.pass() }), ScriptedPMS.self),
            bench.spec("refuses", Script(start: { _ in throw PluginFailure.permanent(.configuration, "no") })),
            bench.spec("well"),
        ]
        let registry = bench.registry
        let starting = Task { try await registry.start(specs) }
        #expect(await bench.pass { state("well") == .running })
        try await starting.value
        #expect(["throws", "odd", "hangs", "refuses"].allSatisfy { state($0)?.isCallable == false })
        #expect(try await Dispatcher(instances: registry).call("well", as: ScriptedChannel.self, "send") { _ in 1 } == 1)
        let stopping = Task { await registry.stop(drain: .seconds(1)) }
        #expect(await bench.pass { registry.all.allSatisfy { $0.status.state == .stopped } })
        await stopping.value
        hung.open()
    }

    @Test func aStartThatMustNotFailStopsWhatWasStarted() async throws {
        let journal = Script()
        let specs = [
            bench.spec("model", journal, ScriptedAI.self), bench.spec("needed", Script(start: { _ in throw Self.down }), ScriptedChannel.self, .fail),
        ]
        #expect(await failure { try await bench.registry.start(specs) }?.reason == .unreachable)
        #expect(journal.journal == ["start model", "stop model"])
    }

    @Test func whatIsHeldStaysOffUntilItIsReleased() async throws {
        let script = Script()
        try await bench.registry.start([bench.spec("a", script), bench.spec("b")], held: ["a": "it ended the process"])
        #expect(script.journal.isEmpty && state("a") == .stopped && state("b") == .running)
        #expect(bench.registry.supervisor("a")?.status.reason == "it ended the process")
        _ = try await bench.registry.reload([bench.spec("a", script, fingerprint: "2"), bench.spec("b")])
        #expect(script.journal.isEmpty, "a reload does not start it")
        #expect(bench.registry.supervisor("a")?.status.reason == "it ended the process")
        try await bench.registry.release("a")
        #expect(state("a") == .running)
        await bench.registry.hold("a", reason: "by hand")
        #expect(state("a") == .stopped && bench.registry.supervisor("a")?.status.reason == "by hand")
        #expect(await failure { try await bench.registry.release("nobody") }?.reason == .notFound)
    }

    @Test func oneAloneIsRestartedHoweverItIs() async throws {
        let one = Script(), other = Script(), isRenewed = Mutexed(false)
        one.onStart { _ in if !isRenewed.value { throw PluginFailure.credentialsRejected("the token has expired") } }
        try await bench.registry.start([bench.spec("one", one), bench.spec("other", other)])
        #expect(state("one") == .failed)
        let still = try await bench.registry.restart("one")
        #expect(still.state == .failed && still.needsCredentials && still.reason == "the token has expired")
        isRenewed.update { $0 = true }
        let renewed = try await bench.registry.restart("one")
        #expect(renewed.state == .running && !renewed.needsCredentials && renewed.reason == nil)
        // One that runs is stopped first.
        #expect(try await bench.registry.restart("one").state == .running)
        #expect(one.journal.suffix(3) == ["start one", "stop one", "start one"] && other.journal == ["start other"])
        await bench.registry.hold("one", reason: "by hand")
        #expect(await failure { try await bench.registry.restart("one") }?.reason == .held)
        #expect(state("one") == .stopped)
        #expect(await failure { try await bench.registry.restart("nobody") }?.reason == .notFound)
    }

    @Test func whoIsRestartedIsCalledAgainAtOnce() async throws {
        try await bench.registry.start([bench.spec("one", limits: .with { ($0.breakerFailures, $0.attempts) = (1, 1) })])
        let supervisor = try #require(bench.registry.supervisor("one"))
        @Sendable func call(_ body: @escaping @Sendable () throws -> Void) async -> PluginFailure? {
            await failure { try await supervisor.call(as: ScriptedChannel.self, "send", CallOptions()) { _ in try body() } }
        }
        #expect(await call { throw PluginFailure.notReady(.unreachable, "away") }?.reason == .unreachable)
        #expect(await call {}?.reason == .circuitOpen)
        _ = try await bench.registry.restart("one")
        #expect(await call {} == nil)
    }

    @Test func aReloadTouchesOnlyWhatChanged() async throws {
        let same = Script(), old = Script(), new = Script(), gone = Script()
        let order = Script()
        old.onStop { _ in order.note("old stopped") }
        new.onStart { _ in order.note("new started") }
        try await bench.registry.start([bench.spec("same", same), bench.spec("changed", old), bench.spec("gone", gone)])
        let supervisor = bench.registry.supervisor("same")
        let result = try await bench.registry.reload([
            bench.spec("added"), bench.spec("changed", new, fingerprint: "2"), bench.spec("same", same),
        ])
        #expect(result.started == ["added", "changed"] && Set(result.stopped) == ["changed", "gone"])
        #expect(bench.registry.supervisor("same") === supervisor && same.journal == ["start same"])
        #expect(order.journal == ["new started", "old stopped"], "there is no moment without one")
        #expect(gone.journal == ["start gone", "stop gone"] && bench.registry.supervisor("gone") == nil)
        #expect(bench.registry.all.map(\.spec.name) == ["added", "changed", "same"])
    }

    @Test func whatHasFailedIsStartedAgainAndTheOthersAreNotTouched() async throws {
        let well = Script(), sick = Script(start: { _ in throw PluginFailure.credentialsRejected("expired") })
        let off = Script(start: { _ in throw PluginFailure.credentialsRejected("expired") })
        let specs = [bench.spec("well", well), bench.spec("sick", sick, ScriptedSink.self), bench.spec("off", off)]
        try await bench.registry.start(specs)
        await bench.registry.hold("off", reason: "by hand")
        #expect(bench.registry.failed(among: specs).map(\.name) == ["sick"])
        #expect(bench.registry.failed(among: [bench.spec("sick", sick, ScriptedSink.self, fingerprint: "2")]).isEmpty, "a change starts it anyway")
        #expect(await bench.registry.restart(["sick", "off", "well", "nobody"]).map { "\($0.name) \($0.state)" } == ["sick failed", "well running"])
        #expect(sick.count("start sick") == 2 && off.count("start off") == 1 && well.journal == ["start well"])
        sick.onStart { _ in }
        #expect(await bench.registry.restart(["sick"]).map(\.state) == [.running])
        #expect(bench.registry.failed(among: specs).isEmpty)
    }

    @Test func aReloadThatFailsKeepsTheOld() async throws {
        let old = Script(), fresh = Script(), bad = Script(start: { _ in throw Self.down })
        try await bench.registry.start([bench.spec("a", old)])
        let before = bench.registry.supervisor("a")
        // `model` starts before `a`, and must not stay.
        let specs = [bench.spec("model", fresh, ScriptedAI.self), bench.spec("a", bad, fingerprint: "2")]
        #expect(await failure { try await bench.registry.reload(specs) }?.message.contains("a did not start: nobody answers") == true)
        #expect(bench.registry.supervisor("a") === before && state("a") == .running && old.journal == ["start a"])
        #expect(fresh.journal == ["start model", "stop model"] && bench.registry.supervisor("model") == nil)
        await bench.clock.advance(by: .seconds(3600))
        #expect(bad.count("start a") == 1, "nothing goes on trying")
    }
}
