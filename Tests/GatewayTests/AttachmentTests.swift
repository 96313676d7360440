import Foundation
import Testing

@testable import Gateway

/// Guests' files are handed to staff, and never run.
@Suite struct AttachmentTests {
    @Test func aFileIsSavedAndNotShown() async throws {
        try await TestHouse.run { house async throws in
            let file = try await house.api("GET", "/api/v1/attachments/att_1")
            #expect(file.status == 200 && file.body == "<script>")
            #expect(file.headers["content-type"] == "image/png")
            #expect(file.headers["x-content-type-options"] == "nosniff")
            #expect(file.headers["cache-control"] == "private")
            #expect(file.headers["content-security-policy"] == "default-src 'none'; sandbox")
            #expect(
                file.headers["content-disposition"]
                    == #"attachment; filename="Dusche _kaputt_X_ _.png"; filename*=UTF-8''Dusche%20%22kaputt%22X%3A%20%C3%BC.png"#)
            #expect(file.headers["x"] == nil, "a name is no header")
        }
    }

    @Test func whatABrowserCouldRunIsMereBytes() async throws {
        try await TestHouse.run { house async throws in
            let page = try await house.api("GET", "/api/v1/attachments/att_2")
            #expect(page.status == 200 && page.headers["content-type"] == "application/octet-stream")
            #expect(page.headers["content-disposition"] == #"attachment; filename="att_2.bin"; filename*=UTF-8''att_2.bin"#)
        }
    }

    @Test(arguments: [
        ("image/jpeg", "image/jpeg"), ("image/svg+xml", "application/octet-stream"), ("application/xhtml+xml", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"), ("application/pdf", "application/pdf"), ("text/plain", "text/plain"),
        ("application/vnd.ms-excel", "application/vnd.ms-excel"), ("application/vnd.mozilla.xul+xml", "application/octet-stream"),
        ("application/x-msdownload", "application/octet-stream"),
    ]) func onlyHarmlessTypesAreSaid(_ kept: String, _ said: String) { #expect(AttachmentName.servedType(kept) == said) }

    @Test(arguments: [
        ("", "att_9.jpg"), ("...", "att_9.jpg"), ("/", "att_9.jpg"), (".htaccess", "htaccess"), ("C:\\Users\\a.jpg", "a.jpg"),
        ("photo\u{202E}gpj.exe", "photogpj.exe"), (String(repeating: "a", count: 300) + ".png", String(repeating: "a", count: 96) + ".png"),
    ]) func namesAreOnlyNames(_ given: String, _ handed: String) {
        let file = API.AttachmentFile(id: "att_9", bytes: [], mimeType: "image/jpeg", fileName: given)
        #expect(AttachmentName.disposition(of: file).hasPrefix("attachment; filename=\"\(handed)\";"))
    }

    @Test func onlyTheTokenOpensAFile() async throws {
        try await TestHouse.run { house async throws in
            #expect(try await house.request("GET", "/api/v1/attachments/att_1").status == 401)
            #expect(try await house.api("GET", "/api/v1/attachments/none").status == 404)
            #expect(try await house.api("GET", "/api/v1/attachments/waiting").status == 409)
            #expect(try await house.api("GET", "/api/v1/attachments/att_1?inline=1").status == 400)
            #expect(try await house.api("POST", "/api/v1/attachments/att_1").status == 405)
        }
    }

    @Test func aMessageNamesItsFiles() async throws {
        try await TestHouse.run { house async throws in
            let page = try await house.api("GET", "/api/v1/conversations/c1/messages")
            let message = try #require((page.json["items"] as? [[String: Any]])?.first)
            let media = try #require(message["media"] as? [[String: Any]])
            #expect(media.count == 2 && media[0]["attachment_id"] as? String == "att_1" && media[0]["mime_type"] as? String == "image/png")
            #expect(media[1]["state"] as? String == "not_kept" && media[1]["attachment_id"] == nil)
        }
    }
}
