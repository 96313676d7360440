import Crypto
import PluginAPI

/// A `multipart/form-data` body (RFC 7578) of short fields and one file.
struct MultipartForm {
    private let boundary: String
    private(set) var body: [UInt8] = []

    /// The boundary is the file's own hash: the same upload is the same bytes, and no file holds its own hash.
    init(fields: KeyValuePairs<String, String>, file: [UInt8], name: String, mimeType: String) {
        let boundary = "jack-" + Hex.text(SHA256.hash(data: file))
        self.boundary = boundary
        for (field, value) in fields { append("--\(boundary)\r\nContent-Disposition: form-data; name=\"\(field)\"\r\n\r\n\(value)\r\n") }
        append(
            "--\(boundary)\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(Self.quoted(name))\"\r\nContent-Type: \(Self.line(mimeType))\r\n\r\n"
        )
        body += file
        append("\r\n--\(boundary)--\r\n")
    }

    var contentType: String { "multipart/form-data; boundary=\(boundary)" }

    private mutating func append(_ text: String) { body += Array(text.utf8) }

    /// Quotes and line ends are percent-encoded, as browsers do (“HTML, multipart form data”).
    private static func quoted(_ name: String) -> String {
        name.unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "\"": text += "%22"
            case "\r": text += "%0D"
            case "\n": text += "%0A"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    private static func line(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value < 0x7f }))
    }
}
