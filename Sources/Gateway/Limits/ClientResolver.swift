import PluginAPI
import Kernel
import HTTPTypes

/// Who sent a request, and to which URL, as far as trusted proxies say.
struct Client: Sendable {
    /// Nil where the peer has no IP address.
    var address: IPAddress?
    var addressText: String
    var scheme: String
    var host: String
}

/// Reads forwarded headers from proxies that the configuration names, and from nobody else.
struct ClientResolver: Sendable {
    let trusted: [AddressRange]

    func isTrusted(_ address: IPAddress?) -> Bool {
        guard let address else { return false }
        return trusted.contains { $0.contains(address) }
    }

    /// - Parameters:
    ///   - peer: the address that the connection comes from.
    ///   - authority: the `Host` header.
    func resolve(peer: String?, authority: String?, headers: HTTPFields) -> Client {
        let address = peer.flatMap { IPAddress($0) }
        var client = Client(address: address, addressText: peer ?? "unknown", scheme: "http", host: authority ?? "")
        guard !trusted.isEmpty, isTrusted(address) else { return client }
        // From the right: each trusted hop vouches for the entry before it. What stands left of the first stranger is the stranger's own tale.
        let hops = headers[values: .xForwardedFor].flatMap { $0.split(separator: ",") }
        for hop in hops.reversed() {
            guard let address = Self.address(hop) else { break }
            client.address = address
            client.addressText = Self.bare(hop)
            if !isTrusted(address) { break }
        }
        if let scheme = headers[values: .xForwardedProto].last.flatMap(Self.last)?.lowercased(), scheme == "https" || scheme == "http" {
            client.scheme = scheme
        }
        if let host = headers[values: .xForwardedHost].last.flatMap(Self.last), Self.isHost(host) { client.host = host }
        return client
    }

    private static func last(_ list: String) -> String? {
        list.split(separator: ",").last.map { String($0.trimmingPrefix(" ")).replacing(" ", with: "") }
    }

    private static func address(_ hop: Substring) -> IPAddress? { IPAddress(bare(hop)) }

    /// An entry without blanks, brackets and port.
    private static func bare(_ hop: Substring) -> String {
        let text = hop.filter { $0 != " " && $0 != "\t" && $0 != "\"" }
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") { return String(text[text.index(after: text.startIndex)..<end]) }
        if text.count(where: { $0 == ":" }) == 1, let colon = text.firstIndex(of: ":") { return String(text[..<colon]) }
        return String(text)
    }

    private static func isHost(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 255
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F && $0 != 0x40 && $0 != 0x3F && $0 != 0x23 && $0 != 0x5C }
    }
}

extension HTTPField.Name {
    static let xForwardedFor = known("X-Forwarded-For")
    static let xForwardedProto = known("X-Forwarded-Proto")
    static let xForwardedHost = known("X-Forwarded-Host")
    static let xRequestID = known("X-Request-Id")
    static let xFrameOptions = known("X-Frame-Options")
    static let referrerPolicy = known("Referrer-Policy")
    static let permissionsPolicy = known("Permissions-Policy")
    static let staffName = known("X-Staff-Name")
}
