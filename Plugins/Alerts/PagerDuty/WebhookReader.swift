import Foundation
import HTTPTypes
import Logging
import PluginAPI
import Synchronization

/// Turns what PagerDuty posts (v3 webhooks, “Overview”) into answers to pages.
final class WebhookReader: Sendable {
    private let settings: PagerDutySettings
    private let context: PluginContext
    /// What the log has been told of.
    private let said = Mutex<Set<String>>([])

    init(settings: PagerDutySettings, context: PluginContext) {
        self.settings = settings
        self.context = context
    }

    /// The answers that a webhook holds: none for what is no person's answer.
    /// - Throws: ``PluginFailure``: permanent where the body is no webhook of version 3; not ready where the REST API was to be asked and cannot.
    func events(_ body: [UInt8]) async throws -> [InboundEvent] {
        guard let event = (try? JSONValue(json: body))?["event"], let id = event["id"]?.stringValue, !id.isEmpty, id.utf8.count <= 200,
            let type = event["event_type"]?.stringValue
        else { throw PluginFailure.permanent(.invalidRequest, "the body is not a webhook of PagerDuty's version 3") }
        let action: PageAcknowledgement.Action
        switch type {
        case "incident.acknowledged": action = .acknowledge
        case "incident.resolved": action = .resolve
        case "incident.escalated": action = .escalate
        default: return ignored("event-type")
        }
        guard let incident = event["data"], incident["type"]?.stringValue == "incident" else { return ignored("data") }
        // PagerDuty tells of its own timeouts, and of what Jack did there itself, in the same way: only a person's deed is an answer.
        guard let agent = event["agent"], ["user_reference", "user"].contains(agent["type"]?.stringValue) else { return ignored("agent") }
        let by = (agent["summary"]?.stringValue ?? agent["id"]?.stringValue).flatMap { $0.isEmpty ? nil : $0.cut(to: 200) }
        let references = try await references(of: incident)
        if references.isEmpty {
            sayOnce(
                "no-key", "an incident was answered at PagerDuty, and nothing in it says which page it belongs to",
                remedy: "set api_token, or let the service create incidents only")
            return ignored("no-key")
        }
        let date = event["occurred_at"]?.stringValue.flatMap(Self.date)
        return references.enumerated().map { index, reference in
            InboundEvent(
                vendorID: index == 0 ? id : "\(id):\(reference.digest)", peer: nil, occurredAt: date,
                .acknowledgement(PageAcknowledgement(action: action, reference: reference.groupKey, by: by)))
        }
    }

    private struct Reference {
        let groupKey: String
        let digest: String
    }

    /// The group keys that an incident is about.
    ///
    /// `incident_key` is the key that Jack gave where the service creates incidents alone. Where it creates alerts, as new services do, the key is
    /// the alert's, and the webhook may not hold it: the REST API does.
    private func references(of incident: JSONValue) async throws -> [Reference] {
        var keys: [String] = []
        if let token = settings.apiToken, let id = incident["id"]?.stringValue, Self.isID(id) { keys = try await alertKeys(of: id, token) }
        if keys.isEmpty, let key = incident["incident_key"]?.stringValue, !key.isEmpty { keys = [key] }
        var references: [Reference] = []
        for key in Set(keys).sorted() where key.utf8.count <= 1024 {
            do {
                let groupKey = try await DedupKey.groupKey(for: key, in: context.storage)
                references.append(Reference(groupKey: groupKey, digest: DedupKey.digest(of: key)))
            } catch {
                throw PluginFailure.notReady(.unreachable, "what a key stands for cannot be read", cause: error)
            }
        }
        return references
    }

    /// The keys of the alerts within an incident (REST API, “List alerts for an incident”); none where the API refuses, which a human is told.
    private func alertKeys(of incident: String, _ token: Secret) async throws -> [String] {
        let response = try await PagerDutyREST(settings: settings, context: context).get("/incidents/\(incident)/alerts?limit=100", token)
        if let failure = response.failure(from: PagerDutyReply.vendor, now: context.clock) {
            // PagerDuty sends the webhook again.
            if failure.disposition == .notReady { throw failure }
            sayOnce("api", "PagerDuty does not say which alerts an incident holds", remedy: failure.message)
            context.metrics.count("pagerduty_lookup_failures_total")
            return []
        }
        return (try JSONValue(json: response.body)["alerts"]?.arrayValue ?? []).compactMap { $0["alert_key"]?.stringValue }.filter { !$0.isEmpty }
    }

    private static func isID(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) }
    }

    private static func date(_ text: String) -> Date? {
        (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
            ?? (try? Date(text, strategy: Date.ISO8601FormatStyle()))
    }

    private func ignored(_ what: String) -> [InboundEvent] {
        context.metrics.count("pagerduty_ignored_total", [("what", what)])
        return []
    }

    private func sayOnce(_ what: String, _ message: Logger.Message, remedy: String) {
        guard said.withLock({ $0.insert(what).inserted }) else { return }
        context.logger.warning(message, metadata: ["remedy": "\(remedy)"])
    }
}
