import Foundation
import PluginAPI
import PluginTestKit
import Synchronization

/// PagerDuty as its documents describe it: it refuses what they refuse, and keeps incidents.
final class FakePagerDuty: Sendable {
    static let routingKey = "e93facc04764012d7bfb002500d5d1a6"
    static let otherKey = "0123456789abcdef0123456789ABCDEF"
    static let webhookSecret = "whsec-hunter2-of-pagerduty"
    static let apiToken = "u+pagerduty-rest-token"

    struct Incident: Sendable, Equatable {
        var status: String
        var events = 1
        var last: JSONValue
    }

    private struct State {
        var incidents: [String: Incident] = [:]
        var refusals: [String] = []
        var alerts: [String: [String]] = [:]
    }

    private let state = Mutex(State())

    /// Incidents by integration key and deduplication key.
    var incidents: [String: Incident] { state.withLock { $0.incidents } }
    /// Why events were refused.
    var refusals: [String] { state.withLock { $0.refusals } }
    /// The alert keys that the REST API tells of an incident.
    func hold(_ keys: [String], in incident: String) { state.withLock { $0.alerts[incident] = keys } }

    func answer(_ request: LoopbackServer.Request) -> LoopbackReply {
        if request.method == "GET", request.path != "/v2/enqueue" { return rest(request) }
        guard request.path == "/v2/enqueue" else { return .status(404) }
        guard request.method == "POST" else { return .status(404) }
        guard request.header("Content-Type") == "application/json", request.body.count <= 512_000, let event = request.json else {
            return refuse(["the body is no JSON, or too long"])
        }
        let errors = Self.errors(in: event)
        guard errors.isEmpty else { return refuse(errors) }
        return take(event)
    }

    private func refuse(_ errors: [String]) -> LoopbackReply {
        state.withLock { $0.refusals += errors }
        let body: JSONValue = ["status": "invalid event", "message": "Event object is invalid", "errors": .array(errors.map { .string($0) })]
        return .status(400, headers: [("Content-Type", "application/json")], body: (try? body.jsonBytes()) ?? [])
    }

    static func errors(in event: JSONValue) -> [String] {
        var errors: [String] = []
        func check(_ condition: Bool, _ error: String) { if !condition { errors.append(error) } }
        let known: Set = ["routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"]
        check(Set((event.objectValue ?? [:]).keys).isSubset(of: known), "unknown members")
        let key = event["routing_key"]?.stringValue ?? ""
        check(key.count == 32, "Length of 'routing_key' is incorrect (should be 32 characters)")
        check([routingKey, otherKey].contains(key) || key.count != 32, "Invalid routing key")
        let action = event["event_action"]?.stringValue
        check(["trigger", "acknowledge", "resolve"].contains(action), "'event_action' is invalid")
        check((1...255).contains(event["dedup_key"]?.stringValue?.utf16.count ?? 0), "'dedup_key' is missing or too long")
        for link in event["links"]?.arrayValue ?? [] {
            check(
                link["href"]?.stringValue?.hasPrefix("http") == true && link.objectValue.map { Set($0.keys).isSubset(of: ["href", "text"]) } == true,
                "'links'")
        }
        if let url = event["client_url"] { check(url.stringValue?.hasPrefix("http") == true, "'client_url'") }
        guard action == "trigger" else {
            check(event["payload"] == nil, "a payload without use")
            return errors
        }
        let payload = event["payload"]
        let fields: Set = ["summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"]
        check(Set((payload?.objectValue ?? [:]).keys).isSubset(of: fields), "unknown members of the payload")
        check((1...1024).contains(payload?["summary"]?.stringValue?.utf16.count ?? 0), "'payload.summary' is missing or too long")
        check(payload?["source"]?.stringValue?.isEmpty == false, "'payload.source' is missing or blank")
        check(["critical", "error", "warning", "info"].contains(payload?["severity"]?.stringValue), "'payload.severity' is invalid")
        if let time = payload?["timestamp"]?.stringValue {
            check((try? Date(time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))) != nil, "'payload.timestamp' is invalid")
        }
        for name in ["component", "group", "class"] { check(payload?[name].map { $0.stringValue?.isEmpty == false } ?? true, "'payload.\(name)'") }
        check(payload?["custom_details"].map { $0.objectValue != nil } ?? true, "'payload.custom_details' is no object")
        return errors
    }

    private func take(_ event: JSONValue) -> LoopbackReply {
        let dedup = event["dedup_key"]?.stringValue ?? "", key = "\(event["routing_key"]?.stringValue ?? "")/\(dedup)"
        state.withLock { state in
            let open = state.incidents[key].flatMap { $0.status == "resolved" ? nil : $0 }
            switch event["event_action"]?.stringValue {
            case "trigger":
                var incident = open ?? Incident(status: "triggered", events: 0, last: event)
                incident.events += 1
                incident.last = event
                state.incidents[key] = incident
            case "acknowledge": if open != nil { state.incidents[key]?.status = "acknowledged" }
            default: if open != nil { state.incidents[key]?.status = "resolved" }
            }
        }
        let answer: JSONValue = ["status": "success", "message": "Event processed", "dedup_key": .string(dedup)]
        return .status(202, headers: [("Content-Type", "application/json")], body: (try? answer.jsonBytes()) ?? [])
    }

    private func rest(_ request: LoopbackServer.Request) -> LoopbackReply {
        guard request.header("Authorization") == "Token token=\(Self.apiToken)",
            request.header("Accept") == "application/vnd.pagerduty+json;version=2"
        else { return .json(#"{"error":{"code":2006,"message":"You are not authorized"}}"#, status: 401) }
        if request.path == "/abilities" { return .json(#"{"abilities":["teams"]}"#) }
        let parts = request.path.split(separator: "/").map(String.init)
        guard parts.count == 3, parts[0] == "incidents", parts[2] == "alerts", request.target.hasSuffix("?limit=100") else { return .status(404) }
        guard let keys = state.withLock({ $0.alerts[parts[1]] }) else {
            return .json(#"{"error":{"code":2100,"message":"Not Found"}}"#, status: 404)
        }
        let alerts = keys.map { key in JSONValue.object(["id": "PALERT", "type": "alert", "alert_key": .string(key)]) }
        let body: JSONValue = ["alerts": .array(alerts), "more": false, "limit": 100]
        return .status(200, headers: [("Content-Type", "application/json")], body: (try? body.jsonBytes()) ?? [])
    }
}
