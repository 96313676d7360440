import CoreMetrics
import Metrics
import PluginAPI

/// What on call counts and shows.
struct OnCallMeter: Sendable {
    let factory: any MetricsFactory

    func count(_ tallies: [OnCallEffects.Tally: Int]) {
        for (tally, count) in tallies {
            if tally.outcome == "answer" {
                Counter(label: "jack_oncall_answers_total", dimensions: [("outcome", tally.reason)], factory: factory).increment(by: count)
            } else {
                Counter(
                    label: "jack_oncall_pages_total",
                    dimensions: [("receiver", tally.receiver), ("outcome", tally.outcome), ("reason", tally.reason)],
                    factory: factory
                ).increment(by: count)
            }
        }
    }

    func routed(_ alert: Alert) {
        Counter(label: "jack_alerts_total", dimensions: [("alertname", alert.name), ("severity", alert.severity.rawValue)], factory: factory)
            .increment()
    }

    func delivered(through instance: String) {
        Counter(label: "jack_oncall_delivered_total", dimensions: [("instance", instance)], factory: factory).increment()
    }

    func show(_ figures: OnCallFigures, behind: Double) {
        for (label, value) in [
            ("jack_oncall_alerts", figures.alerts), ("jack_oncall_groups", figures.groups), ("jack_oncall_open_escalations", figures.open),
            ("jack_oncall_acknowledged_escalations", figures.acknowledged), ("jack_oncall_silences", figures.silences),
        ] {
            Gauge(label: label, factory: factory).record(value)
        }
        Gauge(label: "jack_oncall_behind_seconds", factory: factory).record(behind)
    }

    /// What each means, for `/metrics`.
    static let descriptions: [(name: String, help: String)] = [
        ("jack_oncall_pages_total", "Pages that were decided on, by receiver, outcome and reason."),
        ("jack_oncall_answers_total", "Answers to pages, by what came of them."),
        ("jack_oncall_delivered_total", "Orders that alert instances took."),
        ("jack_oncall_alerts", "Alerts that stand open."),
        ("jack_oncall_groups", "Groups of alerts that stand open."),
        ("jack_oncall_open_escalations", "Matters that people were told of and that are not over."),
        ("jack_oncall_acknowledged_escalations", "Open matters that somebody has acknowledged."),
        ("jack_oncall_silences", "Silences, expired ones included that are still remembered."),
        ("jack_oncall_behind_seconds", "How long the next step has been overdue."),
    ]
}

extension OnCallService {
    /// What on call's metrics mean, by their names.
    public static var metricDescriptions: [(name: String, help: String)] { OnCallMeter.descriptions }
}
