import Foundation
import PluginAPI

extension API {
    /// A file that a message carries.
    public struct Media: Codable, Sendable, Hashable {
        /// Whether Jack has the file.
        public enum State: String, Codable, Sendable {
            /// It is fetched, or will be tried again.
            case waiting
            case stored
            /// It cannot be had, or passes a limit; ``Media/failure`` says why.
            case failed
            /// It was there, for as long as files are kept.
            case forgotten
            /// Jack keeps no copy of it: one of its own, or one from before, or beyond what is fetched of one message.
            case notKept = "not_kept"
        }

        /// What `GET /api/v1/attachments/{id}` takes; nil where nothing is kept.
        public var attachmentID: String?
        public var kind: MediaReference.Kind
        public var state: State
        /// What the bytes are; as declared until they are there.
        public var mimeType: String?
        /// As the guest named it.
        public var fileName: String?
        public var caption: String?
        /// In bytes; as declared until they are there.
        public var size: Int?
        /// Why it is not there yet, or never will be.
        public var failure: String?

        public init(
            attachmentID: String? = nil, kind: MediaReference.Kind, state: State, mimeType: String? = nil, fileName: String? = nil,
            caption: String? = nil, size: Int? = nil, failure: String? = nil
        ) {
            self.attachmentID = attachmentID
            self.kind = kind
            self.state = state
            self.mimeType = mimeType
            self.fileName = fileName
            self.caption = caption
            self.size = size
            self.failure = failure
        }
    }

    /// The bytes of a guest's file.
    public struct AttachmentFile: Sendable, Hashable {
        public var id: String
        public var bytes: [UInt8]
        public var mimeType: String
        /// As the guest named it; nil where they did not.
        public var fileName: String?

        public init(id: String, bytes: [UInt8], mimeType: String, fileName: String? = nil) {
            self.id = id
            self.bytes = bytes
            self.mimeType = mimeType
            self.fileName = fileName
        }
    }
}
