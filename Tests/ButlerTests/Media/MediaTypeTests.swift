import Testing

@testable import Butler

/// What a file is, its bytes say before anybody else.
@Suite struct MediaTypeTests {
    @Test(
        arguments: [
            ("\u{1}\u{2}", "image/png", "application/octet-stream"), ("<html>", "image/png", "application/octet-stream"),
            ("<html>", "text/html", "text/html"), ("GIF89a…", "text/html", "image/gif"), ("%PDF-1.7", nil, "application/pdf"),
            (
                "PK\u{3}\u{4}", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
            ),
            ("PK\u{3}\u{4}", "image/jpeg", "application/zip"), ("OggS", "audio/ogg; codecs=opus", "audio/ogg"),
            ("\0\0\0\u{18}ftypisom", "audio/mp4", "audio/mp4"), ("\0\0\0\u{18}ftypheic", "image/jpeg", "image/heic"),
            ("", nil, "application/octet-stream"), ("text", "TEXT/Plain; charset=utf-8", "text/plain"), ("x", "no type", "application/octet-stream"),
            ("x", "a/b\r\nX: y", "application/octet-stream"), ("x", "a/b/c", "application/octet-stream"),
        ] as [(String, String?, String)]) func typesAreSettled(_ bytes: String, _ declared: String?, _ kept: String)
    {
        #expect(MediaType.settle(Array(bytes.utf8), declared: [declared]) == kept)
    }

    @Test func theBetterDeclarationCounts() {
        #expect(MediaType.settle([1], declared: ["application/octet-stream", "application/msword"]) == "application/msword")
        #expect(MediaType.settle([0xFF, 0xD8, 0xFF, 0xE0], declared: ["image/png"]) == "image/jpeg")
    }
}
