import Foundation

/// A request's body. Names are strict: a field that is not listed is an error.
public protocol APIInput: Decodable, Sendable {
    /// The JSON names of all fields.
    static var fields: Set<String> { get }

    /// What is wrong beyond types, by field.
    func problems() -> [String: String]
}

extension APIInput {
    public func problems() -> [String: String] { [:] }
}

/// The longest text that staff may send, in characters.
let longestText = 4000

/// The longest reason for a decision, in characters.
let longestReason = 500

/// Characters are Unicode scalars, as in a guest's message and in the document's `maxLength`: one letter may carry marks without end.
func check(_ text: String?, _ name: String, longest: Int = longestText, into problems: inout [String: String]) {
    guard let text else { return }
    if text.allSatisfy(\.isWhitespace) { problems[name] = "is empty" }
    if text.unicodeScalars.count > longest { problems[name] = "is longer than \(longest) characters" }
}

extension API {
    public struct ConversationFilter: Sendable, Hashable {
        public var state: String?
        public var assignedTo: String?
        public var channel: String?
        public var guestID: String?

        public init(state: String? = nil, assignedTo: String? = nil, channel: String? = nil, guestID: String? = nil) {
            self.state = state
            self.assignedTo = assignedTo
            self.channel = channel
            self.guestID = guestID
        }
    }

    public struct ReservationFilter: Sendable, Hashable {
        public var room: String?
        public var guestID: String?
        public var confirmation: String?
        /// The stay includes this day, `yyyy-MM-dd`.
        public var on: String?
        public var status: String?

        public init(room: String? = nil, guestID: String? = nil, confirmation: String? = nil, on: String? = nil, status: String? = nil) {
            self.room = room
            self.guestID = guestID
            self.confirmation = confirmation
            self.on = on
            self.status = status
        }
    }

    public struct TaskFilter: Sendable, Hashable {
        public var status: String?
        public var department: String?
        public var assignedTo: String?
        public var conversationID: String?

        public init(status: String? = nil, department: String? = nil, assignedTo: String? = nil, conversationID: String? = nil) {
            self.status = status
            self.department = department
            self.assignedTo = assignedTo
            self.conversationID = conversationID
        }
    }

    /// What to do with a conversation; at least one.
    public struct ConversationChange: APIInput, Hashable {
        public enum Action: String, Codable, Sendable, CaseIterable {
            /// Staff writes from now on, and Jack is silent.
            case takeOver = "take_over"
            /// Jack answers again.
            case release
        }

        public var action: Action?
        public var state: String?
        public var assignedTo: String?

        public init(action: Action? = nil, state: String? = nil, assignedTo: String? = nil) {
            self.action = action
            self.state = state
            self.assignedTo = assignedTo
        }

        public static let fields: Set = ["action", "state", "assigned_to"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            if action == nil, state == nil, assignedTo == nil { problems["action"] = "one of action, state and assigned_to is needed" }
            if action != nil, state != nil { problems["state"] = "cannot be set together with action" }
            check(assignedTo, "assigned_to", longest: 100, into: &problems)
            return problems
        }
    }

    public struct NewMessage: APIInput, Hashable {
        public var text: String
        /// The caller's own id, so that a repetition is not a second message.
        public var clientID: String?

        public init(text: String, clientID: String? = nil) {
            self.text = text
            self.clientID = clientID
        }

        public static let fields: Set = ["text", "client_id"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            check(text, "text", into: &problems)
            check(clientID, "client_id", longest: 100, into: &problems)
            return problems
        }
    }

    public struct NewTask: APIInput, Hashable {
        public var department: String
        public var summary: String
        public var room: String?
        public var priority: String?
        public var conversationID: String?
        public var dueAt: Date?
        /// The caller's own id, so that a repetition is not a second task.
        public var clientID: String?

        public init(
            department: String, summary: String, room: String? = nil, priority: String? = nil, conversationID: String? = nil, dueAt: Date? = nil,
            clientID: String? = nil
        ) {
            self.department = department
            self.summary = summary
            self.room = room
            self.priority = priority
            self.conversationID = conversationID
            self.dueAt = dueAt
            self.clientID = clientID
        }

        public static let fields: Set = ["department", "summary", "room", "priority", "conversation_id", "due_at", "client_id"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            check(department, "department", longest: 100, into: &problems)
            check(summary, "summary", into: &problems)
            check(room, "room", longest: 20, into: &problems)
            if let priority, !["low", "standard", "high", "urgent"].contains(priority) {
                problems["priority"] = "is none of low, standard, high, urgent"
            }
            check(clientID, "client_id", longest: 100, into: &problems)
            return problems
        }
    }

    public struct TaskChange: APIInput, Hashable {
        public enum Action: String, Codable, Sendable, CaseIterable { case claim, start, complete, cancel }

        public var action: Action
        /// Who claims it; the caller where it is not said.
        public var assignedTo: String?
        public var note: String?

        public init(action: Action, assignedTo: String? = nil, note: String? = nil) {
            self.action = action
            self.assignedTo = assignedTo
            self.note = note
        }

        public static let fields: Set = ["action", "assigned_to", "note"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            check(assignedTo, "assigned_to", longest: 100, into: &problems)
            check(note, "note", into: &problems)
            return problems
        }
    }

    public struct ApproveDecision: APIInput, Hashable {
        /// What to send in place of Jack's text.
        public var text: String?

        public init(text: String? = nil) {
            self.text = text
        }

        public static let fields: Set = ["text"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            check(text, "text", into: &problems)
            return problems
        }
    }

    public struct RejectDecision: APIInput, Hashable {
        public var reason: String?

        public init(reason: String? = nil) {
            self.reason = reason
        }

        public static let fields: Set = ["reason"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            check(reason, "reason", longest: longestReason, into: &problems)
            return problems
        }
    }

    public struct HoldReason: APIInput, Hashable {
        public var reason: String?

        public init(reason: String? = nil) {
            self.reason = reason
        }

        public static let fields: Set = ["reason"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            check(reason, "reason", longest: longestReason, into: &problems)
            return problems
        }
    }

    public struct ReloadRequest: APIInput, Hashable {
        /// Says what would change, and changes nothing.
        public var dryRun: Bool?

        public init(dryRun: Bool? = nil) {
            self.dryRun = dryRun
        }

        public static let fields: Set = ["dry_run"]
    }
}
