import Crypto
import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

@testable import WhatsAppChannel

@Suite(.timeLimit(.minutes(1))) struct MediaTests {
    private let picture = [UInt8]((0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
    private func reference(_ kind: MediaReference.Kind = .image, size: Int? = nil) -> MediaReference {
        MediaReference(kind: kind, reference: "1479537139650973", mimeType: "image/png", size: size)
    }

    private func failure(_ desk: Desk, _ media: MediaReference) async -> PluginFailure? {
        do {
            _ = try await desk.plugin.fetchMedia(media)
            return nil
        } catch { return error as? PluginFailure }
    }

    @Test func aFileIsFetchedFromWhereMetaSaysItIs() async throws {
        try await Desk.run { (desk: Desk) async throws in
            desk.meta.keep("1479537139650973", .init(bytes: picture, mimeType: "image/jpeg"))
            let content = try await desk.plugin.fetchMedia(reference())
            #expect(content.bytes == picture && content.mimeType == "image/jpeg")
            #expect(desk.server.requests.map(\.path) == ["/v26.0/1479537139650973", "/lookaside/1479537139650973"])
        }
    }

    /// A hotel's line is slow: a film must not be given up because an answer of a few bytes would have come long ago.
    @Test func aLargeFileHasTheTimeThatItNeeds() async throws {
        let http = ScriptedHTTPClient { request in
            let place = #"{"url":"https://lookaside.fbsbx.com/x","mime_type":"video/mp4","file_size":6553600}"#
            return ClientResponse(status: .ok, body: request.url.contains("lookaside") ? [1, 2, 3] : Array(place.utf8))
        }
        let plugin = try TestContext(instance: "whatsapp", http: http).make(
            WhatsApp.self, Desk.settings(["media_hosts": ["lookaside.fbsbx.com"], "timeout": "20s"]))
        #expect(try await plugin.fetchMedia(reference(.video)).bytes == [1, 2, 3])
        #expect(http.requests.map(\.timeout) == [.seconds(20), .seconds(120)])
    }

    @Test func theSumIsCheckedInBothItsForms() async throws {
        try await Desk.run { (desk: Desk) async throws in
            let sum = Data(SHA256.hash(data: picture)).base64EncodedString()
            desk.meta.keep("1479537139650973", .init(bytes: picture, mimeType: "image/jpeg", sha256: sum))
            #expect(try await desk.plugin.fetchMedia(reference()).bytes == picture)
            let wrong = [Data(SHA256.hash(data: [1])).base64EncodedString(), String(repeating: "0", count: 64)]
            for sum in wrong {
                desk.meta.keep("1479537139650973", .init(bytes: picture, mimeType: "image/jpeg", sha256: sum))
                #expect(await failure(desk, reference())?.reason == .malformedReply)
            }
        }
    }

    @Test func whatIsTooLargeIsNotFetched() async throws {
        try await Desk.run(["maximum_media": "16KB"]) { (desk: Desk) async throws in
            desk.meta.keep("1479537139650973", .init(bytes: picture, mimeType: "image/jpeg"))
            #expect(await failure(desk, reference(size: 20_000))?.reason == .mediaTooLarge)
            #expect(desk.server.requests.isEmpty)
            #expect(await failure(desk, reference())?.reason == .mediaTooLarge)
            #expect(desk.server.requests.count == 1)
            // Meta says less than comes.
            desk.meta.keep("1479537139650973", .init(bytes: picture, mimeType: "image/jpeg", size: 100))
            #expect(await failure(desk, reference())?.disposition == .permanent)
        }
    }

    @Test func eachKindHasMetasLimit() async throws {
        try await Desk.run(["maximum_media": "100MB"]) { (desk: Desk) async throws in
            for (kind, limit) in [
                (MediaReference.Kind.image, 5 << 20), (.audio, 16 << 20), (.video, 16 << 20), (.document, 100 << 20), (.sticker, 500 << 10),
            ] {
                desk.meta.keep("1479537139650973", .init(bytes: [1], mimeType: "x/y", size: limit + 1))
                #expect(await failure(desk, reference(kind))?.reason == .mediaTooLarge)
                desk.meta.keep("1479537139650973", .init(bytes: [1], mimeType: "x/y", size: limit))
                #expect(await failure(desk, reference(kind)) == nil)
            }
        }
    }

    /// The token goes along: only to hosts that are trusted with it.
    @Test(arguments: [
        "https://evil.example/x", "http://evil.example/x", "ftp://localhost/x", "//localhost/x", "https://localhost.evil.example/", "https:///x", "",
        "javascript:x",
    ])
    func theTokenGoesToNoOtherHost(_ url: String) async throws {
        try await Desk.run { (desk: Desk) async throws in
            desk.meta.keep("1479537139650973", .init(bytes: picture, mimeType: "image/jpeg", url: url))
            let failure = try #require(await failure(desk, reference()))
            #expect(failure.disposition == .permanent && failure.reason == .invalidRequest)
            #expect(failure.message.contains("media_hosts") && !failure.message.contains("evil"))
            #expect(desk.server.requests.count == 1)
        }
    }

    @Test func aFileThatIsGoneIsNotFound() async throws {
        try await Desk.run { (desk: Desk) async throws in
            let gone = await failure(desk, reference())
            #expect(gone?.reason == .notFound && gone?.disposition == .permanent)
            for (status, disposition) in [
                (401, PluginFailure.Disposition.permanent), (403, .permanent), (404, .permanent), (500, .notReady), (302, .permanent),
            ] {
                desk.meta.keep("1479537139650973", .init(bytes: picture, mimeType: "image/jpeg", reply: .status(status)))
                #expect(await failure(desk, reference())?.disposition == disposition)
            }
        }
    }

    @Test(arguments: ["", "..", "a/b", "1?x=1", "https://example.com/x", "1%2f2", String(repeating: "1", count: 201)])
    func aReferenceThatIsNoIDIsNotAskedFor(_ id: String) async throws {
        try await Desk.run { (desk: Desk) async throws in
            #expect(await failure(desk, MediaReference(kind: .image, reference: id))?.reason == .invalidRequest)
            #expect(desk.server.requests.isEmpty)
        }
    }

    @Test(arguments: [#"{"id":"1"}"#, "[]", "garbage", #"{"url":7}"#])
    func anAnswerThatSaysNoPlaceIsTriedAgain(_ answer: String) async throws {
        try await Desk.run([:], answer: { _ in .json(answer) }) { (desk: Desk) async throws in
            #expect(await failure(desk, reference())?.disposition == .notReady)
        }
    }

    // MARK: Sending

    private func sent(_ message: OutboundMessage, _ more: [String: JSONValue] = [:]) async throws -> ([JSONValue], [FakeMeta.Upload]) {
        try await Desk.run(more) { (desk: Desk) async throws in
            _ = try await desk.plugin.send(message)
            return (desk.meta.messages, desk.meta.uploads)
        }
    }

    @Test func aPublicURLGoesAsALinkAndAnIDAsItself() async throws {
        let link = try await sent(.to("Your room", media: [.init(kind: .image, reference: "https://hotel.example/room.jpg", caption: nil)]))
        #expect(link.0.map { $0["image"] } == [["link": "https://hotel.example/room.jpg", "caption": "Your room"]])
        let document = try await sent(.to(media: [.init(kind: .document, reference: "12345", fileName: "Rechnung.pdf", caption: "Invoice")]))
        #expect(document.0.map { $0["document"] } == [["id": "12345", "caption": "Invoice", "filename": "Rechnung.pdf"]])
    }

    @Test func whatCannotCarryATextIsFollowedByIt() async throws {
        let audio = try await sent(.to("Listen", media: [.init(kind: .audio, reference: "123")]))
        #expect(audio.0.map { $0["type"] } == ["audio", "text"])
        let two = try await sent(.to("Both", media: [.init(kind: .image, reference: "123"), .init(kind: .video, reference: "124")]))
        #expect(two.0.map { $0["type"] } == ["image", "video", "text"])
        let long = String(repeating: "Breakfast is from seven to ten. ", count: 50)
        let caption = try await sent(.to(media: [.init(kind: .image, reference: "123", caption: long)]))
        #expect(caption.0.map { $0["type"] } == ["image", "text"])
        let choice = try await sent(.to("Like it?", media: [.init(kind: .image, reference: "123")], replies: [.init(id: "y", title: "Yes")]))
        #expect(choice.0.map { $0["type"] } == ["image", "interactive"])
    }

    @Test func bytesAreUploadedFirst() async throws {
        let bytes = Array("--jack\r\n\r\n".utf8) + picture
        let data = "data:image/png;base64,\(Data(bytes).base64EncodedString())"
        let (messages, uploads) = try await sent(.to("Plan", media: [.init(kind: .image, reference: data, fileName: "a\"b\r\nc.png")]))
        #expect(uploads.count == 1)
        #expect(uploads.first?.bytes == bytes && uploads.first?.type == "image/png" && uploads.first?.fileName == "a%22b%0D%0Ac.png")
        #expect(messages.map { $0["image"] } == [["id": "700001", "caption": "Plan"]])
    }

    @Test func whatMetaWouldNotTakeIsNotUploaded() async throws {
        try await Desk.run(["maximum_media": "16KB"]) { (desk: Desk) async throws in
            let gif = await desk.failure(.to(media: [.init(kind: .image, reference: "data:image/gif;base64,AAAA")]))
            #expect(gif?.reason == .invalidRequest && gif?.message.contains("image/gif") == true)
            let large = Data(picture).base64EncodedString()
            #expect(
                await desk.failure(.to(media: [.init(kind: .document, reference: "data:application/pdf;base64,\(large)")]))?.reason == .mediaTooLarge)
            #expect(desk.server.requests.isEmpty)
        }
    }
}
