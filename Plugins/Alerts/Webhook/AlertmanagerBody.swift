import Foundation
import PluginAPI

/// What Alertmanager posts to a webhook, version 4 (“Configuration, webhook_config”), so that a receiver that was written for it needs no change.
struct AlertmanagerBody: Encodable {
    private struct Item: Encodable {
        let status: String
        let labels: [String: String]
        let annotations: [String: String]
        let startsAt: String
        let endsAt: String
        let generatorURL: String
        let fingerprint: String
    }

    private let version = "4"
    private let groupKey: String
    private let truncatedAlerts = 0
    private let status: String
    private let receiver: String
    private let groupLabels: [String: String]
    private let commonLabels: [String: String]
    private let commonAnnotations: [String: String]
    private let externalURL: String
    private let alerts: [Item]

    /// How Alertmanager writes that an alert has no end.
    private static let noEnd = "0001-01-01T00:00:00Z"

    /// - Parameters:
    ///   - instance: stands for a receiver that the page does not name.
    ///   - now: stands for an end that an alert does not say.
    init(event: String, page: AlertPage, instance: String, publicURL: String?, now: Date) {
        let isOver = event == "resolve"
        let items = page.alerts.map { alert in
            let isOver = isOver || alert.endsAt != nil
            // What Jack keeps in fields of their own, Alertmanager's receivers look for among the labels and annotations.
            var labels = alert.labels, annotations = alert.annotations
            labels["alertname"] = labels["alertname"] ?? alert.name
            labels["severity"] = labels["severity"] ?? alert.severity.rawValue
            annotations["summary"] = annotations["summary"] ?? alert.summary
            annotations["description"] = annotations["description"] ?? alert.detail
            return Item(
                status: isOver ? "resolved" : "firing", labels: labels, annotations: annotations, startsAt: alert.startsAt.iso8601,
                endsAt: isOver ? (alert.endsAt ?? now).iso8601 : Self.noEnd, generatorURL: alert.generatorURL ?? "",
                fingerprint: alert.fingerprint)
        }
        groupKey = page.groupKey
        status = items.allSatisfy { $0.status == "resolved" } && (isOver || !items.isEmpty) ? "resolved" : "firing"
        receiver = page.receiver ?? instance
        groupLabels = page.groupLabels ?? [:]
        commonLabels = Self.common(items.map(\.labels))
        commonAnnotations = Self.common(items.map(\.annotations))
        externalURL = publicURL ?? ""
        alerts = items
    }

    func bytes() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try [UInt8](encoder.encode(self))
    }

    /// What all have in common.
    private static func common(_ all: [[String: String]]) -> [String: String] {
        all.dropFirst().reduce(all.first ?? [:]) { common, one in common.filter { one[$0.key] == $0.value } }
    }
}
