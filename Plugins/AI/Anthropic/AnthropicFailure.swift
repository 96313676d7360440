import Foundation
import HTTPTypes
import PluginAPI

/// What the API's errors mean. Their messages are read and never passed on: they may quote what guests wrote.
struct AnthropicFailure: Sendable {
    /// The API's host, for messages.
    let vendor: String
    let clock: any TimeSource

    /// The error types and the statuses that go with them; no other text of the vendor's may stand in a message.
    private static let statuses = [
        "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403, "not_found_error": 404,
        "request_too_large": 413, "rate_limit_error": 429, "api_error": 500, "timeout_error": 504, "overloaded_error": 529,
    ]

    /// The failure that a response is; nil for 2xx.
    func failure(_ response: ClientResponse, model: String) -> PluginFailure? {
        guard let usual = response.failure(from: vendor, now: clock) else { return nil }
        let error = (try? JSONValue(json: response.body))?["error"] ?? .null
        return failure(response.status.code, error, usual, wait(response.headers), model)
    }

    /// The failure of an error that comes in a stream, after it began with 200.
    func failure(inStream error: JSONValue, model: String) -> PluginFailure {
        let status = error["type"]?.stringValue.flatMap { Self.statuses[$0] } ?? 500
        let usual =
            ClientResponse(status: HTTPResponse.Status(code: status)).failure(from: vendor, now: clock)
            ?? .notReady(.vendorFault, "\(vendor) failed")
        return failure(status, error, usual, nil, model)
    }

    private func failure(_ status: Int, _ error: JSONValue, _ usual: PluginFailure, _ wait: Duration?, _ model: String) -> PluginFailure {
        let type = error["type"]?.stringValue ?? "", message = (error["message"]?.stringValue ?? "").prefix(4096).lowercased()
        let says = { (words: [String]) in words.contains { message.contains($0) } }
        let note = Self.statuses[type] == nil ? "" : " (\(type))"
        if status == 402 || type == "billing_error" || (status < 500 && says(["credit balance is too low", "api usage limits"])) {
            return .notReady(
                .outOfCredit, "the account at \(vendor) is out of credit\(note): look at its billing", retryAfter: wait ?? .seconds(300))
        }
        if status == 413 || type == "request_too_large" || (status == 400 && says(["prompt is too long", "exceed context limit", "context window"])) {
            return .permanent(.contextTooLong, "the request is longer than “\(model)” takes\(note)")
        }
        if status == 400, says(["content filtering policy"]) {
            return .permanent(.contentFiltered, "\(vendor) filtered the answer\(note)")
        }
        if status == 404, type == "not_found_error" {
            return .permanent(.notFound, "\(vendor) has no model “\(model)”, or the key may not use it\(note)")
        }
        return PluginFailure(
            usual.disposition, usual.reason, usual.message + note, retryAfter: usual.disposition == .notReady ? wait ?? usual.retryAfter : nil)
    }

    /// How long to wait: what is said outright, or else until the limits that are used up are whole again. At most a day.
    private func wait(_ headers: HTTPFields) -> Duration? {
        if let said = headers[.retryAfter].flatMap({ RetryAfter.parse($0, now: clock.now) }) { return said }
        let resets = HTTPField.Name.anthropicLimits.compactMap { limit -> Double? in
            guard headers[limit.remaining].flatMap({ Int($0) }) == 0, let text = headers[limit.reset] else { return nil }
            return (try? Date(text, strategy: .iso8601))?.timeIntervalSince(clock.now)
        }
        return resets.max().flatMap { $0 > 0 ? .milliseconds(Int64(min($0, 86_400) * 1000)) : nil }
    }
}
