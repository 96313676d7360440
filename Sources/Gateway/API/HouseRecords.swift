import Foundation
import PluginAPI

extension API {
    /// A reply of Jack's that a person decides on before it is sent.
    public struct Approval: Codable, Sendable, Hashable {
        public enum State: String, Codable, Sendable, CaseIterable { case pending, approved, rejected }

        /// A task that is made once the reply is approved.
        public struct Order: Codable, Sendable, Hashable {
            public var department: String
            public var summary: String
            public var room: String?
            public var priority: String
            /// Why it was held.
            public var note: String?

            public init(department: String, summary: String, room: String? = nil, priority: String, note: String? = nil) {
                self.department = department
                self.summary = summary
                self.room = room
                self.priority = priority
                self.note = note
            }
        }

        public var id: String
        public var conversationID: String
        /// The guest's message.
        public var messageID: String
        public var question: String
        /// The reply as Jack would send it, or as it was sent.
        public var text: String
        public var reason: String
        public var confidence: Double?
        public var sources: [SourceReference]
        /// What becomes a task with the approval.
        public var order: Order?
        public var state: State
        public var decidedBy: String?
        public var createdAt: Date
        public var decidedAt: Date?

        public init(
            id: String, conversationID: String, messageID: String, question: String, text: String, reason: String, confidence: Double? = nil,
            sources: [SourceReference] = [], order: Order? = nil, state: State, decidedBy: String? = nil, createdAt: Date, decidedAt: Date? = nil
        ) {
            self.id = id
            self.conversationID = conversationID
            self.messageID = messageID
            self.question = question
            self.text = text
            self.reason = reason
            self.confidence = confidence
            self.sources = sources
            self.order = order
            self.state = state
            self.decidedBy = decidedBy
            self.createdAt = createdAt
            self.decidedAt = decidedAt
        }
    }

    public struct PluginInstance: Codable, Sendable, Hashable {
        public var instance: String
        /// The plugin's id.
        public var plugin: String
        public var kind: String
        public var summary: String
        public var stability: String
        /// `starting`, `running`, `degraded`, `failed`, `stopping`, `stopped` or `held`.
        public var state: String
        /// Since when it is in this state.
        public var since: Date
        public var lastError: String?
        /// As YAML has them, secrets hidden.
        public var settings: JSONValue

        public init(
            instance: String, plugin: String, kind: String, summary: String, stability: String, state: String, since: Date, lastError: String? = nil,
            settings: JSONValue
        ) {
            self.instance = instance
            self.plugin = plugin
            self.kind = kind
            self.summary = summary
            self.stability = stability
            self.state = state
            self.since = since
            self.lastError = lastError
            self.settings = settings
        }
    }

    public struct KnowledgeHit: Codable, Sendable, Hashable {
        /// The chunk.
        public var id: String
        public var title: String
        public var text: String
        /// The file that it comes from.
        public var source: String
        public var language: String?
        /// Higher fits better; comparable within one answer only.
        public var score: Double

        public init(id: String, title: String, text: String, source: String, language: String? = nil, score: Double) {
            self.id = id
            self.title = title
            self.text = text
            self.source = source
            self.language = language
            self.score = score
        }
    }

    public struct ReloadReport: Codable, Sendable, Hashable {
        /// False for a dry run, and where the new configuration was refused.
        public var applied: Bool
        /// `started`, `stopped`, `restarted` and what else would change or has, one line each.
        public var changes: [String]
        /// Diagnostics as `jack check` prints them.
        public var diagnostics: [String]

        public init(applied: Bool, changes: [String], diagnostics: [String] = []) {
            self.applied = applied
            self.changes = changes
            self.diagnostics = diagnostics
        }
    }

    /// Something of interest to staff has changed: look again.
    public struct Change: Codable, Sendable, Hashable {
        public enum Topic: String, Codable, Sendable { case conversation, message, task, approval, plugin }
        public enum Action: String, Codable, Sendable { case created, updated, deleted }

        public var topic: Topic
        public var id: String
        public var action: Action
        public var at: Date

        public init(_ topic: Topic, id: String, _ action: Action, at: Date) {
            self.topic = topic
            self.id = id
            self.action = action
            self.at = at
        }
    }
}
