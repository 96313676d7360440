import Logging
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

@Suite(.timeLimit(.minutes(1))) struct InboundGateTests {
    private let clock = VirtualClock()
    private let metrics = MemoryMetrics()
    private let logs = LogRecorder()

    private func limits(_ rate: Double, _ burst: Int) -> InboundLimits {
        var limits = InboundLimits()
        (limits.rate, limits.burst) = (rate, burst)
        return limits
    }

    private func gate(_ rate: Double, _ burst: Int) -> InboundGate {
        InboundGate(instance: "sms", limits: limits(rate, burst), clock: clock, metrics: metrics, logger: logs.logger())
    }

    @Test func aBurstComesInAtOnceAndTheRestAtTheRate() async {
        let gate = gate(2, 3)
        #expect((0..<3).allSatisfy { _ in gate.admit() == nil })
        #expect(gate.admit() == .milliseconds(500) && gate.admit() == .milliseconds(500), "what is refused takes no place")
        #expect(metrics.sum("jack_inbound_limited_total", ["instance": "sms"]) == 2)
        await clock.advance(by: .milliseconds(500))
        #expect(gate.admit() == nil && gate.admit() != nil)
        await clock.advance(by: .seconds(3600))
        #expect((0..<3).allSatisfy { _ in gate.admit() == nil } && gate.admit() != nil, "quiet hours give the burst back, and no more")
    }

    @Test func itIsSaidOnceAMinute() async {
        let gate = gate(0.1, 1)
        for _ in 0..<50 { _ = gate.admit() }
        #expect(logs.lines(.warning).count == 1)
        await clock.advance(by: .seconds(60))
        for _ in 0..<50 { _ = gate.admit() }
        #expect(logs.lines(.warning).count == 2)
    }

    @Test func withoutARateEverythingComesIn() async throws {
        let gate = gate(0, 1)
        #expect((0..<100).allSatisfy { _ in gate.admit() == nil })
        try await gate.enter(1000)
    }

    @Test func noHotelMeetsTheDefault() async throws {
        let gate = InboundGate(instance: "sms", limits: InboundLimits(), clock: clock, metrics: metrics, logger: logs.logger())
        // The receipts of a campaign at 80 messages a second, three each, for ten minutes.
        for _ in 0..<600 {
            #expect((0..<240).allSatisfy { _ in gate.admit() == nil })
            await clock.advance(by: .seconds(1))
        }
    }

    @Test func whatCannotBeRefusedWaitsInItsOrder() async throws {
        let gate = gate(1, 2), order = Mutexed<[Int]>([])
        try await gate.enter(2)
        let first = Task {
            try await gate.enter(1)
            order.update { $0.append(1) }
        }
        #expect(await clock.waitForSleepers(1))
        let second = Task {
            try await gate.enter(1)
            order.update { $0.append(2) }
        }
        #expect(await clock.waitForSleepers(2))
        await clock.advance(by: .milliseconds(999))
        #expect(order.value.isEmpty)
        await clock.advance(by: .milliseconds(1))
        try await first.value
        #expect(order.value == [1])
        await clock.advance(by: .seconds(1))
        try await second.value
        #expect(order.value == [1, 2])
    }

    @Test func whoIsCancelledWhileItWaitsDidNotComeIn() async throws {
        let gate = gate(1, 1)
        try await gate.enter(1)
        let waiting = Task { try await gate.enter(1) }
        #expect(await clock.waitForSleepers(1))
        waiting.cancel()
        #expect(await waiting.result.failed(with: CancellationError.self))
        await clock.advance(by: .seconds(1))
        #expect(gate.admit() == nil)
    }

    @Test func moreThanTheBurstComesInWhereTheWayIsEmpty() async throws {
        let gate = gate(10, 5)
        try await gate.enter(100)
        #expect(gate.admit() == .milliseconds(9600))
    }

    @Test func aReloadIsNoWayAroundIt() async throws {
        let bench = Bench()
        var spec = bench.spec("sms")
        spec.inbound = limits(0.01, 1)
        try await bench.registry.start([spec])
        #expect(bench.registry.supervisor("sms")?.inbound.admit() == nil && bench.registry.supervisor("sms")?.inbound.admit() != nil)
        let before = bench.registry.supervisor("sms")
        spec.fingerprint = "2"
        _ = try await bench.registry.reload([spec])
        #expect(bench.registry.supervisor("sms") !== before && bench.registry.supervisor("sms")?.inbound.admit() != nil)
        spec.fingerprint = "3"
        spec.inbound = limits(0.01, 2)
        _ = try await bench.registry.reload([spec])
        #expect(bench.registry.supervisor("sms")?.inbound.admit() == nil, "the new limits hold at once")
        #expect(bench.registry.supervisor("sms")?.inbound.admit() != nil)
    }
}

struct InboundConfigurationTests {
    private typealias Fixtures = ConfigurationFixtures

    private func load(_ instance: String) throws -> LoadedConfiguration {
        let (configuration, diagnostics) = Fixtures.loader(Fixtures.hotel + "channels:\n  webchat: {\(instance)}\n").load()
        #expect(diagnostics.all.isEmpty)
        return try #require(configuration)
    }

    @Test func itIsReadShownAndComparedLikeTheOtherLimits() throws {
        let plain = try load(""), narrow = try load("inbound: {rate: 20, burst: 40}")
        #expect(plain.instances[0].spec.inbound == InboundLimits())
        #expect(narrow.instances[0].spec.inbound.rate == 20 && narrow.instances[0].spec.inbound.burst == 40)
        let changed = ConfigurationDiff(from: plain, to: narrow).changed
        #expect(changed.map { Set($0.reasons) } == [["inbound.rate", "inbound.burst"]])
        #expect(ConfigurationPrinter.yaml(plain).contains("\n    inbound:\n      rate: 500\n      burst: 5000\n"))
        #expect(SampleGenerator(registrations: Fixtures.registrations).document().contains("inbound:"))
        let schema = JSONText.pretty(JSONSchemaGenerator(registrations: Fixtures.registrations).schema())
        #expect(schema.contains("\"inbound\""))
    }

    @Test(arguments: ["{rate: -1}", "{rate: often}", "{burst: 0}", "{speed: 1}", "5"]) func nonsenseIsSaid(_ inbound: String) {
        let (configuration, diagnostics) = Fixtures.loader(Fixtures.hotel + "channels:\n  webchat: {inbound: \(inbound)}\n").load()
        #expect(configuration == nil && diagnostics.hasErrors)
    }
}
