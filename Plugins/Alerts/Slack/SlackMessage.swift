import Foundation
import PluginAPI

/// A page as a message of Block Kit's blocks.
///
/// Slack's limits: 50 blocks, 150 characters in a header, 3,000 in a text. The sum has a limit too, which no document names: what is longer than
/// about 13,000 bytes is refused as `msg_blocks_too_long`. The message stays below all of them; what is left out is counted.
struct SlackMessage {
    enum Event: Sendable { case page, update, resolve }

    static let maximumBytes = 11_000
    static let textLimit = 3000
    static let acknowledge = "jack_acknowledge", resolve = "jack_resolve", escalate = "jack_escalate"

    let page: AlertPage
    let event: Event
    /// What the buttons carry; nil for a message without.
    let reference: String?
    let maximumAlerts: Int
    /// Who has acknowledged the matter before, as an earlier note said it: later news do not say it again.
    var acknowledged: String?

    private var isOver: Bool { event == .resolve }
    private var isAcknowledged: Bool { acknowledged != nil || Self.isAcknowledgement(page.note) }

    static func isAcknowledgement(_ note: String?) -> Bool { note?.lowercased().hasPrefix("acknowledged") ?? false }
    /// The worst first.
    private var alerts: [Alert] { page.alerts.sorted { ($0.severity, $1.startsAt) > ($1.severity, $0.startsAt) } }

    /// What notifications show, and old clients.
    var fallback: String {
        "[\(state)] ".slackEscaped(limit: 100) + headline(limit: 500)
    }

    /// The blocks.
    var blocks: [JSONValue] {
        let head: [JSONValue] = [
            [
                "type": "header", "block_id": .string("jack-\(page.id)".cut(to: 255)),
                "text": ["type": "plain_text", "text": .string(title), "emoji": true],
            ],
            Self.section(headline(limit: Self.textLimit)),
        ]
        var foot: [JSONValue] = []
        for note in [acknowledged == page.note ? nil : acknowledged, page.note].compactMap({ $0 }) where !note.isEmpty {
            foot.append(Self.section(note.onOneLine.slackEscaped(limit: 500)))
        }
        foot.append(Self.context(reasons))
        if let reference, !isOver { foot.append(["type": "actions", "block_id": "jack-actions", "elements": .array(buttons(reference))]) }
        return head + details(Self.maximumBytes - Self.size(head + foot) - 200) + foot
    }

    private var state: String {
        isOver ? "resolved" : isAcknowledged ? "acknowledged" : page.alerts.contains(where: \.isEmergency) ? "EMERGENCY" : page.severity.rawValue
    }

    private var title: String {
        let icon =
            switch (isOver, isAcknowledged, page.severity) {
            case (true, _, _): "✅"
            case (_, true, _): "👀"
            case (_, _, .critical): "🔴"
            case (_, _, .error): "🟠"
            case (_, _, .warning): "🟡"
            case (_, _, .info): "🔵"
            }
        let count = page.alerts.count == 1 ? alerts.first?.name.onOneLine ?? "" : "\(page.alerts.count) alerts"
        return "\(icon) \(state.uppercased()) · \(count.isEmpty ? "alert" : count)".cut(to: 150)
    }

    private func headline(limit: Int) -> String {
        let text = alerts.first.map { $0.summary.isEmpty ? $0.name : $0.summary } ?? ""
        return (text.contains { !$0.isWhitespace } ? text : "an alert without a summary").slackEscaped(limit: limit)
    }

    /// Why this place is told, and where to look.
    private var reasons: String {
        var parts = ["level \(page.level)", page.reason.onOneLine.slackEscaped(limit: 500)]
        if let start = alerts.map(\.startsAt).min() {
            let seconds = Int64(start.timeIntervalSince1970)
            parts.append("since <!date^\(seconds)^{date_short_pretty} {time}|\(start.iso8601)>")
        }
        if page.mayRepeat { parts.append("may have been sent before") }
        if let link = page.url?.slackLink("Open in Jack") { parts.append(link) }
        return parts.filter { !$0.isEmpty }.joined(separator: " · ").cut(to: Self.textLimit)
    }

    /// One block for each alert, as long as there is room, and a count of the others.
    private func details(_ room: Int) -> [JSONValue] {
        var blocks: [JSONValue] = [], room = room, told = 0
        for (index, alert) in alerts.prefix(maximumAlerts).enumerated() {
            let text = detail(alert, isFirst: index == 0)
            if !text.isEmpty {
                let block = Self.section(text), size = Self.size([block])
                guard size <= room else { break }
                blocks.append(block)
                room -= size
            }
            told += 1
        }
        let left = alerts.count - told
        if left > 0 { blocks.append(Self.context("and \(left) more")) }
        return blocks
    }

    private func detail(_ alert: Alert, isFirst: Bool) -> String {
        var lines: [String] = []
        // The first one's summary is the headline.
        if !isFirst { lines.append("• " + (alert.summary.isEmpty ? alert.name : alert.summary).slackEscaped(limit: 500)) }
        if let detail = alert.detail, !detail.isEmpty { lines.append(detail.slackEscaped(limit: 800)) }
        let labels = alert.labels.sorted { $0.key < $1.key }.prefix(12).map { name, value in
            "\(name.onOneLine.slackEscaped(limit: 40)): \(value.onOneLine.slackEscaped(limit: 80))"
        }
        if !labels.isEmpty { lines.append(labels.joined(separator: " · ")) }
        if let runbook = (alert.annotations["runbook"] ?? alert.annotations["runbook_url"])?.slackLink("Runbook") { lines.append(runbook) }
        if let source = alert.generatorURL?.slackLink("Source") { lines.append(source) }
        return lines.joined(separator: "\n")
    }

    private func buttons(_ reference: String) -> [JSONValue] {
        func button(_ title: String, _ action: String, style: String? = nil) -> JSONValue {
            var button: [String: JSONValue] = [
                "type": "button", "action_id": .string(action), "value": .string(reference), "text": ["type": "plain_text", "text": .string(title)],
            ]
            if let style { button["style"] = .string(style) }
            return .object(button)
        }
        let acknowledge = isAcknowledged ? [] : [button("Acknowledge", Self.acknowledge, style: "primary")]
        return acknowledge + [button("Resolve", Self.resolve), button("Escalate", Self.escalate, style: "danger")]
    }

    // MARK: Pieces

    private static func section(_ text: String) -> JSONValue { ["type": "section", "text": mrkdwn(text)] }
    private static func context(_ text: String) -> JSONValue { ["type": "context", "elements": [mrkdwn(text)]] }
    private static func mrkdwn(_ text: String) -> JSONValue { ["type": "mrkdwn", "text": .string(text), "verbatim": true] }
    private static func size(_ blocks: [JSONValue]) -> Int { (try? JSONValue.array(blocks).jsonBytes().count) ?? 0 }
}
