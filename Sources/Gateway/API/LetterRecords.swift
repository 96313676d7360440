import Foundation

extension API {
    /// Something that could not be dealt with or delivered, and waits for a person.
    public struct DeadLetter: Codable, Sendable, Hashable {
        public var id: String
        /// `inbox` for what arrived, `outbox` for what was to leave, `job` for Jack's own work in time.
        public var box: String
        /// The instance by which it came or was to leave; a job's kind.
        public var instance: String
        /// `message`, `page`, `notice`, `receipt` and the like.
        public var kind: String
        /// `dead` where it was given up, `failed` where the vendor took it and said later that it failed.
        public var state: String
        public var reason: String
        public var attempts: Int
        /// Whom it is from or for.
        public var peer: String?
        /// The beginning of what it says.
        public var preview: String?
        public var createdAt: Date
        public var diedAt: Date

        public init(
            id: String, box: String, instance: String, kind: String, state: String, reason: String, attempts: Int, peer: String? = nil,
            preview: String? = nil, createdAt: Date, diedAt: Date
        ) {
            self.id = id
            self.box = box
            self.instance = instance
            self.kind = kind
            self.state = state
            self.reason = reason
            self.attempts = attempts
            self.peer = peer
            self.preview = preview
            self.createdAt = createdAt
            self.diedAt = diedAt
        }
    }

    public struct LetterFilter: Sendable, Hashable {
        public enum Box: String, Sendable, CaseIterable { case inbox, outbox, job }
        public var box: Box?
        public var instance: String?

        public init(box: Box? = nil, instance: String? = nil) {
            self.box = box
            self.instance = instance
        }
    }

    /// Why a letter is put away.
    public struct LetterDrop: APIInput, Hashable {
        public var reason: String?

        public init(reason: String? = nil) { self.reason = reason }

        public static let fields: Set = ["reason"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            check(reason, "reason", longest: longestReason, into: &problems)
            return problems
        }
    }
}
