import Butler
import Gateway
import HTTPTypes
import Kernel
import PluginAPI

extension HotelService {
    func attachment(_ id: String) async throws -> API.AttachmentFile {
        try await answer { app in
            let attachments = app.butler.attachments
            let (known, content) = try await app.storage.read { reader in
                (try attachments.get(id, in: reader), try attachments.bytes(of: id, in: reader))
            }
            guard let known else { throw GatewayError.notFound("attachment “\(id)”") }
            if let content {
                return API.AttachmentFile(
                    id: known.id, bytes: content, mimeType: known.mimeType ?? "application/octet-stream", fileName: known.media.fileName)
            }
            switch known.state {
            case .waiting: throw GatewayError.conflict("the file “\(id)” is still to be fetched" + (known.detail.map { ": \($0)" } ?? ""))
            case .forgotten: throw GatewayError(.notFound, "not_found", "the file “\(id)” was kept for as long as butler.media.keep_for says")
            case .failed, .stored:
                throw GatewayError(.notFound, "not_found", "the file “\(id)” is not there" + (known.detail.map { ": \($0)" } ?? ""))
            }
        }
    }

    /// A message's files, with what Jack has of them.
    func media(of message: Message, _ reader: any StorageReader) throws -> [API.Media] {
        guard !message.extras.media.isEmpty else { return [] }
        var kept: [Int: Attachment] = [:]
        for attachment in try application().butler.attachments.list(of: message.id, in: reader) { kept[attachment.place] = attachment }
        return message.extras.media.enumerated().map { place, media in
            let attachment = kept[place]
            let size = attachment?.state == .stored ? attachment?.size : media.size
            return API.Media(
                attachmentID: attachment?.id, kind: media.kind, state: attachment.map { API.Media.State($0.state) } ?? .notKept,
                mimeType: attachment?.mimeType ?? media.mimeType, fileName: media.fileName, caption: media.caption, size: size,
                failure: attachment?.detail)
        }
    }
}

extension API.Media.State {
    init(_ state: Attachment.State) {
        switch state {
        case .waiting: self = .waiting
        case .stored: self = .stored
        case .failed: self = .failed
        case .forgotten: self = .forgotten
        }
    }
}
