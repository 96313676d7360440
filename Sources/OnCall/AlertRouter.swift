import CoreMetrics
import Foundation
import Kernel
import Logging
import Metrics
import PluginAPI

/// Decides who is told of an alert. Each telling leaves through the outbox, and each alert's way its reason in the ledger.
public struct AlertRouter: Sendable {
    private let settings: OnCallSettings
    private let engine: any StorageEngine
    private let outbox: @Sendable () -> Outbox
    /// The alert instances that are configured, by name.
    private let sinks: @Sendable () -> [String]
    private let property: String
    private let clock: any TimeSource
    private let metrics: any MetricsFactory

    public init(
        settings: OnCallSettings, engine: any StorageEngine, outbox: @escaping @Sendable () -> Outbox, sinks: @escaping @Sendable () -> [String],
        property: String,
        clock: any TimeSource, metrics: any MetricsFactory
    ) {
        self.settings = settings
        self.engine = engine
        self.outbox = outbox
        self.sinks = sinks
        self.property = property
        self.clock = clock
        self.metrics = metrics
    }

    /// Tells the sinks of an alert, or of its end. Done again after a crash, it tells nobody twice: a page's id follows from the alert.
    public func route(_ alert: Alert) async throws {
        let now = clock.now, property = property
        let isOver = alert.endsAt != nil
        let about = alert.labels["instance"]
        let all = sinks()
        let targets = (settings.notify.isEmpty ? all : settings.notify.filter(all.contains)).filter { $0 != about }
        let isTold = alert.isEmergency || alert.severity >= settings.severity.severity
        Counter(label: "jack_alerts_total", dimensions: [("alertname", alert.name), ("severity", alert.severity.rawValue)], factory: metrics)
            .increment()
        try await engine.write { transaction in
            func id(_ phase: String, _ sink: String) -> String { "page_\(phase):\(alert.fingerprint):\(alert.startsAt.milliseconds):\(sink)" }
            for sink in isTold ? targets : [] {
                // Alerts are routed beside each other: what is over already must not be opened after its end, for nobody would close it.
                if !isOver, try Outbox.state(of: id("resolved", sink), in: transaction) != nil { continue }
                let id = id(isOver ? "resolved" : "firing", sink)
                let page = AlertPage(id: id, groupKey: alert.fingerprint, alerts: [alert], reason: "oncall.notify names \(sink), or names nobody")
                try outbox().enqueue(PageOrder(verb: isOver ? .resolve : .page, page: page).entry(through: sink, at: now), in: transaction)
            }
            let told = isTold ? targets : []
            let reason =
                !isTold
                ? "\(alert.severity.rawValue) is below oncall.severity (\(settings.severity.rawValue))"
                : told.isEmpty ? "there is no alert instance to tell" : "told \(told.joined(separator: ", "))"
            for subject in [alert.annotations["message"], alert.fingerprint].compactMap({ $0 }) {
                try Ledger.record(
                    .init(step: "alert", outcome: told.isEmpty ? "not told" : "told", reason: "\(alert.name): \(reason)", at: now), of: subject,
                    property: property,
                    in: transaction)
            }
        }
    }
}
