import HTTPTypes
import PluginAPI

/// The little that is asked of PagerDuty's REST API, version 2: reading alone.
struct PagerDutyREST: Sendable {
    let settings: PagerDutySettings
    let context: PluginContext

    func get(_ path: String, _ token: Secret) async throws -> ClientResponse {
        let headers: HTTPFields = [.accept: "application/vnd.pagerduty+json;version=2", .authorization: "Token token=\(token.reveal())"]
        // PagerDuty gives a webhook's receiver five seconds.
        return try await context.http.send(
            ClientRequest(
                .get, BaseURL(settings.apiURL).with(path), headers: headers, timeout: min(settings.timeout, .seconds(4)),
                maximumResponseBytes: 4 << 20))
    }
}
