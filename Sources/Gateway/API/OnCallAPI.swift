import Foundation
import HTTPTypes
import PluginAPI

/// What operators ask of on call: what stands open, answers, and drills. Throws as ``HotelAPI`` does.
public protocol OnCallAPI: Sendable {
    func matters() async throws -> [API.OnCallMatter]

    /// Answers what the operator calls by any of its names. `notFound` and `conflict` where nothing or several things have that name, with those that may be meant.
    func answer(_ answer: API.NewOnCallAnswer, by staff: String) async throws -> API.OnCallAnswered

    /// Begins a drill.
    func drill(_ order: API.NewDrill, by staff: String) async throws -> API.DrillBegun

    /// The drills of a month.
    /// - Parameter month: `2026-11`, as the hotel counts months; nil for this one.
    func drills(month: String?) async throws -> API.DrillReport
}

extension API {
    /// Something that people were told of, and that is not over.
    public struct OnCallMatter: Codable, Sendable, Hashable {
        public struct Paged: Codable, Sendable, Hashable {
            public var person: String?
            /// In words: `phone of Ana`.
            public var contact: String
            public var level: Int
            /// `told`, `failed`, or `waits` where it is to be told together with others.
            public var state: String

            public init(person: String?, contact: String, level: Int, state: String) {
                self.person = person
                self.contact = contact
                self.level = level
                self.state = state
            }
        }

        /// The group key, by which it can be answered.
        public var id: String
        public var receiver: String
        public var severity: String
        public var emergency: Bool
        public var drill: Bool
        /// What its alerts are called.
        public var names: [String]
        public var summary: String
        /// The labels that all its alerts share.
        public var labels: [String: String]
        public var alerts: Int
        public var openedAt: Date
        /// The level that has begun; 0 where all have.
        public var level: Int
        public var paged: [Paged]
        public var acknowledgedBy: String?
        public var acknowledgedAt: Date?
        /// Who has closed it while its alerts go on.
        public var closedBy: String?
        public var nextStepAt: Date?
        /// Whom the next step comes to.
        public var next: [String]

        public init(
            id: String, receiver: String, severity: String, emergency: Bool = false, drill: Bool = false, names: [String], summary: String,
            labels: [String: String], alerts: Int, openedAt: Date, level: Int, paged: [Paged], acknowledgedBy: String? = nil,
            acknowledgedAt: Date? = nil, closedBy: String? = nil, nextStepAt: Date? = nil, next: [String] = []
        ) {
            self.id = id
            self.receiver = receiver
            self.severity = severity
            self.emergency = emergency
            self.drill = drill
            self.names = names
            self.summary = summary
            self.labels = labels
            self.alerts = alerts
            self.openedAt = openedAt
            self.level = level
            self.paged = paged
            self.acknowledgedBy = acknowledgedBy
            self.acknowledgedAt = acknowledgedAt
            self.closedBy = closedBy
            self.nextStepAt = nextStepAt
            self.next = next
        }

        /// One line, for a list of what may be meant.
        public var line: String {
            let shown = labels.filter { $0.key != "alertname" && $0.key != "severity" }.sorted { $0.key < $1.key }.map {
                "\($0.key)=\($0.value.cut(to: 60))"
            }
            return ([id, receiver, severity] + names.prefix(3) + shown.prefix(4)).joined(separator: " ")
        }
    }

    /// An operator's answer.
    public struct NewOnCallAnswer: APIInput, Hashable {
        public var action: PageAcknowledgement.Action
        /// A group key, a page's id or code, an alert's fingerprint or name.
        public var name: String
        /// Who answers; whoever asks where it is left out.
        public var by: String?
        public var note: String?

        public init(action: PageAcknowledgement.Action, name: String, by: String? = nil, note: String? = nil) {
            self.action = action
            self.name = name
            self.by = by
            self.note = note
        }

        public static let fields: Set = ["action", "name", "by", "note"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            for (field, text, longest) in [("name", name as String?, 1024), ("by", by, 100), ("note", note, 500)] {
                guard let text else { continue }
                if text.allSatisfy(\.isWhitespace) { problems[field] = "is empty" }
                if text.count > longest { problems[field] = "is longer than \(longest) characters" }
            }
            return problems
        }
    }

    /// What came of an answer.
    public struct OnCallAnswered: Codable, Sendable, Hashable {
        /// `acknowledged`, `resolved`, `escalated`, `already` where it was so, `over` where the matter is over.
        public var status: String
        public var message: String
        public var matter: String?

        public init(status: String, message: String, matter: String?) {
            self.status = status
            self.message = message
            self.matter = matter
        }
    }

    /// An order for a drill. Of `person`, `schedule` and `receiver` at most one; none means whoever an alert without a route of its own goes to.
    public struct NewDrill: APIInput, Hashable {
        public var person: String?
        public var schedule: String?
        public var receiver: String?
        /// Seconds within which it must be acknowledged; 300 where it is left out.
        public var within: Int?
        public var atNight: Bool?

        public init(person: String? = nil, schedule: String? = nil, receiver: String? = nil, within: Int? = nil, atNight: Bool? = nil) {
            self.person = person
            self.schedule = schedule
            self.receiver = receiver
            self.within = within
            self.atNight = atNight
        }

        public static let fields: Set = ["person", "schedule", "receiver", "within", "at_night"]

        public func problems() -> [String: String] {
            var problems: [String: String] = [:]
            let named = [("person", person), ("schedule", schedule), ("receiver", receiver)].filter { $0.1 != nil }
            if named.count > 1 { problems[named[1].0] = "cannot be given together with \(named[0].0)" }
            for (field, name) in named where name?.allSatisfy(\.isWhitespace) == true { problems[field] = "is empty" }
            if let within, !(60...3600).contains(within) { problems["within"] = "is not from 60 to 3600 seconds" }
            return problems
        }
    }

    /// A drill that has begun.
    public struct DrillBegun: Codable, Sendable, Hashable {
        public var id: String
        /// `schedule engineer`.
        public var subject: String
        /// How it stands; left out where it is over already, since nobody could be paged.
        public var matter: OnCallMatter?

        public init(id: String, subject: String, matter: OnCallMatter?) {
            self.id = id
            self.subject = subject
            self.matter = matter
        }
    }

    /// The drills of a month.
    public struct DrillReport: Codable, Sendable, Hashable {
        public struct Page: Codable, Sendable, Hashable {
            public var person: String?
            public var contact: String
            public var instance: String
            public var level: Int
            public var sentAt: Date
            public var failure: String?
            public var missed: Bool
            /// True where the answer shows that the page arrived by this contact.
            public var proven: Bool

            public init(
                person: String?, contact: String, instance: String, level: Int, sentAt: Date, failure: String? = nil, missed: Bool, proven: Bool
            ) {
                self.person = person
                self.contact = contact
                self.instance = instance
                self.level = level
                self.sentAt = sentAt
                self.failure = failure
                self.missed = missed
                self.proven = proven
            }
        }

        public struct Drill: Codable, Sendable, Hashable {
            public var id: String
            public var subject: String
            public var orderedBy: String
            public var planned: Bool
            public var beganAt: Date
            /// Seconds.
            public var within: Int
            /// `open`, `acknowledged`, `missed` by all, or `nobody` where nobody could be paged.
            public var outcome: String
            public var acknowledgedBy: String?
            public var way: String?
            /// Seconds after the first page.
            public var acknowledgedAfter: Double?
            public var pages: [Page]

            public init(
                id: String, subject: String, orderedBy: String, planned: Bool, beganAt: Date, within: Int, outcome: String,
                acknowledgedBy: String? = nil, way: String? = nil, acknowledgedAfter: Double? = nil, pages: [Page]
            ) {
                self.id = id
                self.subject = subject
                self.orderedBy = orderedBy
                self.planned = planned
                self.beganAt = beganAt
                self.within = within
                self.outcome = outcome
                self.acknowledgedBy = acknowledgedBy
                self.way = way
                self.acknowledgedAfter = acknowledgedAfter
                self.pages = pages
            }
        }

        /// A contact of the plan by which no drill was ever acknowledged.
        public struct Unproven: Codable, Sendable, Hashable {
            public var person: String
            /// What the plan's rules call it.
            public var contact: String
            public var instance: String

            public init(person: String, contact: String, instance: String) {
                self.person = person
                self.contact = contact
                self.instance = instance
            }
        }

        /// `2026-11`.
        public var month: String
        public var drills: [Drill]
        public var unproven: [Unproven]

        public init(month: String, drills: [Drill], unproven: [Unproven]) {
            self.month = month
            self.drills = drills
            self.unproven = unproven
        }
    }
}

extension APIRoutes {
    private struct Matters: Encodable, Sendable { var items: [API.OnCallMatter] }

    static func onCall(_ hotel: any OnCallAPI) -> [APIRoute] {
        [
            .get("/api/v1/oncall/matters") { request in
                return Matters(items: try await hotel.matters())
            },
            .send(.post, "/api/v1/oncall/answers", API.NewOnCallAnswer.self) { try await hotel.answer($1, by: $0.staff) },
            .send(.post, "/api/v1/oncall/drills", API.NewDrill.self, status: .created) { try await hotel.drill($1, by: $0.staff) },
            .get("/api/v1/oncall/drills", taking: ["month"]) { request in
                if let month = request.query("month"), month.wholeMatch(of: /\d{4}-(0[1-9]|1[0-2])/) == nil {
                    throw GatewayError.invalid(parameter: "month", "is not a month such as 2026-11")
                }
                return try await hotel.drills(month: request.query("month"))
            },
        ]
    }
}
