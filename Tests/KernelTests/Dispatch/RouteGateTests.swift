import Dispatch
import Foundation
import HTTPTypes
import Logging
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

/// What the gateway has an instance do: webhooks, pages and sockets of a plugin that hangs.
@Suite(.timeLimit(.minutes(1))) struct RouteGateTests {
    private let bench = Bench()

    private func start(_ routes: [PluginRoute], limits: CallLimits = CallLimits()) async throws -> PluginSupervisor {
        let spec = InstanceSpec(
            name: "one", registration: PluginRegistration(RoutedChannel.self), settings: RoutedSettings(routes), limits: limits, fingerprint: "1")
        let supervisor = PluginSupervisor(spec, bench.environment)
        try await supervisor.start()
        return supervisor
    }

    private func hook(_ parse: @escaping @Sendable (PluginRequest) async throws -> WebhookResult) -> PluginRoute {
        hook(verify: { _ in true }, parse)
    }

    private func hook(
        verify: @escaping @Sendable (PluginRequest) -> Bool, _ parse: @escaping @Sendable (PluginRequest) async throws -> WebhookResult
    ) -> PluginRoute {
        .webhook(WebhookRoute(verification: .custom(secret: Secret("s")) { request, _ in verify(request) }, parse: parse))
    }

    private func webhook(_ supervisor: PluginSupervisor) throws -> WebhookRoute {
        try #require(supervisor.routes.lazy.compactMap { if case .webhook(let hook) = $0 { hook } else { nil } }.first)
    }

    private func request(_ body: String = "") -> PluginRequest {
        PluginRequest(method: .post, path: "/", body: Array(body.utf8), remoteAddress: "192.0.2.1", url: "https://jack.test/")
    }

    private func take(_ hook: WebhookRoute, _ body: String = "") async -> PluginFailure? {
        await failure { try await hook.take(request(body)) { $0 ? nil : CancellationError() } }
    }

    private func calls(_ operation: String, _ outcome: String) -> Double {
        bench.metrics.sum("jack_calls_total", ["instance": "one", "operation": operation, "outcome": outcome])
    }

    @Test func aParseThatHangsIsGivenUpAndCancelled() async throws {
        let door = Door(), wasCancelled = Mutexed(false)
        let supervisor = try await start([
            hook { _ in
                await door.pass()
                wasCancelled.update { $0 = Task.isCancelled }
                return WebhookResult([])
            }
        ])
        let hook = try webhook(supervisor)
        async let refused = take(hook)
        #expect(await bench.sleepOut(.seconds(10)))
        let failure = await refused
        #expect(failure?.disposition == .notReady && failure?.reason == .timeout, "\(String(describing: failure))")
        #expect(calls("webhook", "timeout") == 1 && calls("webhook", "ok") == 0)
        #expect(bench.metrics.values("jack_call_duration_seconds", ["instance": "one", "operation": "webhook"]) == [10_000_000_000])
        #expect(bench.logs.lines(.warning).map(\.message) == ["an instance did not answer a request in time"])
        #expect(supervisor.status.state == .running, "one alone says little")
        door.open()
        #expect(await eventually { wasCancelled.value })
        await supervisor.stop()
    }

    /// What blocks its thread cannot be cancelled; whoever waits for it is answered all the same.
    @Test func aCheckThatBlocksIsGivenUpAndNothingIsRead() async throws {
        let block = DispatchSemaphore(value: 0), isRead = Mutexed(false), isAsked = Mutexed(false)
        defer { block.signal() }
        let supervisor = try await start([
            hook(verify: { _ in
                block.wait()
                return true
            }) { _ in
                isRead.update { $0 = true }
                return WebhookResult([])
            }
        ])
        let hook = try webhook(supervisor)
        async let refused = failure {
            try await hook.take(request()) { _ in
                isAsked.update { $0 = true }
                return nil
            }
        }
        #expect(await bench.sleepOut(.seconds(10)))
        #expect(await refused?.reason == .timeout)
        #expect(!isRead.value && !isAsked.value)
    }

    @Test func whatIsRefusedInBetweenIsNotRead() async throws {
        let isRead = Mutexed(false)
        let supervisor = try await start([
            hook(verify: { $0.body == [0x73] }) { _ in
                isRead.update { $0 = true }
                return WebhookResult([])
            }
        ])
        let hook = try webhook(supervisor)
        let reading = try await hook.take(request("x")) { $0 ? nil : PluginFailure.permanent(.unauthorized, "no") }
        guard case .refused(let error as PluginFailure) = reading else {
            Issue.record("it was let in")
            return
        }
        #expect(error.reason == .unauthorized && !isRead.value)
        guard case .read = try await hook.take(request("s"), refusal: { $0 ? nil : CancellationError() }) else {
            Issue.record("it was not let in")
            return
        }
        #expect(isRead.value && calls("webhook", "ok") == 2, "a refusal of the gateway's is no failure of the plugin's")
        await supervisor.stop()
        #expect(bench.clock.sleepers == 0, "who has stopped watches nothing")
    }

    @Test func whoHangsAgainAndAgainIsDegradedAndRefusedUntilItAnswers() async throws {
        let hangs = Mutexed(true)
        let supervisor = try await start(
            [
                hook { _ in
                    if hangs.value { try await Task.sleep(for: .seconds(3600)) }
                    return WebhookResult([])
                }
            ], limits: .with { $0.breakerFailures = 2 })
        let hook = try webhook(supervisor)
        for expected in [InstanceState.running, .degraded] {
            async let refused = take(hook)
            #expect(await bench.sleepOut(.seconds(10)))
            #expect(await refused?.reason == .timeout)
            #expect(await eventually { supervisor.status.state == expected })
        }
        let refused = await take(hook)
        #expect(refused?.reason == .circuitOpen && refused?.retryAfter == .seconds(30))
        #expect(calls("webhook", "refused") == 1)
        #expect(bench.logs.lines(.warning).count == 2, "once when it began, and once as the instance's state: \(bench.logs.text)")
        // One is let through to see, and it hangs still.
        await bench.clock.advance(by: .seconds(30))
        async let probe = take(hook)
        #expect(await bench.sleepOut(.seconds(10)))
        #expect(await probe?.reason == .timeout)
        #expect(await take(hook)?.reason == .circuitOpen)
        #expect(bench.logs.lines(.warning).count == 2)
        hangs.update { $0 = false }
        await bench.clock.advance(by: .seconds(30))
        #expect(await take(hook) == nil)
        #expect(supervisor.status.state == .running && supervisor.status.reason == nil)
        #expect(await take(hook) == nil)
        await supervisor.stop()
    }

    /// Strangers send requests: what a plugin refuses must not shut others out.
    @Test func whatThrowsAtOnceIsNoTrouble() async throws {
        let supervisor = try await start(
            [hook { _ in throw PluginFailure.permanent(.invalidRequest, "no message in it") }], limits: .with { $0.breakerFailures = 1 })
        let hook = try webhook(supervisor)
        for _ in 0..<4 { #expect(await take(hook)?.reason == .invalidRequest) }
        #expect(supervisor.status.state == .running && calls("webhook", "invalid-request") == 4 && calls("webhook", "refused") == 0)
        await supervisor.stop()
    }

    @Test func aPageThatHangsIsGivenUp() async throws {
        let door = Door()
        let supervisor = try await start([
            .page(
                PageRoute(path: "/p") { _ in
                    await door.pass()
                    return PluginResponse(.ok)
                })
        ])
        guard case .page(let page)? = supervisor.routes.first else {
            Issue.record("no page")
            return
        }
        async let refused = failure { try await page.respond(request()).status.code }
        #expect(await bench.sleepOut(.seconds(10)))
        #expect(await refused?.reason == .timeout)
        #expect(calls("page", "timeout") == 1)
        door.open()
        await supervisor.stop()
    }

    /// A guest who does not read can hold up whoever answers: that must not turn the others away.
    @Test func aSocketsMessageHasTheTimeOfACallAndSaysNothingOfHealth() async throws {
        let door = Door(), closed = Mutexed(0)
        let supervisor = try await start(
            [
                .socket(
                    SocketRoute(path: "/s") { _ in
                        HangingReceiver(door: door) { closed.update { $0 += 1 } }
                    })
            ], limits: .with { $0.breakerFailures = 1 })
        guard case .socket(let socket)? = supervisor.routes.first else {
            Issue.record("no socket")
            return
        }
        for round in 1...2 {
            let receiver = try await socket.open(NoConnection())
            async let refused = failure { try await receiver.receive("hello") }
            #expect(await bench.pass(.seconds(10)) { calls("socket-message", "timeout") == Double(round) })
            #expect(await refused?.reason == .timeout)
            await receiver.closed()
        }
        #expect(closed.value == 2 && calls("socket-open", "ok") == 2)
        let durations = bench.metrics.values("jack_call_duration_seconds", ["instance": "one", "operation": "socket-message"])
        #expect(durations.count == 2 && durations.allSatisfy { $0 >= 30_000_000_000 }, "\(durations)")
        #expect(supervisor.status.state == .running)
        door.open()
        await supervisor.stop()
    }

    /// A socket's calls come one after the other, the end of a cancelled one included.
    @Test func whoIsCancelledWaitsForTheEndOfTheWork() async throws {
        let door = Door(), script = Script()
        let supervisor = try await start([
            hook { _ in
                script.note("begins")
                await door.pass()
                script.note("ends")
                return WebhookResult([])
            }
        ])
        let hook = try webhook(supervisor)
        let caller = Task {
            let failure = await take(hook)
            script.note("told")
            return failure
        }
        #expect(await eventually { script.count("begins") == 1 })
        caller.cancel()
        await bench.clock.advance(by: .seconds(1))
        #expect(script.count("told") == 0)
        door.open()
        #expect(await caller.value == nil)
        #expect(script.journal == ["begins", "ends", "told"])
        await supervisor.stop()
    }

    @Test func oneTimerServesAll() async throws {
        let door = Door(), begun = Mutexed(0)
        let supervisor = try await start([
            hook { _ in
                begun.update { $0 += 1 }
                await door.pass()
                return WebhookResult([])
            }
        ])
        let hook = try webhook(supervisor)
        await withTaskGroup(of: PluginFailure?.self) { tasks in
            for _ in 0..<50 { tasks.addTask { await take(hook) } }
            #expect(await eventually { begun.value == 50 })
            #expect(await bench.clock.waitForSleepers(1) && bench.clock.sleepers == 1)
            door.open()
            for await failure in tasks { #expect(failure == nil) }
        }
        #expect(calls("webhook", "ok") == 50)
        // It finds nothing to watch any more.
        await bench.clock.advance(by: .seconds(10))
        #expect(bench.clock.sleepers == 0)
        await supervisor.stop()
    }
}

/// A channel that serves what a test says.
private struct RoutedChannel: Plugin {
    static let manifest = PluginManifest(id: "routed", summary: "Serves routes.", stability: .stable)
    static let kind = PluginKind.channel
    let routes: [PluginRoute]

    init(settings: RoutedSettings, context: PluginContext) { routes = settings.routes }
}

private struct RoutedSettings: PluginSettings {
    let routes: [PluginRoute]
    init() { routes = [] }
    init(_ routes: [PluginRoute]) { self.routes = routes }
    init(from decoder: any Decoder) throws { self.init() }
}

private struct HangingReceiver: SocketReceiver {
    let door: Door
    let end: @Sendable () -> Void

    func receive(_ text: String) async throws { await door.pass() }
    func closed() async { end() }
}

private struct NoConnection: SocketConnection {
    var request: PluginRequest { PluginRequest(method: .get, path: "/s", remoteAddress: "192.0.2.1", url: "https://jack.test/s") }
    func send(_ text: String) async throws {}
    func close(code: UInt16, reason: String) async {}
}
