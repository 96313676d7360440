import HTTPTypes
import PluginAPI

/// The ``HTTPClient`` that a plugin instance is given: a ``CurlEngine`` under the instance's own policy.
///
/// Certificates are always verified. A redirect is an answer like any other: it is returned, not followed, because the place that it names may be one
/// that the policy forbids, and because credentials must not travel on. Only http and https. HTTP/2 where a server offers it over TLS. No cookies.
///
/// What is thrown names the server's origin and nothing more of the URL. A cancelled task gets `CancellationError`.
public struct CurlHTTPClient: HTTPClient {
    private let engine: CurlEngine
    private let policy: OutboundPolicy

    /// A client; many may share one engine, and with it the connections.
    public init(engine: CurlEngine, policy: OutboundPolicy) {
        self.engine = engine
        self.policy = policy
    }

    public func send(_ request: ClientRequest) async throws -> ClientResponse {
        let transfer = try CurlTransfer(request, policy: policy, body: nil)
        let head = try await run(transfer)
        return ClientResponse(status: head.status, headers: head.headers, body: head.body)
    }

    public func stream(_ request: ClientRequest) async throws -> StreamedResponse {
        let channel = BodyChannel()
        let transfer = try CurlTransfer(request, policy: policy, body: channel)
        let reader = BodyReader(channel: channel, engine: engine, transfer: transfer)
        let head = try await run(transfer)
        return StreamedResponse(status: head.status, headers: head.headers, body: AsyncThrowingStream { try await reader.next() })
    }

    private func run(_ transfer: CurlTransfer) async throws -> CurlTransfer.Response {
        try Task.checkCancellation()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                transfer.continuation = continuation
                engine.start(transfer)
            }
        } onCancel: {
            engine.cancel(transfer)
        }
    }
}

/// The reading end of a streamed body. When nobody can read any more it ends the transfer.
private final class BodyReader: Sendable {
    private let channel: BodyChannel
    private let engine: CurlEngine
    private let transfer: CurlTransfer

    init(channel: BodyChannel, engine: CurlEngine, transfer: CurlTransfer) {
        self.channel = channel
        self.engine = engine
        self.transfer = transfer
    }

    deinit { engine.cancel(transfer) }

    func next() async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            let (piece, resumes) = try await channel.next()
            if resumes { engine.resume(transfer) }
            return piece
        } onCancel: {
            engine.cancel(transfer)
        }
    }
}
