import Foundation
import PluginAPI

extension API {
    /// Something that is wrong, that people deal with together.
    public struct Incident: Codable, Sendable, Hashable {
        /// One step of its playbook.
        public struct Step: Codable, Sendable, Hashable {
            public var name: String
            /// What to do.
            public var actions: [String]
            /// `waiting`, `current`, `done` or `left_out`.
            public var state: String
            public var dueAt: Date?
            public var doneAt: Date?
            public var doneBy: String?
            /// True where it was not done in time.
            public var late: Bool

            public init(
                name: String, actions: [String], state: String, dueAt: Date? = nil, doneAt: Date? = nil, doneBy: String? = nil, late: Bool
            ) {
                self.name = name
                self.actions = actions
                self.state = state
                self.dueAt = dueAt
                self.doneAt = doneAt
                self.doneBy = doneBy
                self.late = late
            }
        }

        /// What happened; of one incident alone, lists leave it out.
        public struct Event: Codable, Sendable, Hashable {
            public var kind: String
            public var at: Date
            public var by: String
            public var text: String
            /// True for what was written for the public.
            public var isPublic: Bool

            public init(kind: String, at: Date, by: String, text: String, isPublic: Bool) {
                self.kind = kind
                self.at = at
                self.by = by
                self.text = text
                self.isPublic = isPublic
            }
        }

        public var id: String
        /// `P1` to `P4`.
        public var priority: String
        public var title: String
        /// `open`, `acknowledged`, `mitigated`, `watching`, `resolved` or `closed`.
        public var state: String
        public var commander: String?
        public var openedBy: String
        public var openedAt: Date
        /// When somebody must have responded.
        public var respondBy: Date
        public var acknowledgedAt: Date?
        public var mitigatedAt: Date?
        public var resolvedAt: Date?
        public var watchedUntil: Date?
        public var closedAt: Date?
        public var postmortemDueAt: Date?
        /// The last public status note.
        public var publicStatus: String?
        /// What is late now.
        public var late: [String]
        public var steps: [Step]
        public var timeline: [Event]?

        public init(
            id: String, priority: String, title: String, state: String, commander: String? = nil, openedBy: String, openedAt: Date, respondBy: Date,
            acknowledgedAt: Date? = nil, mitigatedAt: Date? = nil, resolvedAt: Date? = nil, watchedUntil: Date? = nil, closedAt: Date? = nil,
            postmortemDueAt: Date? = nil, publicStatus: String? = nil, late: [String] = [], steps: [Step] = [], timeline: [Event]? = nil
        ) {
            self.id = id
            self.priority = priority
            self.title = title
            self.state = state
            self.commander = commander
            self.openedBy = openedBy
            self.openedAt = openedAt
            self.respondBy = respondBy
            self.acknowledgedAt = acknowledgedAt
            self.mitigatedAt = mitigatedAt
            self.resolvedAt = resolvedAt
            self.watchedUntil = watchedUntil
            self.closedAt = closedAt
            self.postmortemDueAt = postmortemDueAt
            self.publicStatus = publicStatus
            self.late = late
            self.steps = steps
            self.timeline = timeline
        }
    }

    /// A post-mortem: as it is made of what is known, or as it was filed.
    public struct Postmortem: Codable, Sendable, Hashable {
        public var markdown: String
        public var filed: Bool

        public init(markdown: String, filed: Bool) {
            self.markdown = markdown
            self.filed = filed
        }
    }

    /// One window of maintenance.
    public struct MaintenanceWindow: Codable, Sendable, Hashable {
        public var id: String
        public var name: String
        public var comment: String
        public var by: String
        /// `running`, `unwell` or `over`.
        public var state: String
        public var beganAt: Date
        public var endsAt: Date
        public var endedAt: Date?
        /// Alerts that meet all of them page nobody.
        public var matchers: [String]
        public var refusesRequests: Bool
        /// What was not well at the last look.
        public var findings: [String]
        /// What was done about it.
        public var recovery: String?

        public init(
            id: String, name: String, comment: String, by: String, state: String, beganAt: Date, endsAt: Date, endedAt: Date? = nil,
            matchers: [String] = [], refusesRequests: Bool, findings: [String] = [], recovery: String? = nil
        ) {
            self.id = id
            self.name = name
            self.comment = comment
            self.by = by
            self.state = state
            self.beganAt = beganAt
            self.endsAt = endsAt
            self.endedAt = endedAt
            self.matchers = matchers
            self.refusesRequests = refusesRequests
            self.findings = findings
            self.recovery = recovery
        }
    }

    /// What is worked on now, and what comes next.
    public struct MaintenanceStatus: Codable, Sendable, Hashable {
        public var windows: [MaintenanceWindow]
        public var nextName: String?
        public var nextAt: Date?

        public init(windows: [MaintenanceWindow], nextName: String? = nil, nextAt: Date? = nil) {
            self.windows = windows
            self.nextName = nextName
            self.nextAt = nextAt
        }
    }
}
