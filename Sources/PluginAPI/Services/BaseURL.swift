import Foundation

/// Where a vendor's API is, as the operator set it: paths are put after it.
public struct BaseURL: Sendable, Hashable {
    public let text: String

    public init(_ text: String) { self.text = text }

    /// The host, for messages: the rest of a URL may hold a token. Nil where it has none.
    public var hostName: String? { URLComponents(string: text)?.encodedHost }

    /// True where what is sent there stays in the house.
    public var isPrivate: Bool { PrivateHost.isNamed(by: text) }

    /// The URL with a path, which begins with `/`.
    public func with(_ path: String) -> String {
        var base = Substring(text)
        while base.hasSuffix("/") { base.removeLast() }
        return base + path
    }

    /// Finds what is wrong with it. Pure.
    /// - Parameters:
    ///   - key: the setting that holds it.
    ///   - sent: what goes there, for the warning that it is not encrypted.
    public func check(_ key: String = "base_url", sent: String, _ report: inout ValidationReport) {
        if text.contains(where: { $0 == "?" || $0 == "#" }) {
            report.error(key, "it ends with a query, and paths are put after it", remedy: "leave the query out")
        }
        if text.hasPrefix("http://"), !isPrivate {
            report.warning(key, "\(sent) is sent without encryption", remedy: "use https", code: .insecure)
        }
    }
}
