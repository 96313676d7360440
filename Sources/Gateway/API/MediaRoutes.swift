import HTTPTypes
import PluginAPI

/// What the route of guests' files needs of the house. Errors are those of ``HotelAPI``.
public protocol MediaAPI: Sendable {
    /// A guest's file; not found where there is none or it is not kept, a conflict where it is still to be fetched.
    func attachment(_ id: String) async throws -> API.AttachmentFile
}

/// The route of guests' files; `Resources/openapi.yaml` describes it.
enum MediaRoutes {
    static func all(_ house: any MediaAPI) -> [APIRoute] {
        [
            APIRoute(method: .get, path: "/api/v1/attachments/{id}") { request in
                try request.allow([])
                return response(try await house.attachment(request.parameter("id")))
            }
        ]
    }

    /// A stranger's bytes, to be saved and never shown in the page's own name: whatever they are, no browser runs them here.
    static func response(_ file: API.AttachmentFile) -> PluginResponse {
        PluginResponse(
            .ok,
            headers: [
                .contentType: AttachmentName.servedType(file.mimeType), .contentDisposition: AttachmentName.disposition(of: file),
                .xContentTypeOptions: "nosniff", .cacheControl: "private", .contentSecurityPolicy: "default-src 'none'; sandbox",
            ], body: file.bytes)
    }
}

/// Under which name and type a guest's file is handed out.
enum AttachmentName {
    private static let harmless: Set<String> = ["application/pdf", "application/zip", "text/plain"]
    private static let extensions = [
        "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp", "image/heic": "heic", "application/pdf": "pdf",
        "application/zip": "zip", "video/mp4": "mp4", "audio/mp4": "m4a", "audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/amr": "amr",
        "audio/wav": "wav", "audio/aac": "aac", "text/plain": "txt",
    ]

    /// The type as it is, where no browser could run it; otherwise mere bytes.
    static func servedType(_ type: String) -> String {
        let isSeen = ["image/", "audio/", "video/", "application/vnd."].contains { type.hasPrefix($0) }
        let isRun = type.hasSuffix("xml") || type.hasPrefix("image/svg")
        return (isSeen && !isRun) || harmless.contains(type) ? type : "application/octet-stream"
    }

    /// `attachment` with the name in ASCII, and in UTF-8 for whoever reads that (RFC 6266, RFC 8187).
    static func disposition(of file: API.AttachmentFile) -> String {
        let name = Self.name(of: file)
        let plain = name.unicodeScalars.map { isPlain($0) ? String($0) : "_" }.joined()
        var encoded = ""
        for byte in name.utf8 {
            if isAttribute(byte) {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return "attachment; filename=\"\(plain)\"; filename*=UTF-8''\(encoded)"
    }

    /// The guest's name of a file without folders, without what is not seen or turns the direction of writing, and not too long.
    private static func name(of file: API.AttachmentFile) -> String {
        let last = (file.fileName ?? "").split { $0 == "/" || $0 == "\\" }.last.map(String.init) ?? ""
        var clean = String.UnicodeScalarView()
        for scalar in last.unicodeScalars.prefix(400) where isSeen(scalar) { clean.append(scalar) }
        let text = String(clean).drop { $0 == "." || $0 == " " }.suffix(100)
        guard !text.isEmpty else { return file.id + "." + (extensions[file.mimeType] ?? "bin") }
        return String(text)
    }

    private static func isSeen(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.isASCII else { return false }
        return isLetterOrDigit(UInt8(truncatingIfNeeded: scalar.value)) || " .-_()".unicodeScalars.contains(scalar)
    }

    private static func isAttribute(_ byte: UInt8) -> Bool { isLetterOrDigit(byte) || "!#$&+-.^_`|~".utf8.contains(byte) }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }
}
