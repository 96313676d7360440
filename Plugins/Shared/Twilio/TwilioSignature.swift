import Crypto
import Foundation
import HTTPTypes
import PluginAPI

/// What Twilio signs (“Webhooks security”): the URL that it called, and after it the form's names and values in the names' order, by HMAC-SHA1 with the
/// account's auth token. Of a body that is no form, its SHA-256 stands in the URL's query.
///
/// The signature holds no time: a request that is replayed cannot be told by it; the kernel knows its events again and stores nothing.
public struct TwilioSignature: Sendable {
    private static let header = HTTPField.Name.known("X-Twilio-Signature")
    private static let bodyHash = "bodySHA256"
    private let key: SymmetricKey

    public init(token: Secret) { key = SymmetricKey(data: Array(token.reveal().utf8)) }

    /// - Parameter publicURL: the URL under which vendors reach Jack. Twilio may have called it where the gateway sees another one: behind a proxy that it does
    ///   not trust, or that takes a part of the path away.
    public func isSound(_ request: PluginRequest, publicURL: String?) -> Bool {
        // Two headers would leave open which one counts.
        guard let given = request.headers[values: Self.header].first, request.headers[values: Self.header].count == 1,
            let signature = Data(base64Encoded: given), signature.count == Insecure.SHA1.byteCount, let fields = signed(request)
        else { return false }
        // Without a shortcut: how long it takes does not tell which URL was meant.
        return urls(request, publicURL).reduce(false) { isSound, url in
            ConstantTime.equal(code(url: url, fields: fields), Array(signature)) || isSound
        }
    }

    /// The signature's bytes.
    public func code(url: String, fields: [TwilioForm.Field]) -> [UInt8] {
        var text = url
        // By the bytes of the names, as sorting in C does; Swift's own order follows the characters' meaning.
        let sorted = Set(fields).sorted {
            $0.name == $1.name ? $0.value.utf8.lexicographicallyPrecedes($1.value.utf8) : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
        for field in sorted { text += field.name + field.value }
        return Array(HMAC<Insecure.SHA1>.authenticationCode(for: Array(text.utf8), using: key))
    }

    /// The fields that the signature covers beside the URL; nil where the body is not what was signed.
    private func signed(_ request: PluginRequest) -> [TwilioForm.Field]? {
        if let hash = request.queryValue(Self.bodyHash) {
            guard let expected = Hex.bytes(hash.utf8), ConstantTime.equal(Array(SHA256.hash(data: request.body)), expected) else { return nil }
            return []
        }
        guard !request.body.isEmpty else { return [] }
        return TwilioForm(request.body)?.fields
    }

    /// The URLs that Twilio may have called. It signs some ports and leaves others out, by its age and the scheme.
    private func urls(_ request: PluginRequest, _ publicURL: String?) -> [String] {
        var urls = [request.url]
        if let publicURL { urls.append(publicURL + request.path + (request.query.isEmpty ? "" : "?" + request.query)) }
        return urls.flatMap { [$0, Self.otherPort($0)].compactMap(\.self) }
    }

    /// The same URL without its port, or with the scheme's own where it has none; nil where it is no URL.
    private static func otherPort(_ url: String) -> String? {
        guard let start = url.range(of: "://")?.upperBound else { return nil }
        let end = url[start...].firstIndex { "/?#".contains($0) } ?? url.endIndex
        let authority = url[start..<end]
        // The colon of a port stands after an IPv6 address's bracket.
        let tail = authority.lastIndex(of: "]").map { authority[$0...] } ?? authority
        let port = tail.firstIndex(of: ":")
        let host = port.map { authority[..<$0] } ?? authority
        let added = port == nil ? (url.hasPrefix("https:") ? ":443" : ":80") : ""
        return url[..<start] + host + added + url[end...]
    }
}
