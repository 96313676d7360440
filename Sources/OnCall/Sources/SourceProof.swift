import Crypto
import Foundation
import HTTPTypes
import PluginAPI

/// Whether a request comes from whom it says: by a signature as Jack's own, or by a token.
///
/// `X-Jack-Signature: t=<unix seconds>,v1=<hex of HMAC-SHA256 over "<t>.<raw body>">`. The time is part of what is signed, so a request that somebody recorded is
/// worth nothing after a while; within it, it is known again.
struct SourceProof: Sendable {
    /// The longest header that is looked at.
    private static let maximumHeader = 1000

    let secret: Secret?
    let token: Secret?
    let tolerance: Duration

    /// - Returns: by what this very request is known again.
    /// - Throws: ``SourceRefusal/unverified(_:)``.
    func check(_ request: PluginRequest, at now: Date) throws -> [String] {
        let sent = ["Idempotency-Key", "X-Jack-Delivery"].compactMap { request.headers[.known($0)] }.first {
            !$0.isEmpty && $0.utf8.count <= Self.maximumHeader
        }
        // A sender may name two tellings of one matter alike; what it says is part of it.
        let known = sent.map { ["k:" + Hex.text(SHA256.hash(data: Data("\($0.utf8.count):\($0)".utf8 + request.body)))] } ?? []
        if let secret, let header = request.headers[.known("X-Jack-Signature")] {
            return known + ["s:" + (try signature(header, request.body, secret, now))]
        }
        guard let token else { throw SourceRefusal.unverified("it has no X-Jack-Signature") }
        let parts = (request.headers[.authorization] ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw SourceRefusal.unverified(secret == nil ? "it has no Authorization: Bearer …" : "it has neither a signature nor a token")
        }
        guard ConstantTime.equal(Self.hash(String(parts[1])), Self.hash(token.reveal())) else { throw SourceRefusal.unverified("the token is wrong") }
        return known
    }

    private func signature(_ header: String, _ body: [UInt8], _ secret: Secret, _ now: Date) throws -> String {
        guard header.utf8.count <= Self.maximumHeader else { throw SourceRefusal.unverified("the signature is too long") }
        var time: String?, codes: [[UInt8]] = []
        for part in header.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard pair.count == 2 else { continue }
            if pair[0] == "t" { time = pair[1] }
            if pair[0] == "v1", let code = Hex.bytes(pair[1].utf8) { codes.append(code) }
        }
        guard let time, let seconds = Int64(time), (0...100_000_000_000).contains(seconds), !codes.isEmpty else {
            throw SourceRefusal.unverified("the signature is not written as t=<unix seconds>,v1=<hex>")
        }
        let key = SymmetricKey(data: Array(secret.reveal().utf8)), signed = Array("\(time).".utf8) + body
        guard codes.contains(where: { HMAC<SHA256>.isValidAuthenticationCode($0, authenticating: signed, using: key) }) else {
            throw SourceRefusal.unverified("the signature is wrong")
        }
        // Said only to who has the key: the time of a forged signature means nothing.
        let age = now.timeIntervalSince1970 - Double(seconds)
        guard abs(age) <= tolerance.seconds else {
            let words = age > 0 ? "\(Int(age)) s old" : "\(Int(-age)) s ahead"
            throw SourceRefusal.unverified("the signature is \(words), and \(tolerance.text) are allowed: compare the clocks")
        }
        return Hex.text(SHA256.hash(data: Data(signed)))
    }

    /// Digests have one length, so that not even the token's length shows in the time that comparing takes.
    private static func hash(_ text: String) -> [UInt8] { Array(SHA256.hash(data: Data(text.utf8))) }
}

/// Why something that a source sent was not taken.
public enum SourceRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no such source.
    case unknown
    /// It does not show that it comes from the source.
    case unverified(String)
    /// It cannot be read at all.
    case unreadable(String)
    /// It can be read, and is no alert.
    case invalid(String)
    /// Too many alerts of the source stand open.
    case tooMany(String)

    public var description: String {
        switch self {
        case .unknown: "there is no such source"
        case .unverified(let text), .unreadable(let text), .invalid(let text), .tooMany(let text): text
        }
    }
}
