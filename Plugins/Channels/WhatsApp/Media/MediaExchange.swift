import Crypto
import Foundation
import HTTPTypes
import PluginAPI

/// Files from Meta and to Meta.
struct MediaExchange: Sendable {
    let graph: GraphClient

    /// What `GET /{media-id}` answers.
    private struct Place: Decodable {
        var url: String
        var mimeType: String?
        var sha256: String?
        var size: Int?

        private enum CodingKeys: String, CodingKey {
            case url, sha256
            case mimeType = "mime_type"
            case size = "file_size"
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            url = try values.decode(String.self, forKey: .url)
            mimeType = try? values.decodeIfPresent(String.self, forKey: .mimeType)
            sha256 = try? values.decodeIfPresent(String.self, forKey: .sha256)
            // Documented as a number, and seen as a text.
            size =
                (try? values.decodeIfPresent(Int.self, forKey: .size))
                ?? (try? values.decodeIfPresent(String.self, forKey: .size)).flatMap { Int($0) }
        }
    }

    private struct Uploaded: Decodable {
        var id: String
    }

    /// The largest file of a kind that is fetched or sent.
    private func limit(_ kind: MediaReference.Kind) -> Int { min(MediaLimits.bytes(kind), graph.settings.maximumMedia.bytes) }

    /// Fetches a guest's file: first where it is, then itself. The place is good for five minutes, so it is asked for anew each time.
    func fetch(_ media: MediaReference) async throws -> MediaContent {
        let most = limit(media.kind)
        if let size = media.size, size > most { throw tooLarge(media.kind) }
        let answer = try await graph.media(media.reference)
        guard let place = try? JSONDecoder().decode(Place.self, from: Data(answer.body)) else {
            throw PluginFailure.notReady(.malformedReply, "WhatsApp does not say where the file is")
        }
        if let size = place.size, size > most { throw tooLarge(media.kind) }
        let file = try await graph.download(place.url, size: place.size, maximumBytes: most)
        if let expected = place.sha256, let sum = Self.sum(expected), !ConstantTime.equal(Array(SHA256.hash(data: file.body)), sum) {
            throw PluginFailure.notReady(.malformedReply, "the file from WhatsApp is not the one whose checksum it names")
        }
        return MediaContent(bytes: file.body, mimeType: place.mimeType ?? media.mimeType ?? file.headers[.contentType] ?? "application/octet-stream")
    }

    /// Uploads the bytes of a data URL; returns the id under which a message may name them.
    func upload(_ media: MediaReference) async throws -> String {
        guard let content = DataURL(media.reference) else {
            throw PluginFailure.permanent(.invalidRequest, "the file's data URL cannot be read: it must be base64")
        }
        let type = media.mimeType ?? content.mimeType
        guard MediaLimits.takes(type, as: media.kind) else {
            throw PluginFailure.permanent(
                .invalidRequest, "WhatsApp takes no \(media.kind.rawValue) of the type \(Self.shown(type)): send it as a document")
        }
        guard content.bytes.count <= limit(media.kind) else { throw tooLarge(media.kind) }
        let form = MultipartForm(
            fields: ["messaging_product": "whatsapp", "type": type], file: content.bytes, name: media.fileName ?? media.kind.rawValue, mimeType: type)
        let answer = try await graph.postMedia(form)
        guard let id = try? JSONDecoder().decode(Uploaded.self, from: Data(answer.body)).id, GraphURL.isID(id) else {
            throw PluginFailure.notReady(.malformedReply, "WhatsApp took a file and gave no id for it")
        }
        return id
    }

    private func tooLarge(_ kind: MediaReference.Kind) -> PluginFailure {
        .permanent(
            .mediaTooLarge, "the \(kind.rawValue) is larger than \(ByteCount(bytes: limit(kind))), the smaller of Meta's limit and maximum_media")
    }

    /// A checksum in hexadecimal digits, as the media endpoint writes it, or in base64, as webhooks do; nil for anything else.
    private static func sum(_ text: String) -> [UInt8]? {
        let bytes = text.utf8.count == 64 ? Hex.bytes(text.utf8) : Data(base64Encoded: text).map { [UInt8]($0) }
        return bytes.flatMap { $0.count == 32 ? $0 : nil }
    }

    private static func shown(_ type: String) -> String { String(type.prefix(60).filter { $0.isASCII && !$0.isWhitespace }) }
}
