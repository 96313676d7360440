import Foundation

/// Reading URLs and hosts of settings and of Meta's answers.
enum GraphURL {
    /// The host of a URL in lower case, an IPv6 address without its brackets; nil where it names none.
    static func host(of url: String) -> String? {
        guard let host = URLComponents(string: url)?.encodedHost?.lowercased(), !host.isEmpty else { return nil }
        return host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }

    /// Whether a host is one of `patterns`: exact, or below `*.example.com`.
    static func isHost(_ host: String, among patterns: [String]) -> Bool {
        patterns.contains { pattern in
            let pattern = pattern.lowercased()
            return pattern.hasPrefix("*.") ? host.hasSuffix(pattern.dropFirst()) && host.utf8.count > pattern.utf8.count - 1 : host == pattern
        }
    }

    static func isHostPattern(_ text: String) -> Bool {
        let name = text.hasPrefix("*.") ? text.dropFirst(2) : Substring(text)
        return !name.isEmpty && !name.hasPrefix(".") && name.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") }
    }

    /// Whether a text may stand as one segment of a path: an id of Meta's.
    static func isID(_ text: String) -> Bool { (1...200).contains(text.utf8.count) && text.utf8.allSatisfy(isWord) }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        default: byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
    }
}
