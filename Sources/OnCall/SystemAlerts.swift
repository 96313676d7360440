import Foundation
import Kernel
import Logging
import PluginAPI

/// Raises alerts for what goes wrong in Jack itself: instances that fail, and what could not be delivered.
public struct SystemAlerts: Sendable {
    private let engine: any StorageEngine
    private let alerts: AlertIntake
    private let bus: EventBus
    private let clock: any TimeSource
    private let logger: Logger

    public init(engine: any StorageEngine, alerts: AlertIntake, bus: EventBus, clock: any TimeSource, logger: Logger) {
        self.engine = engine
        self.alerts = alerts
        self.bus = bus
        self.clock = clock
        self.logger = logger
    }

    /// Watches until the task is cancelled.
    public func run() async {
        await withTaskGroup(of: Void.self) { tasks in
            let changes = bus.subscribe(to: InstanceChanged.self), letters = bus.subscribe(to: DeadLetter.self)
            tasks.addTask { for await change in changes { await raise(change) } }
            tasks.addTask { for await letter in letters { await raise(letter) } }
        }
    }

    private func raise(_ change: InstanceChanged) async {
        let status = change.status
        let wasWell = change.before != .failed && change.before != .degraded
        let isWell = status.state == .running
        guard status.state == .failed || status.state == .degraded ? true : isWell && !wasWell else { return }
        await raise(
            Alert(
                fingerprint: "instance:\(status.name)", name: status.needsCredentials ? "CredentialsRejected" : "InstanceUnhealthy",
                severity: status.state == .degraded || isWell ? .warning : .error,
                summary: "\(status.kind) \(status.name) is \(status.state.rawValue)" + (status.reason.map { ": \($0)" } ?? ""),
                labels: ["alertname": "InstanceUnhealthy", "instance": status.name, "kind": status.kind.rawValue, "plugin": status.plugin],
                startsAt: status.since, endsAt: isWell ? clock.now : nil))
    }

    private func raise(_ letter: DeadLetter) async {
        // That a page did not arrive is not told by another page that may not arrive either: the log has it.
        guard !letter.id.hasPrefix("page_") else { return }
        await raise(
            Alert(
                fingerprint: "deadletter:\(letter.id)", name: "DeadLetter", severity: .error,
                summary: "\(letter.box.rawValue) entry of \(letter.instance) was given up: \(letter.reason)",
                labels: ["alertname": "DeadLetter", "box": letter.box.rawValue, "source": letter.instance], annotations: ["message": letter.id], startsAt: clock.now))
    }

    private func raise(_ alert: Alert) async {
        do {
            try await engine.write { try alerts.raise(alert, in: $0) }
        } catch {
            logger.error("an alert could not be written", metadata: ["alert": "\(alert.name)", "summary": "\(alert.summary)", "error": "\(error)"])
        }
    }
}
