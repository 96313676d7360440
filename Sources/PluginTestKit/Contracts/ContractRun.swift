import Foundation
import Kernel
import PluginAPI
import Synchronization

/// One run of a suite: the vendor, the rooms in which instances live, and what was found.
final class ContractRun<P: Plugin>: Sendable {
    /// What a call came to.
    enum Outcome: Sendable {
        case success
        case failure(PluginFailure)
        case cancelled
        case untyped(String)
        case hung

        var kind: FakeVendor.Outcome? {
            switch self {
            case .success: .success
            case .failure(let failure):
                switch failure.disposition {
                case .notReady: .notReady
                case .credentialsRejected: .credentialsRejected
                default: .permanent
                }
            default: nil
            }
        }

        var words: String {
            switch self {
            case .success: "success"
            case .failure(let failure): failure.description
            case .cancelled: "a cancellation"
            case .untyped(let text): "an untyped error (\(text))"
            case .hung: "nothing: it did not return"
            }
        }
    }

    /// Words that no plugin may repeat: they stand where a guest's words and address stand.
    static var canary: String { "guestword7f3a" }

    let contract: PluginContract<P>
    let operations: [ContractOperation<P>]
    let stage: VendorStage?
    private let engine: CurlEngine
    private let found = Mutex(ContractReport())
    private let said = Mutex<[(place: String, text: String)]>([])
    private let calls = Mutex(0)
    private let hung = Mutex(false)

    /// True once `stop` has not returned in time.
    var hasHung: Bool { hung.withLock { $0 } }

    private init(_ contract: PluginContract<P>, _ operations: [ContractOperation<P>], _ stage: VendorStage?, _ engine: CurlEngine) {
        self.contract = contract
        self.operations = operations
        self.stage = stage
        self.engine = engine
    }

    /// Runs what every plugin owes, and then what its kind does.
    static func perform(
        _ contract: PluginContract<P>, operations: [ContractOperation<P>], guestWords: [String] = [],
        _ more: @Sendable (ContractRun<P>) async throws -> Void
    ) async -> ContractReport {
        do {
            let engine = try CurlEngine(limits: .init(connectionsPerHost: 64))
            let stage: VendorStage?
            if let vendor = contract.vendor { stage = try await VendorStage.open(vendor) } else { stage = nil }
            let run = ContractRun(contract, operations, stage, engine)
            run.found.withLock { $0.exempted = contract.exemptions }
            await run.checkDeclarations()
            if await run.canBeMade() {
                await run.checkLifecycle()
                // Each of the checks below stops many instances: with one that does not stop they would all wait.
                if !run.hasHung {
                    await run.checkReplies()
                    await run.checkCalls()
                    await run.checkWebhooks()
                    try await more(run)
                }
            }
            run.checkSilence(guestWords + [canary])
            await engine.shutdown()
            await stage?.server.shutdown()
            return run.found.withLock { $0 }
        } catch {
            var report = ContractReport()
            report.violations = [Violation("suite", "the suite itself failed: \(error)")]
            return report
        }
    }

    // MARK: Findings

    func violate(_ obligation: Obligation, _ message: String) {
        guard contract.exemptions[obligation] == nil else { return }
        found.withLock { report in
            let violation = Violation(obligation, message)
            // One mistake is often met many times: the first five of each kind say enough.
            if report.violations.count(where: { $0.obligation == obligation }) < 5, !report.violations.contains(violation) {
                report.violations.append(violation)
            }
        }
    }

    /// Runs a check, unless the obligation is exempted. What it throws unexpectedly is a violation too.
    func examine(_ obligation: Obligation, _ body: () async throws -> Void) async {
        guard contract.exemptions[obligation] == nil else { return }
        found.withLock { _ = $0.checked.insert(obligation) }
        do { try await body() } catch { violate(obligation, "unexpected: \(error)") }
    }

    func expect(_ condition: Bool, _ obligation: Obligation, _ message: @autoclosure () -> String) {
        if !condition { violate(obligation, message()) }
    }

    /// Keeps what was said, for ``checkSilence(_:)``.
    func note(_ place: String, _ text: String) { said.withLock { $0.append((place, text)) } }

    /// Looks for what must not be said in all that was.
    private func checkSilence(_ guestWords: [String]) {
        let said = said.withLock { $0 }
        func search(_ obligation: Obligation, _ words: [String], _ name: String) {
            guard contract.exemptions[obligation] == nil, !words.isEmpty else { return }
            found.withLock { _ = $0.checked.insert(obligation) }
            for (place, text) in said where words.contains(where: text.contains) { violate(obligation, "\(place) shows \(name)") }
        }
        let secrets = contract.secrets.filter { !$0.isEmpty }.flatMap { secret in
            [secret, Data(secret.utf8).base64EncodedString(), secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? secret]
        }
        search(.noSecrets, secrets, "a secret")
        search(.noGuestData, guestWords.filter { $0.count > 3 }, "what a guest wrote, or a guest's address")
    }

    // MARK: Rooms

    /// An instance and its context.
    struct Room: Sendable {
        let test: TestContext
        let plugin: P
        let http: ContractHTTPClient
    }

    var settings: JSONValue { contract.settings(stage?.base ?? "http://127.0.0.1:9") }

    func context() async throws -> (test: TestContext, http: ContractHTTPClient) {
        let http = ContractHTTPClient(CurlHTTPClient(engine: engine, policy: .unrestricted))
        let test = TestContext(instance: "contract", http: http)
        try await contract.prepare(test)
        return (test, http)
    }

    func room(_ settings: JSONValue? = nil) async throws -> Room {
        let (test, http) = try await context()
        return Room(test: test, plugin: try test.make(P.self, settings ?? self.settings), http: http)
    }

    /// Runs `body` with an instance that has started, and stops it.
    func running<T>(_ settings: JSONValue? = nil, _ body: (Room) async throws -> T) async throws -> T {
        let room = try await room(settings)
        try await room.plugin.start()
        do {
            let result = try await body(room)
            await close(room)
            return result
        } catch {
            await close(room)
            throw error
        }
    }

    private func close(_ room: Room) async {
        await stop(room)
        listen(room.test)
    }

    /// Stops an instance; one that does not stop is a violation, whatever the check is about.
    func stop(_ room: Room) async {
        guard !hasHung, await Self.within(.seconds(5), { await room.plugin.stop() }) == nil else { return }
        hung.withLock { $0 = true }
        violate(.lifecycle, "stop does not return")
    }

    /// Keeps what an instance has said.
    func listen(_ test: TestContext) {
        for line in test.logs.lines { note("a log line (“\(line.message.prefix(60))”)", line.description) }
        note("a metric", test.metrics.text)
        for report in test.health.reports { note("a health report", "\(report)") }
    }

    // MARK: Calls

    /// A call of its own number.
    func call(_ text: String = "\(canaryText)") -> ContractCall {
        ContractCall(
            text: text,
            number: calls.withLock { number in
                number += 1
                return number
            })
    }

    static var canaryText: String { "Good evening, could we have two more towels? \(canary)" }

    /// Makes a call and says what came of it. Untyped errors are violations here, whatever the check is about.
    func outcome(_ name: String, within limit: Duration = .seconds(20), _ body: @escaping @Sendable () async throws -> Void) async -> Outcome {
        let outcome: Outcome =
            await Self.within(limit) {
                do {
                    try await body()
                    return .success
                } catch let failure as PluginFailure {
                    return .failure(failure)
                } catch is CancellationError {
                    return .cancelled
                } catch {
                    return .untyped("\(error)")
                }
            } ?? .hung
        if case .failure(let failure) = outcome {
            note("the failure of \(name) (\(failure.disposition), \(failure.reason.rawValue))", failure.description)
        }
        if case .untyped(let text) = outcome {
            note("an untyped error of \(name)", text)
            violate(.typedFailures, "\(name) threw \(text), which is no PluginFailure")
        }
        return outcome
    }

    func outcome(_ operation: ContractOperation<P>, _ room: Room, _ call: ContractCall? = nil, within limit: Duration = .seconds(20)) async -> Outcome
    {
        let call = call ?? self.call()
        // Whoever waits by the clock of its context would wait for ever: the clock is moved for calls that take long.
        let clock = room.test.clock
        let waking = Task {
            try await Task.sleep(for: .milliseconds(30))
            while !Task.isCancelled {
                await clock.advanceToNextSleeper()
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        defer { waking.cancel() }
        return await outcome(operation.name, within: limit) { try await operation.run(room.plugin, call) }
    }

    /// What `body` gives within a time by the machine's clock, else nil. A body that does not heed its cancellation is left behind.
    static func within<T: Sendable>(_ limit: Duration, _ body: @escaping @Sendable () async -> T) async -> T? {
        let (results, continuation) = AsyncStream<T?>.makeStream()
        let work = Task { continuation.yield(await body()) }
        let limit = Task {
            try? await Task.sleep(for: limit)
            continuation.yield(nil)
        }
        defer {
            work.cancel()
            limit.cancel()
        }
        for await result in results { return result }
        return nil
    }

    private func canBeMade() async -> Bool {
        do {
            _ = try await room()
            return true
        } catch {
            violate(.lifecycle, "an instance cannot be made of the settings that were given: \(error)")
            return false
        }
    }
}
