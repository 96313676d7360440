import CLibCurl
import PluginAPI

/// A URL as libcurl reads it: whoever checks it and whoever calls it must not read it differently.
struct OutboundURL {
    let text: String
    let host: String
    /// `https://host:port`, without user, path and query: what a log line or an error may show.
    let origin: String

    /// - Throws: ``PluginFailure`` permanent where it is no absolute http or https URL.
    init(_ text: String) throws {
        guard let url = curl_url() else { throw PluginFailure.notReady(.overloaded, "out of memory") }
        defer { curl_url_cleanup(url) }
        // Only what may stand in a URL (RFC 3986): what is outside it, programs read differently.
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw PluginFailure.permanent(.invalidRequest, "the URL of the request has a character that must be percent-encoded")
        }
        guard curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK, let scheme = Self.part(url, CURLUPART_SCHEME),
            let host = Self.part(url, CURLUPART_HOST), !host.isEmpty
        else { throw PluginFailure.permanent(.invalidRequest, "the URL of the request is not an absolute URL") }
        guard scheme == "http" || scheme == "https" else {
            throw PluginFailure.permanent(.invalidRequest, "the scheme “\(scheme)” is not allowed: use https or http")
        }
        self.text = text
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        origin = "\(scheme)://\(host)" + (Self.part(url, CURLUPART_PORT).map { ":\($0)" } ?? "")
    }

    private static func part(_ url: OpaquePointer, _ part: CURLUPart) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(url, part, &text, 0) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
