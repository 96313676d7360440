import Foundation
import HTTPTypes
import PluginAPI

/// What the server's errors mean. It has no codes but HTTP's, only sentences; they are read and never passed on.
struct OllamaFailure: Sendable {
    /// The server's host, for messages.
    let vendor: String
    let clock: any TimeSource

    /// The failure that a response is; nil for 2xx.
    func failure(_ response: ClientResponse, model: String) -> PluginFailure? {
        guard let usual = response.failure(from: vendor, now: clock) else { return nil }
        return failure(response.status.code, (try? JSONValue(json: response.body))?["error"] ?? .null, usual, model)
    }

    /// The failure of an error in a stream that began with 200.
    func failure(inStream error: JSONValue, model: String) -> PluginFailure {
        failure(500, error, .notReady(.vendorFault, "\(vendor) failed while it answered"), model)
    }

    private func failure(_ status: Int, _ error: JSONValue, _ usual: PluginFailure, _ model: String) -> PluginFailure {
        let message = (error.stringValue ?? error["message"]?.stringValue ?? "").prefix(4096).lowercased()
        let says = { (words: [String]) in words.contains { message.contains($0) } }
        if status == 404, says(["model"]) {
            return .notReady(.notFound, "\(vendor) has no model “\(model)”: run `ollama pull \(model)`", retryAfter: usual.retryAfter)
        }
        if says(["context length", "context size", "exceeds the available context", "context window"]) {
            return .permanent(.contextTooLong, "the request is longer than “\(model)” takes: shorten it, or raise context_length")
        }
        if status == 400, says(["does not support"]) {
            return .permanent(.invalidRequest, "the model “\(model)” cannot do what was asked (tools, images or thinking): choose another")
        }
        if says(["more system memory", "out of memory", "server busy"]) {
            return .notReady(.overloaded, "\(vendor) has no room for the model “\(model)” at present", retryAfter: usual.retryAfter)
        }
        return usual
    }
}
