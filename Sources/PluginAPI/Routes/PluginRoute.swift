import Foundation
import HTTPTypes

/// Something that an instance serves over HTTP. The gateway mounts it while the instance runs.
public enum PluginRoute: Sendable {
    /// Called by a vendor, mounted at `/webhooks/<instance>/<tail>`.
    case webhook(WebhookRoute)
    /// A page or an asset for a browser, mounted at its own absolute path.
    case page(PageRoute)
    /// A WebSocket, mounted at its own absolute path.
    case socket(SocketRoute)
}

/// A route that a vendor calls.
///
/// The order is the kernel's and cannot be changed: limits, then verification over the raw body, then parsing by the plugin, then one durable and
/// deduplicated write of the events, and only then the answer. A route whose verification has no secret is not mounted.
public struct WebhookRoute: Sendable {
    public let method: HTTPRequest.Method
    /// What follows `/webhooks/<instance>`; empty or beginning with `/`.
    public let tail: String
    public let verification: WebhookVerification
    /// Longer bodies are refused with 413.
    public let maximumBodyBytes: Int
    /// Reads a verified request. Must not do what cannot be undone: the events are not stored yet. Verification and this together have the instance's
    /// `inbound.timeout`, after which the vendor gets 503 and the work is cancelled.
    /// - Throws: ``PluginFailure``; permanent answers 400, not ready 503.
    public let parse: @Sendable (PluginRequest) async throws -> WebhookResult
    /// What the kernel puts around verification and parsing.
    private var around: Around?

    public init(
        _ method: HTTPRequest.Method = .post, tail: String = "", verification: WebhookVerification, maximumBodyBytes: Int = 1 << 20,
        parse: @escaping @Sendable (PluginRequest) async throws -> WebhookResult
    ) {
        self.method = method
        self.tail = tail
        self.verification = verification
        self.maximumBodyBytes = maximumBodyBytes
        self.parse = parse
    }

    /// What a request came to.
    package enum Reading: Sendable {
        /// It was not let in, for a reason of the gateway's own.
        case refused(any Error)
        case read(WebhookResult)
    }

    /// Runs the plugin's work over one request, within whatever limits.
    package typealias Around = @Sendable (_ work: @escaping @Sendable () async throws -> Reading) async throws -> Reading

    /// The same route, with all that the plugin does about a request done within something.
    package func done(within around: @escaping Around) -> WebhookRoute {
        var route = self
        route.around = around
        return route
    }

    /// Verifies a request and reads it: both in one go, so that what stands around the plugin's work costs once.
    /// - Parameter refusal: whether the request may go on, told whether it verified; nil where it may. Called where the plugin's work is done, and answers
    ///   at once.
    /// - Throws: what parsing throws, or what stands around it.
    package func take(_ request: PluginRequest, refusal: @escaping @Sendable (_ isVerified: Bool) -> (any Error)?) async throws -> Reading {
        let work: @Sendable () async throws -> Reading = { [verification, parse] in
            if let refused = refusal(verification.verify(request)) { return .refused(refused) }
            return .read(try await parse(request))
        }
        guard let around else { return try await work() }
        return try await around(work)
    }
}

/// How a webhook shows that it comes from the vendor.
public struct WebhookVerification: Sendable {
    /// How the signature's bytes are written in the header.
    public enum Encoding: Sendable { case hex, base64 }

    /// Checks a request; pure. Compare with ``ConstantTime/equal(_:_:)``.
    public let verify: @Sendable (PluginRequest) -> Bool
    /// False where a secret is missing: the route is then not mounted.
    public let isConfigured: Bool

    private init(isConfigured: Bool, verify: @escaping @Sendable (PluginRequest) -> Bool) {
        self.isConfigured = isConfigured
        self.verify = verify
    }

    /// A check of the plugin's own over a secret. An empty secret leaves the route unmounted.
    public static func custom(secret: Secret?, _ verify: @escaping @Sendable (PluginRequest, Secret) -> Bool) -> WebhookVerification {
        guard let secret, !secret.isEmpty else { return WebhookVerification(isConfigured: false) { _ in false } }
        return WebhookVerification(isConfigured: true) { verify($0, secret) }
    }
}

/// What a plugin read from a webhook.
public struct WebhookResult: Sendable {
    /// What happened, in the order of the request. Stored before the answer is sent.
    public var events: [InboundEvent]
    /// The answer, sent once the events are on disk.
    public var response: PluginResponse

    public init(_ events: [InboundEvent], response: PluginResponse = PluginResponse(.ok)) {
        self.events = events
        self.response = response
    }
}

/// A page or an asset.
public struct PageRoute: Sendable {
    /// Begins with `/`.
    public let path: String
    /// Answers within the instance's `inbound.timeout`; after it the browser gets 503, and the work is cancelled.
    public let respond: @Sendable (PluginRequest) async throws -> PluginResponse

    public init(path: String, respond: @escaping @Sendable (PluginRequest) async throws -> PluginResponse) {
        self.path = path
        self.respond = respond
    }
}

/// A WebSocket.
public struct SocketRoute: Sendable {
    /// Begins with `/`.
    public let path: String
    /// A text frame, or a message of several, that is longer is refused with close code 1009.
    public let maximumMessageBytes: Int
    /// Takes a connection that has opened, within the instance's `inbound.timeout`. Where it throws or takes longer, the connection closes with 1011, or
    /// with 1001 for a `CancellationError`.
    public let open: @Sendable (any SocketConnection) async throws -> any SocketReceiver

    public init(
        path: String, maximumMessageBytes: Int = 64 << 10, open: @escaping @Sendable (any SocketConnection) async throws -> any SocketReceiver
    ) {
        self.path = path
        self.maximumMessageBytes = maximumMessageBytes
        self.open = open
    }
}

/// What takes the messages of one open WebSocket. Its calls come one after the other; between them nothing of it runs, so that a thousand idle connections
/// cost no thousand waiting tasks.
public protocol SocketReceiver: Sendable {
    /// Takes a text message. The next one comes when this returns, and the peer is held back while several wait. It is cancelled when the instance stops,
    /// not when the peer goes: what a peer has said before it went is still taken. It has the instance's `limits.timeout`, a send to a peer that does not
    /// read included; after that it is cancelled, and the connection closes with 1011.
    /// - Throws: what closes the connection with 1011, or with 1001 for a `CancellationError`.
    func receive(_ text: String) async throws

    /// The connection is over. Called once, after all messages; one that was given up may still run.
    func closed() async
}

/// One open WebSocket.
public protocol SocketConnection: Sendable {
    /// The request that opened it.
    var request: PluginRequest { get }

    /// Sends a text message; returns when the system has taken it.
    /// - Throws: where the connection is gone.
    func send(_ text: String) async throws

    /// Closes with a code (RFC 6455, 7.4) and a reason of at most 123 bytes. Safe to call twice.
    func close(code: UInt16, reason: String) async
}

/// A request that arrived, as a plugin sees it.
public struct PluginRequest: Sendable {
    public var method: HTTPRequest.Method
    /// The path without the query.
    public var path: String
    /// The query as it came, without `?`.
    public var query: String
    public var headers: HTTPFields
    /// The raw body, as the vendor signed it.
    public var body: [UInt8]
    /// The peer's address, after trusted proxies.
    public var remoteAddress: String
    /// The absolute URL that the peer called, after trusted proxies; what some vendors sign.
    public var url: String

    public init(
        method: HTTPRequest.Method, path: String, query: String = "", headers: HTTPFields = [:], body: [UInt8] = [], remoteAddress: String,
        url: String
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
        self.url = url
    }

    /// The first value of a query parameter, percent-decoded.
    public func queryValue(_ name: String) -> String? {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                $0.replacing("+", with: " ").removingPercentEncoding ?? String($0)
            }
            if parts[0] == name { return parts.count > 1 ? parts[1] : "" }
        }
        return nil
    }
}

/// A plugin's answer.
public struct PluginResponse: Sendable {
    public var status: HTTPResponse.Status
    public var headers: HTTPFields
    public var body: [UInt8]

    public init(_ status: HTTPResponse.Status, headers: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    public init(_ status: HTTPResponse.Status, text: String, contentType: String = "text/plain; charset=utf-8") {
        self.init(status, headers: [.contentType: contentType], body: Array(text.utf8))
    }
}

/// Comparison whose time does not tell where two values differ.
public enum ConstantTime {
    public static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        var difference: UInt8 = 0
        for place in a.indices { difference |= a[place] ^ b[place] }
        return difference == 0
    }

    public static func equal(_ a: String, _ b: String) -> Bool { equal(Array(a.utf8), Array(b.utf8)) }
}
