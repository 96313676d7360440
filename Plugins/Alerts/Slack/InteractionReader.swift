import Foundation
import PluginAPI

/// Turns clicks on buttons (“block_actions payload”) into answers to pages.
struct InteractionReader: Sendable {
    let context: PluginContext

    /// The answers that an interaction holds: none for what is no click on one of our buttons.
    /// - Throws: ``PluginFailure``: permanent where the body is no interaction; not ready where what a button carries cannot be looked up.
    func events(_ body: [UInt8]) async throws -> [InboundEvent] {
        guard let text = Self.payload(body), let payload = try? JSONValue(json: Array(text.utf8)), let type = payload["type"]?.stringValue else {
            throw PluginFailure.permanent(.invalidRequest, "the body is not an interaction of Slack's")
        }
        guard type == "block_actions" else { return ignored("type") }
        guard let user = payload["user"], let id = user["id"]?.stringValue, !id.isEmpty else { return ignored("user") }
        let name = ["name", "username"].lazy.compactMap { user[$0]?.stringValue }.first { !$0.isEmpty } ?? id
        let message = payload["container"]?["message_ts"]?.stringValue ?? payload["message"]?["ts"]?.stringValue ?? ""
        var events: [InboundEvent] = []
        for action in payload["actions"]?.arrayValue?.prefix(10) ?? [] {
            guard let answer = Self.answer(action["action_id"]?.stringValue), let value = action["value"]?.stringValue, !value.isEmpty else {
                _ = ignored("action")
                continue
            }
            let time = action["action_ts"]?.stringValue ?? ""
            let event = InboundEvent(
                vendorID: "\(message):\(id):\(answer.rawValue):\(time):\(value)".cut(to: 400), peer: nil, occurredAt: Double(time).flatMap(Self.date),
                .acknowledgement(PageAcknowledgement(action: answer, reference: try await groupKey(of: value), by: name.cut(to: 200))))
            if !events.contains(where: { $0.vendorID == event.vendorID }) { events.append(event) }
        }
        return events
    }

    private func groupKey(of reference: String) async throws -> String {
        do {
            return try await SentMessages(storage: context.storage).groupKey(of: reference)
        } catch {
            throw PluginFailure.notReady(.unreachable, "what a button carries cannot be looked up", cause: error)
        }
    }

    private static func answer(_ action: String?) -> PageAcknowledgement.Action? {
        switch action {
        case SlackMessage.acknowledge: .acknowledge
        case SlackMessage.resolve: .resolve
        case SlackMessage.escalate: .escalate
        default: nil
        }
    }

    /// The field `payload` of a form.
    private static func payload(_ body: [UInt8]) -> String? {
        for field in String(decoding: body, as: UTF8.self).split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1)
            if parts.count == 2, parts[0] == "payload" { return parts[1].replacing("+", with: " ").removingPercentEncoding }
        }
        return nil
    }

    private static func date(_ seconds: Double) -> Date? {
        (0..<1e11).contains(seconds) ? Date(timeIntervalSince1970: seconds) : nil
    }

    private func ignored(_ what: String) -> [InboundEvent] {
        context.metrics.count("slack_ignored_total", [("what", what)])
        return []
    }
}
