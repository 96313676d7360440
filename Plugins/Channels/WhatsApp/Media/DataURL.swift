import Foundation

/// Bytes in a URL of their own (RFC 2397): how a message carries a file that is nowhere else yet.
struct DataURL {
    var mimeType: String
    var bytes: [UInt8]

    static func isOne(_ text: String) -> Bool { text.utf8.count > 5 && text.prefix(5).lowercased() == "data:" }

    /// Nil where it is not a data URL in base64.
    init?(_ text: String) {
        guard Self.isOne(text), let comma = text.firstIndex(of: ",") else { return nil }
        let head = text[text.index(text.startIndex, offsetBy: 5)..<comma].split(separator: ";", omittingEmptySubsequences: false)
        guard head.last?.lowercased() == "base64", let bytes = Data(base64Encoded: String(text[text.index(after: comma)...])) else { return nil }
        let type = head.dropLast().joined(separator: ";")
        mimeType = type.isEmpty ? "text/plain" : type
        self.bytes = [UInt8](bytes)
    }
}
