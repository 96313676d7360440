import OnCall
import PluginAPI

extension API {
    public struct NewIncident: APIInput, Hashable {
        public var priority: String
        public var title: String
        /// What it is about: the group key of a page.
        public var alert: String?

        public init(priority: String, title: String, alert: String? = nil) {
            self.priority = priority
            self.title = title
            self.alert = alert
        }

        public static let fields: Set = ["priority", "title", "alert"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            if IncidentPriority(rawValue: priority) == nil {
                problems["priority"] = "is none of \(IncidentPriority.allCases.map(\.rawValue).joined(separator: ", "))"
            }
            check(title, "title", longest: 200, into: &problems)
            check(alert, "alert", longest: 200, into: &problems)
            return problems
        }
    }

    public struct IncidentChange: APIInput, Hashable {
        public enum Action: String, Codable, Sendable, CaseIterable {
            /// The caller leads from now on.
            case take
            /// A step of the playbook is done.
            case step
            /// A note for the house.
            case note
            /// What the public may read.
            case status
            case resolve
            case close
        }

        public var action: Action
        /// The step's name.
        public var step: String?
        /// The note.
        public var text: String?
        /// The post-mortem as people completed it, for `close`.
        public var postmortem: String?

        public init(action: Action, step: String? = nil, text: String? = nil, postmortem: String? = nil) {
            self.action = action
            self.step = step
            self.text = text
            self.postmortem = postmortem
        }

        public static let fields: Set = ["action", "step", "text", "postmortem"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            if action == .step, step == nil { problems["step"] = "is missing" }
            if action != .step, step != nil { problems["step"] = "belongs to the action step" }
            if action == .note || action == .status, text == nil { problems["text"] = "is missing" }
            if action != .note, action != .status, text != nil { problems["text"] = "belongs to the actions note and status" }
            if action != .close, postmortem != nil { problems["postmortem"] = "belongs to the action close" }
            check(text, "text", into: &problems)
            check(postmortem, "postmortem", longest: IncidentDesk.largestPostmortem, into: &problems)
            return problems
        }
    }

    public struct NewMaintenance: APIInput, Hashable {
        /// Seconds.
        public var seconds: Int
        public var matchers: [String]?
        public var comment: String?
        public var refuseRequests: Bool?

        public init(seconds: Int, matchers: [String]? = nil, comment: String? = nil, refuseRequests: Bool? = nil) {
            self.seconds = seconds
            self.matchers = matchers
            self.comment = comment
            self.refuseRequests = refuseRequests
        }

        public static let fields: Set = ["seconds", "matchers", "comment", "refuse_requests"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            let longest = Int(MaintenanceDesk.longest.seconds)
            if !(1...longest).contains(seconds) { problems["seconds"] = "is not between 1 and \(longest)" }
            if (matchers?.count ?? 0) > 20 { problems["matchers"] = "are more than 20" }
            for text in matchers ?? [] {
                do { _ = try LabelMatcher.parse(text) } catch { problems["matchers"] = "“\(text.prefix(80))” is not a matcher: \(error.message)" }
            }
            check(comment, "comment", longest: 500, into: &problems)
            return problems
        }
    }

    public struct MaintenanceEnd: APIInput, Hashable {
        /// One window; all where it is left out.
        public var id: String?
        /// Whether it ends whatever is not well.
        public var force: Bool?

        public init(id: String? = nil, force: Bool? = nil) {
            self.id = id
            self.force = force
        }

        public static let fields: Set = ["id", "force"]
    }
}
