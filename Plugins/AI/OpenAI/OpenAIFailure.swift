import Foundation
import HTTPTypes
import PluginAPI

/// What the API's errors mean. Their messages are read and never passed on: they quote keys and what guests wrote.
struct OpenAIFailure: Sendable {
    /// The API's host, for messages.
    let vendor: String
    let clock: any TimeSource

    /// Codes that may stand in a message; any other text of the vendor's may not.
    private static let shown: Set<String> = [
        "context_length_exceeded", "content_filter", "content_policy_violation", "insufficient_quota", "billing_hard_limit_reached",
        "billing_not_active", "account_deactivated", "invalid_api_key", "model_not_found", "rate_limit_exceeded", "unsupported_parameter",
        "unsupported_value", "invalid_value", "missing_required_parameter", "unknown_parameter", "invalid_type", "invalid_json_schema",
        "invalid_function_parameters", "invalid_prompt", "server_error", "unsupported_country_region_territory", "string_above_max_length",
        "exceed_context_size_error", "invalid_request_error", "invalid_image", "integer_below_min_value", "integer_above_max_value",
    ]
    private static let shownParameters: Set<String> = [
        "model", "messages", "temperature", "max_tokens", "max_completion_tokens", "response_format", "tools", "tool_choice", "stop",
        "stream_options", "dimensions", "input", "encoding_format",
    ]

    /// The failure that a response is; nil for 2xx.
    func failure(_ response: ClientResponse, model: String) -> PluginFailure? {
        guard let usual = response.failure(from: vendor, now: clock) else { return nil }
        let body = try? JSONValue(json: response.body)
        return failure(response.status.code, body?["error"] ?? body ?? .null, usual, wait(response.headers), model)
    }

    /// The failure of an error in an answer or a stream that began with 200.
    func failure(inAnswer error: JSONValue, model: String) -> PluginFailure {
        // Gateways put the status that they got themselves into the code.
        let code = error["code"]?.intValue ?? error["code"]?.stringValue.flatMap { Int($0) } ?? 500
        let status = (400..<600).contains(code) ? code : 500
        let usual =
            ClientResponse(status: HTTPResponse.Status(code: status)).failure(from: vendor, now: clock)
            ?? .notReady(.vendorFault, "\(vendor) failed")
        return failure(status, error, usual, nil, model)
    }

    private func failure(_ status: Int, _ error: JSONValue, _ usual: PluginFailure, _ wait: Duration?, _ model: String) -> PluginFailure {
        let code = error["code"]?.stringValue ?? "", type = error["type"]?.stringValue ?? ""
        let message = (error["message"]?.stringValue ?? error.stringValue ?? error["detail"]?.stringValue ?? "").prefix(4096).lowercased()
        let says = { (words: [String]) in words.contains { message.contains($0) } }
        let note = note(code, type, error["param"]?.stringValue)
        if [code, type].contains("context_length_exceeded") || [code, type].contains("exceed_context_size_error")
            || (status < 500 && status != 401
                && says([
                    "maximum context length", "context length exceeded", "context window", "exceeds the available context", "request too large for",
                ]))
        {
            return .permanent(.contextTooLong, "the request is longer than “\(model)” takes\(note)")
        }
        // OpenRouter tells by its metadata that the guest's text was flagged.
        if ["content_filter", "content_policy_violation"].contains(code) || type == "content_policy_violation"
            || error["metadata"]?.objectValue?.keys.contains(where: { $0 == "flagged_input" || $0 == "reasons" }) ?? false
        {
            return .permanent(.contentFiltered, "\(vendor) filtered the request\(note)")
        }
        if status == 402
            || ["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"].contains(where: { [code, type].contains($0) })
        {
            return .notReady(
                .outOfCredit, "the account at \(vendor) is out of credit\(note): look at its billing", retryAfter: wait ?? .seconds(300))
        }
        if code == "model_not_found" || (status == 404 && says(["model"])) {
            return .permanent(.notFound, "\(vendor) has no model “\(model)”, or the key may not use it\(note)")
        }
        if ["rate_limit_exceeded", "rate_limit_error"].contains(where: { [code, type].contains($0) }), status >= 429 {
            return .notReady(.rateLimited, "\(vendor) answered 429: too many requests\(note)", retryAfter: wait ?? usual.retryAfter)
        }
        return PluginFailure(
            usual.disposition, usual.reason, usual.message + note, retryAfter: usual.disposition == .notReady ? wait ?? usual.retryAfter : nil)
    }

    private func note(_ code: String, _ type: String, _ parameter: String?) -> String {
        guard let known = [code, type].first(where: Self.shown.contains) else { return "" }
        return " (\(known)" + (parameter.map { Self.shownParameters.contains($0) ? ", \($0)" : "" } ?? "") + ")"
    }

    /// How long to wait: what is said outright, or else until the limit that is used up is lifted. At most a day.
    private func wait(_ headers: HTTPFields) -> Duration? {
        if let milliseconds = headers[.retryAfterMilliseconds].flatMap(Double.init), milliseconds >= 0 {
            return .milliseconds(Int64(min(milliseconds, Self.day.seconds * 1000)))
        }
        if let said = headers[.retryAfter].flatMap({ RetryAfter.parse($0, now: clock.now) }) { return said }
        let limits: [(HTTPField.Name, HTTPField.Name)] = [
            (.rateLimitRemainingRequests, .rateLimitResetRequests), (.rateLimitRemainingTokens, .rateLimitResetTokens),
        ]
        let resets = limits.compactMap { remaining, reset -> Duration? in
            guard headers[remaining].flatMap({ Int($0) }) == 0 else { return nil }
            return headers[reset].flatMap(Self.duration)
        }
        return resets.max() ?? headers[.rateLimitReset].flatMap(moment)
    }

    private static let day = Duration.seconds(86_400)

    /// `1s`, `6m0s`, `20ms`, or plain seconds.
    private static func duration(_ text: String) -> Duration? {
        let seconds = Double(text) ?? Duration(text: text)?.seconds
        return seconds.flatMap { $0 >= 0 ? .milliseconds(Int64(min($0, day.seconds) * 1000)) : nil }
    }

    /// A moment in milliseconds or seconds since 1970, as gateways write it, or a number of seconds.
    private func moment(_ text: String) -> Duration? {
        guard let number = Double(text), number.isFinite, number > 0 else { return nil }
        let seconds =
            number > 1e11 ? number / 1000 - clock.now.timeIntervalSince1970 : number > 1e8 ? number - clock.now.timeIntervalSince1970 : number
        return seconds > 0 ? .milliseconds(Int64(min(seconds, Self.day.seconds) * 1000)) : nil
    }
}
