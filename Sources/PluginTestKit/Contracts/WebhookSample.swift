import Foundation
import HTTPTypes
import PluginAPI

/// A webhook as the vendor sends it: the body, and how it is signed.
///
/// The suite signs it, takes it through the gateway's order in a real kernel, and then does to it what an attacker and a bad network would.
public struct WebhookSample: Sendable {
    /// What the sample is called in messages.
    public let name: String
    public var method: HTTPRequest.Method
    /// What follows `/webhooks/<instance>`.
    public var tail: String
    public var query: String
    public var headers: HTTPFields
    public var body: [UInt8]
    /// Adds the vendor's signature: header fields, or parameters of the query. Must cover the body as it stands.
    public var sign: @Sendable (_ request: inout PluginRequest, _ now: Date) -> Void
    /// How many events it holds; nil where that is not to be looked at.
    public var events: Int?
    /// How old a signature may be; nil where the vendor signs no time.
    public var replayWindow: Duration?
    /// False for a signature that cannot cover the body: a token in the query, basic authentication.
    public var coversBody: Bool

    public init(
        _ name: String, _ method: HTTPRequest.Method = .post, tail: String = "", query: String = "", headers: HTTPFields = [:], body: [UInt8] = [],
        events: Int? = nil, replayWindow: Duration? = nil, coversBody: Bool = true,
        sign: @escaping @Sendable (_ request: inout PluginRequest, _ now: Date) -> Void
    ) {
        self.name = name
        self.method = method
        self.tail = tail
        self.query = query
        self.headers = headers
        self.body = body
        self.events = events
        self.replayWindow = replayWindow
        self.coversBody = coversBody
        self.sign = sign
    }

    /// The request without a signature.
    func unsigned(instance: String) -> PluginRequest {
        let path = "/webhooks/\(instance)\(tail)"
        return PluginRequest(
            method: method, path: path, query: query, headers: headers, body: body, remoteAddress: "192.0.2.9",
            url: "https://jack.example.com\(path)\(query.isEmpty ? "" : "?\(query)")")
    }

    func signed(instance: String, at now: Date) -> PluginRequest {
        var request = unsigned(instance: instance)
        sign(&request, now)
        return request
    }
}
