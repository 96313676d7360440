import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import Synchronization

/// What the gateway asks about the rest of the house.
public protocol HealthSource: Sendable {
    /// Whether the database answers; called with the probe's time limit.
    func isDatabaseConnected() async -> Bool

    /// Each channel instance and how it is: `connected`, `starting`, `degraded`, `disconnected`…
    func channels() async -> [String: String]

    /// What Jack must have to do its work.
    var dependencies: [ReadinessDependency] { get }
}

/// Something that Jack depends on.
public struct ReadinessDependency: Sendable {
    public var name: String
    /// Returns when the dependency is ready; throws what it lacks. The message is shown, so it holds no secret.
    public var check: @Sendable () async throws -> Void

    public init(_ name: String, check: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.check = check
    }
}

/// Answers the health routes.
final class HealthResponder: Sendable {
    private struct Report: Encodable {
        var status: String
        var version: String
        var uptime: Double
        var database: String
        var channels: [String: String]
    }

    private struct Readiness: Encodable {
        struct Item: Encodable {
            var name: String
            var ready: Bool
            var reason: String?
        }
        var ready: Bool
        var not_ready: [String]
        var dependencies: [Item]
    }

    private let source: any HealthSource
    private let version: String
    private let time: any TimeSource
    private let startedAt: Duration
    private let limit: Duration
    /// Checks that have run past their limit and are still running: they are not started again beside themselves.
    private let running = Mutex<Set<String>>([])

    init(source: any HealthSource, version: String, time: any TimeSource, limit: Duration) {
        self.source = source
        self.version = version
        self.time = time
        self.limit = limit
        startedAt = time.monotonic
    }

    func health() async -> PluginResponse {
        let source = source
        let database = await answer("health: database", else: false) { await source.isDatabaseConnected() }
        let channels = await answer("health: channels", else: [:]) { await source.channels() }
        let uptime = ((time.monotonic - startedAt).seconds * 1000).rounded() / 1000
        let report = Report(
            status: database ? "healthy" : "unhealthy", version: version, uptime: uptime, database: database ? "connected" : "disconnected",
            channels: channels)
        return .json(report, status: database ? .ok : .serviceUnavailable)
    }

    func readiness() async -> PluginResponse {
        let items = await withTaskGroup(of: (Int, Readiness.Item).self) { group in
            for (index, dependency) in source.dependencies.enumerated() {
                group.addTask { [self, limit] in
                    let late = "did not answer within \(limit.text)"
                    let reason: String? = await answer("ready: \(dependency.name)", else: late) {
                        do {
                            try await dependency.check()
                            return nil
                        } catch {
                            return (error as? PluginFailure)?.message ?? "\(error)"
                        }
                    }
                    return (index, Readiness.Item(name: dependency.name, ready: reason == nil, reason: reason))
                }
            }
            return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
        let missing = items.filter { !$0.ready }.map(\.name)
        let report = Readiness(ready: missing.isEmpty, not_ready: missing, dependencies: items)
        return .json(report, status: missing.isEmpty ? .ok : .serviceUnavailable)
    }

    /// What `work` returns, or `late` once the limit is over, whether or not `work` heeds its cancellation.
    private func answer<T: Sendable>(_ name: String, else late: T, _ work: @escaping @Sendable () async -> T) async -> T {
        guard running.withLock({ $0.insert(name).inserted }) else { return late }
        let first = FirstOf<T>()
        let task = Task {
            let value = await work()
            running.withLock { _ = $0.remove(name) }
            first.resolve(value)
        }
        let timer = Task {
            try? await time.sleep(for: limit)
            first.resolve(late)
            task.cancel()
        }
        defer { timer.cancel() }
        return await first.value
    }
}

extension PluginResponse {
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> PluginResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let body = try? encoder.encode(value) else { return PluginResponse(.internalServerError) }
        return PluginResponse(status, headers: [.contentType: "application/json", .cacheControl: "no-store"], body: [UInt8](body))
    }
}
