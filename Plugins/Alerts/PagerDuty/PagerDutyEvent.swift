import Foundation
import PluginAPI

/// An event of the Events API v2, as bytes (“Send an Alert Event”).
struct PagerDutyEvent {
    enum Action: String { case trigger, acknowledge, resolve }

    /// PagerDuty takes 512 KB; whichever way it counts them, this is less.
    static let maximumBytes = 500_000
    static let summaryLimit = 1024
    private static let maximumLinks = 5

    let action: Action
    let routingKey: Secret
    let key: DedupKey
    let page: AlertPage
    let property: PropertyInfo

    /// The body; the same page always gives the same bytes. What would make it too long is left out, the least important first.
    func bytes() throws -> [UInt8] {
        var event: [String: JSONValue] = [
            "routing_key": .string(routingKey.reveal()), "event_action": .string(action.rawValue), "dedup_key": .string(key.text),
        ]
        guard action == .trigger else { return try JSONValue.object(event).jsonBytes() }
        event["client"] = "Jack"
        if let url = page.url, Self.isWebURL(url) { event["client_url"] = .string(url) }
        if !links.isEmpty { event["links"] = .array(links) }
        var bytes: [UInt8] = []
        for measure in Measure.all {
            event["payload"] = .object(payload(measure))
            bytes = try JSONValue.object(event).jsonBytes()
            if bytes.count <= Self.maximumBytes { break }
        }
        return bytes
    }

    /// How much of the details is told.
    private struct Measure {
        let alerts: Int
        let text: Int
        let fields: Int
        static let all = [
            Measure(alerts: 500, text: 16_000, fields: 100), Measure(alerts: 200, text: 1000, fields: 50), Measure(alerts: 50, text: 250, fields: 20),
            Measure(alerts: 10, text: 100, fields: 10), Measure(alerts: 0, text: 100, fields: 0),
        ]
    }

    private func payload(_ measure: Measure) -> [String: JSONValue] {
        let worst = page.alerts.max { $0.severity < $1.severity }
        var payload: [String: JSONValue] = [
            "summary": .string(summary(worst)), "severity": .string(page.severity.rawValue),
            "source": .string(property.name.isEmpty ? "Jack" : property.name.cut(to: 255)), "custom_details": .object(details(measure)),
        ]
        if let start = page.alerts.map(\.startsAt).min() { payload["timestamp"] = .string(start.iso8601) }
        if let worst, !worst.name.isEmpty { payload["class"] = .string(worst.name.cut(to: 255)) }
        if let component = worst?.labels["department"] ?? worst?.labels["instance"], !component.isEmpty {
            payload["component"] = .string(component.cut(to: 255))
        }
        if !property.id.isEmpty { payload["group"] = .string(property.id.cut(to: 255)) }
        return payload
    }

    /// What the phone reads out.
    private func summary(_ worst: Alert?) -> String {
        let more = page.alerts.count > 1 ? " (and \(page.alerts.count - 1) more)" : ""
        let text = worst.map { $0.summary.isEmpty ? $0.name : $0.summary } ?? ""
        return (text.isEmpty ? "an alert without a summary" : text.cut(to: Self.summaryLimit - more.utf16.count)) + more
    }

    private func details(_ measure: Measure) -> [String: JSONValue] {
        var details: [String: JSONValue] = [
            "reason": .string(page.reason.cut(to: 1000)), "level": .int(page.level), "page": .string(page.id.cut(to: 255)),
            "alerts": .array(page.alerts.sorted { $0.severity > $1.severity }.prefix(measure.alerts).map { .object(detail($0, measure)) }),
        ]
        if page.alerts.count > measure.alerts { details["alerts_left_out"] = .int(page.alerts.count - measure.alerts) }
        if let note = page.note { details["note"] = .string(note.cut(to: 1000)) }
        if page.mayRepeat { details["may_repeat"] = true }
        return details
    }

    private func detail(_ alert: Alert, _ measure: Measure) -> [String: JSONValue] {
        var detail: [String: JSONValue] = [
            "name": .string(alert.name.cut(to: measure.text)), "severity": .string(alert.severity.rawValue),
            "summary": .string(alert.summary.cut(to: measure.text)), "starts_at": .string(alert.startsAt.iso8601),
        ]
        if let text = alert.detail { detail["detail"] = .string(text.cut(to: measure.text)) }
        for (name, values) in [("labels", alert.labels), ("annotations", alert.annotations)] where !values.isEmpty {
            let kept = values.sorted { $0.key < $1.key }.prefix(measure.fields)
            detail[name] = .object(Dictionary(kept.map { ($0.key.cut(to: 100), .string($0.value.cut(to: measure.text))) }) { first, _ in first })
        }
        if let url = alert.generatorURL, !url.isEmpty { detail["generator_url"] = .string(url.cut(to: measure.text)) }
        if alert.isEmergency { detail["emergency"] = true }
        return detail
    }

    private var links: [JSONValue] {
        var links: [(text: String, url: String)] = page.url.map { [("Open in Jack", $0)] } ?? []
        for alert in page.alerts.prefix(100) {
            for name in ["runbook", "runbook_url"] {
                if let url = alert.annotations[name], !links.contains(where: { $0.url == url }) {
                    links.append(("Runbook: \(alert.name.cut(to: 80))", url))
                }
            }
        }
        // What whoever raised it shows comes after what is to be done.
        for alert in page.alerts.prefix(100) {
            if let url = alert.generatorURL, !links.contains(where: { $0.url == url }) { links.append(("Source: \(alert.name.cut(to: 80))", url)) }
        }
        return links.filter { Self.isWebURL($0.url) }.prefix(Self.maximumLinks).map {
            ["href": .string($0.url), "text": .string($0.text)]
        }
    }

    private static func isWebURL(_ text: String) -> Bool {
        (text.hasPrefix("https://") || text.hasPrefix("http://")) && text.utf8.count <= 2000 && !text.contains(where: \.isWhitespace)
    }
}
