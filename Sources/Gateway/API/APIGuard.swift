import Crypto
import Foundation
import HTTPTypes
import Kernel
import PluginAPI

/// Lets in who knows the token.
struct APIGuard: Sendable {
    private let digest: [UInt8]?
    private let limiters: Limiters

    init(token: Secret?, limiters: Limiters) {
        digest = token.flatMap { $0.isEmpty ? nil : Self.hash($0.reveal()) }
        self.limiters = limiters
    }

    /// Checks `Authorization: Bearer …`.
    /// - Throws: 401 without the right token, 503 where none is configured: an API that nobody may use is closed, not open.
    func check(_ authorization: String?, _ address: IPAddress?) throws {
        guard let digest else {
            throw GatewayError(.serviceUnavailable, "api_closed", "no API token is configured: set LOCAL_TOKEN and restart")
        }
        let parts = authorization?.split(separator: " ", maxSplits: 1) ?? []
        if parts.count == 2, parts[0].lowercased() == "bearer", matches(String(parts[1]), digest) { return }
        if let wait = limiters.take(.failures, address) { throw GatewayError.rateLimited(wait) }
        throw GatewayError(.unauthorized, "unauthorized", "this needs the API's bearer token")
    }

    /// Checks the second of the subprotocols `jack.v1, <token>`, the only place where a browser's script can put one.
    func check(subprotocols: [String], _ address: IPAddress?) throws {
        guard subprotocols.first == "jack.v1" else {
            throw GatewayError.badRequest("websocket_protocol", "ask for the subprotocols “jack.v1, <token>”")
        }
        try check(subprotocols.count == 2 ? "Bearer \(subprotocols[1])" : nil, address)
    }

    private func matches(_ token: String, _ digest: [UInt8]) -> Bool { ConstantTime.equal(Self.hash(token), digest) }

    /// Digests have one length, so that not even the token's length shows in the time that comparing takes.
    private static func hash(_ text: String) -> [UInt8] { Array(SHA256.hash(data: Data(text.utf8))) }
}
