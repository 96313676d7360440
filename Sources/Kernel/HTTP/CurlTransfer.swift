import CLibCurl
import Foundation
import HTTPTypes
import PluginAPI
import Synchronization

/// One exchange. Made by the caller, then handed to the engine.
///
/// Unchecked: all that can change is touched only by the engine's thread once ``CurlEngine/start(_:)`` was called, and only by the caller before; the
/// queue between the two orders them. `isCancelled` alone is shared, and is atomic.
final class CurlTransfer: @unchecked Sendable {  // handed from the caller to one thread, by a queue; never shared
    struct Response: Sendable {
        var status: HTTPResponse.Status
        var headers: HTTPFields
        var body: [UInt8]
    }

    /// A head longer than this, or with more fields, is refused.
    static let maximumHeadBytes = 64 << 10
    static let maximumHeadFields = 256

    let request: ClientRequest
    let policy: OutboundPolicy
    let url: OutboundURL
    let deadline: ContinuousClock.Instant
    let isCancelled = Atomic(false)
    /// Where the body goes as it comes; nil where it is collected.
    private let channel: BodyChannel?

    var continuation: CheckedContinuation<Response, any Error>?
    /// What the engine keeps for it.
    var easy: UnsafeMutableRawPointer?
    var headerList: UnsafeMutablePointer<curl_slist>?
    /// Why a callback ended the transfer: libcurl knows only that one did.
    private(set) var failure: (any Error)?

    private var head: Response?
    private var isHeadComplete = false
    private var headBytes = 0
    private var bodyBytes = 0

    /// - Throws: ``PluginFailure`` permanent where the request is not allowed.
    init(_ request: ClientRequest, policy: OutboundPolicy, body channel: BodyChannel?) throws {
        url = try OutboundURL(request.url)
        guard policy.allows(host: url.host) else {
            throw PluginFailure.permanent(.invalidRequest, "\(url.origin) is not among the hosts that this instance may call")
        }
        self.request = request
        self.policy = policy
        self.channel = channel
        deadline = .now + request.timeout
    }

    /// Takes one line of the head; returns false to end the transfer.
    func receive(line: UnsafeBufferPointer<UInt8>) -> Bool {
        headBytes += line.count
        guard headBytes <= Self.maximumHeadBytes, (head?.headers.count ?? 0) < Self.maximumHeadFields else {
            return end(PluginFailure.permanent(.responseTooLarge, "\(url.origin) sent a head that is longer than is allowed"))
        }
        // What follows the body are trailers: nothing that Jack needs.
        if isHeadComplete { return true }
        if line.starts(with: Array("HTTP/".utf8)) {
            let code = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 2).dropFirst().first.flatMap {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
            guard let code, (100...999).contains(code) else {
                return end(PluginFailure.notReady(.malformedReply, "\(url.origin) answered with something that is not HTTP"))
            }
            head = Response(status: HTTPResponse.Status(code: code), headers: [:], body: [])
        } else if line.allSatisfy({ $0 == 13 || $0 == 10 }) {
            // A head of 1xx is followed by another one.
            guard let head, head.status.code >= 200 else { return true }
            isHeadComplete = true
            if channel != nil { resume(returning: head) }
        } else if let colon = line.firstIndex(of: 58) {
            let value = line[(colon + 1)...].drop { $0 == 32 || $0 == 9 }
            let end = value.lastIndex { ![9, 10, 13, 32].contains($0) }.map { $0 + 1 } ?? value.startIndex
            if let name = HTTPField.Name(String(decoding: line[..<colon], as: UTF8.self)) {
                head?.headers.append(HTTPField(name: name, value: value[..<end]))
            }
        }
        return true
    }

    /// What became of a piece of the body.
    enum Reception { case taken, paused, ended }

    func receive(piece: UnsafeBufferPointer<UInt8>) -> Reception {
        guard bodyBytes + piece.count <= request.maximumResponseBytes else {
            _ = end(
                PluginFailure.permanent(
                    .responseTooLarge, "\(url.origin) answered with more than the \(request.maximumResponseBytes) bytes that are allowed"))
            return .ended
        }
        if let channel {
            guard channel.offer(Array(piece)) else { return .paused }
        } else {
            head?.body.append(contentsOf: piece)
        }
        bodyBytes += piece.count
        return .taken
    }

    /// Whether an address may be called; remembers why not.
    func allows(_ address: InternetAddress?) -> Bool {
        if policy.allowsPrivateAddress(of: url.host) || policy.proxy != nil || address?.isPublic == true { return true }
        return end(PluginFailure.permanent(.invalidRequest, "\(url.origin) has an address that is not public, and \(OutboundPolicy.refusal)"))
    }

    /// Tells whoever waits how it ended. Only the first telling counts.
    func finish(_ error: (any Error)?) {
        if let error {
            continuation?.resume(throwing: error)
            continuation = nil
            channel?.finish(.failure(error))
        } else if let head, isHeadComplete {
            resume(returning: head)
            channel?.finish(.success(()))
        } else {
            finish(PluginFailure.notReady(.malformedReply, "\(url.origin) answered without a whole head"))
        }
    }

    private func resume(returning head: Response) {
        continuation?.resume(returning: head)
        continuation = nil
    }

    private func end(_ error: any Error) -> Bool {
        if failure == nil { failure = error }
        return false
    }
}
