import PluginAPI
import Synchronization

/// An ``HTTPClient`` without a network: answers from a closure and keeps the requests. For behaviour on the wire use ``LoopbackServer``.
public final class ScriptedHTTPClient: HTTPClient {
    public typealias Script = @Sendable (ClientRequest) async throws -> ClientResponse

    private let script: Script
    private let sent = Mutex<[ClientRequest]>([])

    /// - Parameter script: answers a request. By default every request is refused, so that a test which expects none fails on one.
    public init(
        _ script: @escaping Script = { request in
            throw PluginFailure.permanent(.invalidRequest, "this test expects no request, and got \(request.method)")
        }
    ) {
        self.script = script
    }

    /// The requests so far, in order.
    public var requests: [ClientRequest] { sent.withLock { $0 } }

    public func send(_ request: ClientRequest) async throws -> ClientResponse {
        sent.withLock { $0.append(request) }
        return try await script(request)
    }

    public func stream(_ request: ClientRequest) async throws -> StreamedResponse {
        let response = try await send(request)
        let body = AsyncThrowingStream<[UInt8], any Error> { continuation in
            if !response.body.isEmpty { continuation.yield(response.body) }
            continuation.finish()
        }
        return StreamedResponse(status: response.status, headers: response.headers, body: body)
    }
}
