import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit

/// v3 webhooks as PagerDuty sends them.
enum Hook {
    static let agent = #"{"html_url":"https://acme.pagerduty.com/users/PLH1HKV","id":"PLH1HKV","summary":"Ana Lima","type":"user_reference"}"#
    static let robot = #"{"id":"PINTEG1","summary":"Events API V2","type":"events_api_v2_inbound_integration_reference"}"#

    static func body(
        _ type: String = "incident.acknowledged", id: String = "01DEN4HPBQAAAG05V5QQYBRZMF", key: String? = "group-1", incident: String = "PGR0VU2",
        agent: String = Hook.agent
    ) -> String {
        let key = key.flatMap { try? JSONValue.string($0).jsonText() } ?? "null"
        return #"""
            {"event":{"id":"\#(id)","event_type":"\#(type)","resource_type":"incident","occurred_at":"2020-10-02T18:45:22.169Z","agent":\#(agent),
            "client":{"name":"PagerDuty"},"data":{"id":"\#(incident)","type":"incident","html_url":"https://acme.pagerduty.com/incidents/\#(incident)",
            "number":2,"status":"acknowledged","incident_key":\#(key),"created_at":"2020-04-09T15:16:27Z","title":"Grüße","urgency":"high",
            "service":{"id":"PF9KMXH","summary":"Hotel","type":"service_reference"},"resolve_reason":null}}}
            """#
    }

    /// The header's value: one signature for each secret.
    static func signature(_ body: [UInt8], _ secrets: [String] = [FakePagerDuty.webhookSecret]) -> String {
        secrets.map { "v1=" + WebhookSigner(secret: $0).hex(over: body) }.joined(separator: ",")
    }

    static func request(_ body: String, signature: String? = nil) -> PluginRequest {
        var headers: HTTPFields = [.contentType: "application/json"]
        headers[.known("X-PagerDuty-Signature")] = signature ?? Self.signature(Array(body.utf8))
        return PluginRequest(
            method: .post, path: "/webhooks/duty", headers: headers, body: Array(body.utf8), remoteAddress: "192.0.2.9",
            url: "https://jack.example.com/webhooks/duty")
    }

    static func sample(_ name: String, _ body: String, events: Int) -> WebhookSample {
        WebhookSample(name, headers: [.contentType: "application/json"], body: Array(body.utf8), events: events) { request, _ in
            request.headers[.known("X-PagerDuty-Signature")] = Self.signature(request.body)
        }
    }
}
