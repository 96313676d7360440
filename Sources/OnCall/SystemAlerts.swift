import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization

/// Raises alerts for what goes wrong in Jack itself: instances that fail, and what could not be delivered.
public final class SystemAlerts: Sendable {
    private let engine: any StorageEngine
    private let alerts: AlertIntake
    private let clock: any TimeSource
    private let logger: Logger
    private let changes: EventSubscription<InstanceChanged>
    private let letters: EventSubscription<DeadLetter>
    /// What was raised of an instance and is not over, by its name.
    private let firing = Mutex<[String: Alert]>([:])

    /// Watches from now on; ``run()`` raises what was seen.
    public init(engine: any StorageEngine, alerts: AlertIntake, bus: EventBus, clock: any TimeSource, logger: Logger) {
        self.engine = engine
        self.alerts = alerts
        self.clock = clock
        self.logger = logger
        changes = bus.subscribe(to: InstanceChanged.self)
        letters = bus.subscribe(to: DeadLetter.self)
    }

    /// Raises alerts until the task is cancelled.
    public func run() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { for await change in self.changes { await self.raise(change) } }
            tasks.addTask { for await letter in self.letters { await self.raise(letter) } }
        }
    }

    private func raise(_ change: InstanceChanged) async {
        let status = change.status
        let alert: Alert? = firing.withLock { firing in
            switch status.state {
            case .failed, .degraded:
                let alert = Self.alert(status)
                // An instance that is started again and again fails again and again: that is one trouble, unless it grows worse.
                if let known = firing[status.name], known.name == alert.name, known.severity >= alert.severity { return nil }
                firing[status.name] = alert
                return alert
            case .running:
                // It ends as severe as it began: whoever was told of the one is told of the other.
                guard var known = firing.removeValue(forKey: status.name) else { return nil }
                known.summary = "\(status.kind) \(status.name) is running again"
                known.endsAt = clock.now
                return known
            case .starting, .stopping, .stopped: return nil
            }
        }
        if let alert { await raise(alert) }
    }

    private static func alert(_ status: InstanceStatus) -> Alert {
        let name = status.needsCredentials ? "CredentialsRejected" : "InstanceUnhealthy"
        return Alert(
            fingerprint: "instance:\(status.name)", name: name, severity: status.state == .degraded ? .warning : .error,
            summary: "\(status.kind) \(status.name) is \(status.state.rawValue)" + (status.reason.map { ": \($0)" } ?? ""),
            labels: ["alertname": name, "instance": status.name, "kind": status.kind.rawValue, "plugin": status.plugin], startsAt: status.since)
    }

    private func raise(_ letter: DeadLetter) async {
        // That a page did not arrive, or could not even be made, is not told by another page that may fare no better: the log has it.
        guard !letter.id.hasPrefix("page_"), letter.box != .job || letter.instance != AlertIntake.jobKind else { return }
        await raise(
            Alert(
                fingerprint: "deadletter:\(letter.id)", name: "DeadLetter", severity: .error,
                summary: "\(letter.box.rawValue) entry of \(letter.instance) was given up: \(letter.reason)",
                labels: ["alertname": "DeadLetter", "box": letter.box.rawValue, "source": letter.instance], annotations: ["message": letter.id],
                startsAt: clock.now))
    }

    private func raise(_ alert: Alert) async {
        do {
            try await engine.write { [alerts] in try alerts.raise(alert, in: $0) }
        } catch {
            logger.error("an alert could not be written", metadata: ["alert": "\(alert.name)", "summary": "\(alert.summary)", "error": "\(error)"])
        }
    }
}
