/// What a file is: by its own first bytes where they say it, and as declared only where they cannot.
///
/// Nothing here opens a file. The type decides what a browser is told, and a guest must not decide it: a page that is called a picture stays neither.
enum MediaType {
    static let unknown = "application/octet-stream"

    /// What the first bytes of a file say.
    private struct Finding {
        var mimeType: String
        /// Declared types that such a beginning is no argument against: containers look alike.
        var allows: (String) -> Bool = { _ in false }
    }

    /// The type under which a file is kept.
    /// - Parameter declared: what others say, the best first.
    static func settle(_ bytes: [UInt8], declared: [String?]) -> String {
        let declared = declared.compactMap { $0.flatMap(normalized) }.first { $0 != unknown }
        guard let finding = sniff(bytes) else {
            // What has a known beginning and does not begin so is something else.
            guard let declared, !hasKnownBeginning(declared) else { return unknown }
            return declared
        }
        if let declared, finding.allows(declared) { return declared }
        return finding.mimeType
    }

    /// `type/subtype` in lower case, without parameters; nil for what is none (RFC 9110, 8.3.1).
    static func normalized(_ text: String) -> String? {
        let type = text.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        let parts = type.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, type.utf8.count <= 100, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isToken) }) else { return nil }
        return type
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$&-^_.+".utf8.contains(byte)
        }
    }

    private static let knownBeginnings: Set<String> = [
        "image/jpeg", "image/jpg", "image/png", "image/gif", "image/webp", "image/heic", "image/heif", "image/avif", "application/pdf",
        "application/zip", "video/mp4", "video/quicktime", "video/3gpp", "video/webm", "audio/mp4", "audio/ogg", "audio/wav", "audio/x-wav",
        "audio/amr",
    ]

    private static func hasKnownBeginning(_ type: String) -> Bool { knownBeginnings.contains(type) }

    private static func sniff(_ bytes: [UInt8]) -> Finding? {
        func begins(_ beginning: [UInt8], at place: Int = 0) -> Bool {
            bytes.count >= place + beginning.count && bytes[place..<(place + beginning.count)].elementsEqual(beginning)
        }
        func begins(_ text: String, at place: Int = 0) -> Bool { begins(Array(text.utf8), at: place) }
        if begins([0xFF, 0xD8, 0xFF]) { return Finding(mimeType: "image/jpeg") }
        if begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return Finding(mimeType: "image/png") }
        if begins("GIF87a") || begins("GIF89a") { return Finding(mimeType: "image/gif") }
        if begins("RIFF"), begins("WEBP", at: 8) { return Finding(mimeType: "image/webp") }
        if begins("RIFF"), begins("WAVE", at: 8) { return Finding(mimeType: "audio/wav") }
        if begins("%PDF-") { return Finding(mimeType: "application/pdf") }
        if begins("OggS") { return Finding(mimeType: "audio/ogg") { ["video/ogg", "application/ogg"].contains($0) } }
        if begins("#!AMR") { return Finding(mimeType: "audio/amr") }
        if begins("ID3") || begins([0xFF, 0xFB]) || begins([0xFF, 0xF3]) || begins([0xFF, 0xF2]) { return Finding(mimeType: "audio/mpeg") }
        if begins([0xFF, 0xF1]) || begins([0xFF, 0xF9]) { return Finding(mimeType: "audio/aac") }
        if begins([0x1A, 0x45, 0xDF, 0xA3]) { return Finding(mimeType: "video/webm") { ["audio/webm", "video/x-matroska"].contains($0) } }
        if begins("ftyp", at: 4) { return box(bytes) }
        if begins([0x50, 0x4B, 0x03, 0x04]) {
            // Office documents and books are archives.
            return Finding(mimeType: "application/zip") { $0.hasPrefix("application/vnd.") || $0.hasSuffix("+zip") }
        }
        return nil
    }

    /// An ISO base media file, by its major brand (ISO/IEC 14496-12).
    private static func box(_ bytes: [UInt8]) -> Finding {
        let brand = String(decoding: bytes.dropFirst(8).prefix(4), as: UTF8.self)
        switch brand {
        case "heic", "heix", "mif1", "msf1", "heim", "heis": return Finding(mimeType: "image/heic") { $0 == "image/heif" }
        case "avif", "avis": return Finding(mimeType: "image/avif")
        case "qt  ": return Finding(mimeType: "video/quicktime")
        case "M4A ", "M4B ": return Finding(mimeType: "audio/mp4")
        default: return Finding(mimeType: "video/mp4") { ["audio/mp4", "video/3gpp", "audio/3gpp", "video/quicktime"].contains($0) }
        }
    }
}
