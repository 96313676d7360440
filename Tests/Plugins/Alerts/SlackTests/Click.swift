import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit

/// Interactions as Slack posts them.
enum Click {
    static func payload(_ action: String = "jack_acknowledge", value: String = "group-1", ts: String = "1756814401.000100", user: String = "ana.lima")
        -> JSONValue
    {
        [
            "type": "block_actions", "user": ["id": "U0ANA", "username": .string(user), "name": .string(user), "team_id": "T0"], "api_app_id": "A0",
            "token": "deprecated",
            "container": ["type": "message", "message_ts": "1756814400.100000", "channel_id": "C0ALERTS", "is_ephemeral": false],
            "trigger_id": "12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3", "channel": ["id": "C0ALERTS", "name": "alerts"],
            "response_url": "https://hooks.slack.com/actions/T0/1/x",
            "actions": [
                [
                    "action_id": .string(action), "block_id": "jack-actions", "type": "button",
                    "text": ["type": "plain_text", "text": "Grüße & mehr"],
                    "value": .string(value), "action_ts": .string(ts),
                ]
            ],
        ]
    }

    static func body(_ payload: JSONValue) -> [UInt8] {
        let text = (try? payload.jsonText()) ?? ""
        return Array(("payload=" + (text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "").replacing("%20", with: "+")).utf8)
    }

    static func sign(_ request: inout PluginRequest, _ now: Date, secret: String = FakeSlack.signingSecret) {
        let time = "\(Int64(now.timeIntervalSince1970))"
        request.headers[.known("X-Slack-Request-Timestamp")] = time
        request.headers[.known("X-Slack-Signature")] = "v0=" + WebhookSigner(secret: secret).hex(over: Array("v0:\(time):".utf8) + request.body)
    }

    static func request(_ payload: JSONValue, at now: Date) -> PluginRequest {
        var request = PluginRequest(
            method: .post, path: "/webhooks/slack", headers: [.contentType: "application/x-www-form-urlencoded"], body: body(payload),
            remoteAddress: "192.0.2.9", url: "https://jack.example.com/webhooks/slack")
        sign(&request, now)
        return request
    }

    static func sample(_ name: String, _ payload: JSONValue, events: Int) -> WebhookSample {
        WebhookSample(
            name, headers: [.contentType: "application/x-www-form-urlencoded"], body: body(payload), events: events, replayWindow: .seconds(300)
        ) { request, now in sign(&request, now) }
    }
}
