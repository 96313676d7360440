import PluginAPI

/// Where a conversation stands.
public enum ConversationState: String, Sendable, Codable, CaseIterable {
    /// Nobody has written yet.
    case new
    /// Jack answers.
    case active
    /// A human was asked for, and none has come yet. Jack keeps silent.
    case escalated
    /// A human answers. Jack keeps silent.
    case taken
    case resolved
    case closed

    /// True where Jack may answer.
    public var belongsToJack: Bool { self != .escalated && self != .taken }

    /// The states that may follow. Every other change is refused.
    public var successors: Set<ConversationState> {
        switch self {
        case .new: [.active, .escalated, .taken, .closed]
        case .active: [.escalated, .taken, .resolved, .closed]
        case .escalated: [.taken, .active, .resolved, .closed]
        case .taken: [.active, .escalated, .resolved, .closed]
        case .resolved: [.active, .escalated, .taken, .closed]
        case .closed: [.active, .escalated, .taken]
        }
    }
}

/// A change that the rules of the hotel's domain do not allow.
public struct ButlerError: Error, Sendable, CustomStringConvertible {
    /// The kind of fault; may grow.
    public struct Code: Sendable, Hashable {
        private enum Base { case notFound, illegalTransition, invalid, conflict }
        private let base: Base
        public static let notFound = Code(base: .notFound)
        public static let illegalTransition = Code(base: .illegalTransition)
        public static let invalid = Code(base: .invalid)
        public static let conflict = Code(base: .conflict)
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
