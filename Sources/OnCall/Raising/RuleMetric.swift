/// A metric that rules may name: what it measures, and how.
struct RuleMetric: Sendable, Hashable {
    enum Kind: String, Sendable { case counter, gauge, histogram }
    enum Unit: String, Sendable {
        case seconds, bytes
        /// A share from 0 to 1, written in percent.
        case ratio
        /// Things that are counted.
        case count
    }

    let name: String
    let kind: Kind
    let unit: Unit

    /// Every metric that Jack has of its own, as Prometheus sees it. Plugins' own begin with `jack_plugin_` and are not listed.
    static let known: [RuleMetric] = [
        .init(name: "jack_health_check_failures", kind: .gauge, unit: .count),
        .init(name: "jack_database_bytes", kind: .gauge, unit: .bytes),
        .init(name: "jack_disk_used_ratio", kind: .gauge, unit: .ratio),
        .init(name: "jack_memory_used_ratio", kind: .gauge, unit: .ratio),
        .init(name: "jack_cpu_used_ratio", kind: .gauge, unit: .ratio),
        .init(name: "jack_queue_depth", kind: .gauge, unit: .count),
        .init(name: "jack_escalation_queue", kind: .gauge, unit: .count),
        .init(name: "jack_instance_up", kind: .gauge, unit: .count),
        .init(name: "active_connections", kind: .gauge, unit: .count),
        .init(name: "websocket_connections", kind: .gauge, unit: .count),
        .init(name: "process_resident_memory_bytes", kind: .gauge, unit: .bytes),
        .init(name: "process_open_fds", kind: .gauge, unit: .count),
        .init(name: "process_cpu_seconds_total", kind: .counter, unit: .seconds),
        .init(name: "http_requests_total", kind: .counter, unit: .count),
        .init(name: "webhooks_unverified_total", kind: .counter, unit: .count),
        .init(name: "webhook_blocked_total", kind: .counter, unit: .count),
        .init(name: "rate_limited_total", kind: .counter, unit: .count),
        .init(name: "jack_calls_total", kind: .counter, unit: .count),
        .init(name: "jack_messages_total", kind: .counter, unit: .count),
        .init(name: "jack_outbound_total", kind: .counter, unit: .count),
        .init(name: "jack_inbound_events_total", kind: .counter, unit: .count),
        .init(name: "jack_tasks_created_total", kind: .counter, unit: .count),
        .init(name: "jack_sla_breaches_total", kind: .counter, unit: .count),
        .init(name: "jack_alerts_total", kind: .counter, unit: .count),
        .init(name: "jack_ai_tokens_total", kind: .counter, unit: .count),
        .init(name: "jack_ai_fallbacks_total", kind: .counter, unit: .count),
        .init(name: "http_request_duration_seconds", kind: .histogram, unit: .seconds),
        .init(name: "jack_call_duration_seconds", kind: .histogram, unit: .seconds),
        .init(name: "jack_message_processing_seconds", kind: .histogram, unit: .seconds),
    ]

    static func named(_ name: String) -> RuleMetric? { known.first { $0.name == name } }

    /// A plugin's metric, whose kind its name tells; nil for other names.
    static func ofPlugin(_ name: String) -> RuleMetric? {
        guard name.hasPrefix("jack_plugin_") else { return nil }
        let kind: Kind = name.hasSuffix("_total") ? .counter : name.hasSuffix("_seconds") ? .histogram : .gauge
        let unit: Unit = name.hasSuffix("_seconds") ? .seconds : name.hasSuffix("_bytes") ? .bytes : name.hasSuffix("_ratio") ? .ratio : .count
        return RuleMetric(name: name, kind: kind, unit: unit)
    }
}

/// How a rule makes one number of a metric.
enum RuleReading: Sendable, Hashable {
    /// The gauge as it stands.
    case value
    /// How much a counter grew within the window.
    case increase
    /// How much a counter grew, by the minute or the hour.
    case rate
    /// The part of a counter's growth that `where` picks.
    case share
    /// The value below which this share of a histogram's window lies, 0 to 1.
    case quantile(Double)

    static let names = ["value", "increase", "rate", "share", "p50", "p90", "p95", "p99"]

    init?(_ text: String) {
        switch text {
        case "value": self = .value
        case "increase": self = .increase
        case "rate": self = .rate
        case "share": self = .share
        default:
            guard text.hasPrefix("p"), let percent = Double(text.dropFirst()), percent > 0, percent < 100 else { return nil }
            self = .quantile(percent / 100)
        }
    }

    /// The kind of metric that can be read so.
    var kind: RuleMetric.Kind {
        switch self {
        case .value: .gauge
        case .increase, .rate, .share: .counter
        case .quantile: .histogram
        }
    }
}
