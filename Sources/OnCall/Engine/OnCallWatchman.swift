import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization

/// Looks after the one who looks after everything: whether each open escalation took its next step when it was due, and whether each group of alerts was told at all. It reads the rows, beside the engine
/// and not through it, and what it finds leaves by another path than pages do.
public final class OnCallWatchman: Sendable {
    private let engine: any StorageEngine
    private let repository: OnCallRepository
    private let clock: any TimeSource
    private let logger: Logger
    private let tolerance: Duration
    private let alarm: @Sendable (Alert) async throws -> Void
    private let raised = Mutex<Alert?>(nil)

    /// - Parameters:
    ///   - tolerance: how late a step may be.
    ///   - alarm: tells somebody, past the engine, the outbox and the storage: ``PageDelivery/send(_:through:)``. It throws where no person was reached, and is then
    ///     asked again at the next look; else it is told again every quarter of an hour while it lasts, and once when it is over (``PluginAPI/Alert/endsAt``).
    public init(
        engine: any StorageEngine, property: String, clock: any TimeSource, logger: Logger, tolerance: Duration = .seconds(90),
        alarm: @escaping @Sendable (Alert) async throws -> Void
    ) {
        self.engine = engine
        repository = OnCallRepository(property: property)
        self.clock = clock
        self.logger = logger
        self.tolerance = tolerance
        self.alarm = alarm
    }

    /// Looks every so often, until the task is cancelled.
    public func run(every interval: Duration = .seconds(30)) async {
        while (try? await clock.sleep(for: interval)) != nil { await look() }
    }

    /// Looks once.
    /// - Returns: what is overdue, in words.
    @discardableResult
    public func look() async -> [String] {
        let now = clock.now, limit = now.addingTimeInterval(-tolerance.seconds)
        var findings: [String] = []
        do {
            findings = try await engine.read { [repository] in try repository.overdue(before: limit, $0) }
        } catch {
            findings = ["the escalations cannot be read: \(error)"]
        }
        await tell(findings, at: now)
        return findings
    }

    private func tell(_ findings: [String], at now: Date) async {
        let known = raised.withLock { $0 }
        guard let first = findings.first else {
            guard var alert = known else { return }
            alert.endsAt = now
            alert.summary = "escalations take their steps on time again"
            if await send(alert) { raised.withLock { $0 = nil } }
            return
        }
        // A quarter of an hour is when it is told again.
        // A clock that was put back must not make it silent for as long.
        if let known, abs(now.timeIntervalSince(known.startsAt)) < 900 { return }
        let more = findings.count > 1 ? ", and \(findings.count - 1) more" : ""
        let alert = Alert(
            fingerprint: "oncall:watchman", name: "EscalationOverdue", severity: .critical, summary: "\(first)\(more)",
            detail: findings.prefix(20).joined(separator: "\n"), labels: ["alertname": "EscalationOverdue"], startsAt: now, isEmergency: true)
        logger.critical("an escalation did not take its step", metadata: ["matters": "\(findings.count)", "first": "\(first)"])
        if await send(alert) { raised.withLock { $0 = alert } }
    }

    private func send(_ alert: Alert) async -> Bool {
        do {
            try await alarm(alert)
            return true
        } catch {
            logger.critical("the watchman could tell nobody", metadata: ["alert": "\(alert.summary)", "error": "\(error)"])
            return false
        }
    }
}
