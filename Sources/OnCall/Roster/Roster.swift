import Foundation
import PluginAPI

/// Who may be paged, who is on call when, and in what order people are paged: the part of `oncall.yaml` that is not the routing tree.
///
/// Read once, it never changes, and every answer is a pure function of a moment, past or to come. `docs/on-call.md` describes the file.
public struct Roster: Sendable {
    /// The name of the policy that `escalation:` writes.
    public static let shortPolicy = "escalation"
    /// A receiver that is always there where emergencies have a policy, whatever `receivers:` says: it follows that policy.
    public static let emergencyReceiver = "emergency"
    /// The keys of `oncall.yaml` that a roster reads.
    public static var keys: [String] { RosterDocument.schema.definitions.map(\.name) }

    let people: [String: RosterPerson]
    let schedules: [String: OnCallSchedule]
    let policies: [String: RosterPolicy]
    let receivers: [String: RosterReceiver]
    let receiverOrder: [String]
    /// What emergencies follow.
    let emergency: String?
    /// The drills that the plan orders.
    public let drills: [PlannedDrill]
    let book: ContactBook
    /// When people are away, in order.
    let absences: [String: [Range<Int>]]
    /// The levels of each policy in the order in which an escalation comes to them.
    let slots: [String: [EscalationSlot]]

    /// The schedules' names, and the people's, in alphabetical order.
    public var scheduleNames: [String] { schedules.keys.sorted() }
    public var personNames: [String] { people.keys.sorted() }

    /// What calendars a plan names: whoever reads it fetches them first.
    public static func calendars(in root: ConfigNode?) -> [String] {
        (root?["schedules"]?.entries ?? []).flatMap { $0.value["layers"]?.elements ?? [] }.compactMap { $0["ical"]?.text }
    }

    /// Reads a plan. A roster comes about whatever is wrong: a plan with an error among its diagnostics must not be used for paging.
    /// - Parameters:
    ///   - root: the file's document, variables expanded; keys that are not a roster's are left alone.
    ///   - receivers: what stands under `receivers:`.
    ///   - sinks: the alert instances that are configured, in their order.
    ///   - plugins: every alert plugin there is, each as an instance of its own name: for saying what could be configured.
    ///   - timezone: the hotel's.
    ///   - calendars: a calendar's bytes, by what `ical` says; nil where it cannot be read.
    public init(
        root: ConfigNode?, receivers definitions: [ReceiverDefinition], sinks: [SinkDescription], plugins: [SinkDescription] = [],
        timezone: String = "UTC", calendars: (String) -> [UInt8]? = { _ in nil }, _ diagnostics: inout Diagnostics
    ) {
        let book = ContactBook(sinks: sinks, plugins: plugins)
        let own = ConfigNode(
            .mapping((root?.entries ?? []).filter { Self.keys.contains($0.key) }), mark: root?.mark ?? .init(file: "", line: 1, column: 1))
        let parts = withoutActuallyEscaping(calendars) { calendars in
            var reader = RosterReader(book: book, hotelZone: ZoneClock(timezone) ?? .utc, calendars: calendars)
            let document = RosterDocument.decode(own, &reader.diagnostics)
            reader.read(document ?? Self.soundParts(own))
            if let escalation = reader.document.escalation { reader.policies[Self.shortPolicy] = reader.policy(escalation) }
            let receivers = definitions.map { reader.receiver($0) }
            let emergency =
                own["emergency"] != nil && reader.document.emergency == nil ? nil : reader.emergency(at: own.mark, isPlan: !definitions.isEmpty)
            if document != nil { reader.check(receivers, emergency) }
            let drills = reader.drills(receivers: receivers.map(\.name) + (emergency == nil ? [] : [Self.emergencyReceiver]))
            return (
                people: reader.people, schedules: reader.schedules, policies: reader.policies, receivers: receivers, emergency: emergency,
                drills: drills, diagnostics: reader.diagnostics
            )
        }
        self.book = book
        people = parts.people
        schedules = parts.schedules
        policies = parts.policies
        receivers = Dictionary(parts.receivers.map { ($0.name, $0) }) { first, _ in first }
        receiverOrder = parts.receivers.map(\.name)
        emergency = parts.emergency
        drills = parts.drills
        absences = parts.people.mapValues { $0.absences.map(\.range).merged() }
        let policies = parts.policies
        slots = policies.mapValues { Self.slots($0, policies) }
        diagnostics.add(contentsOf: parts.diagnostics)
        for diagnostic in emergencyDiagnostics() { diagnostics.add(diagnostic) }
    }

    /// What can be read of a document of which one section cannot, so that the mistakes of the others are told in the same run.
    private static func soundParts(_ root: ConfigNode) -> RosterDocument {
        var ignored = Diagnostics()
        func document(_ entries: [ConfigNode.Entry]) -> RosterDocument? {
            RosterDocument.decode(ConfigNode(.mapping(entries), mark: root.mark), &ignored)
        }
        return document((root.entries ?? []).filter { document([$0]) != nil }) ?? RosterDocument()
    }

    /// A policy's levels, with all rounds, what goes on after them, and the fallback.
    private static func slots(_ first: RosterPolicy, _ policies: [String: RosterPolicy]) -> [EscalationSlot] {
        var slots: [EscalationSlot] = [], seen: Set<String> = [], next: RosterPolicy? = first
        while let policy = next, seen.insert(policy.id).inserted {
            for _ in 0..<policy.rounds { slots += policy.levels.map { EscalationSlot(policy: policy, level: $0, isLast: false) } }
            next = policy.then.flatMap { policies[$0] }
            if next == nil, let fallback = policy.fallback { slots.append(EscalationSlot(policy: policy, level: fallback, isLast: false)) }
        }
        if !slots.isEmpty { slots[slots.count - 1].isLast = true }
        return slots
    }

    // MARK: What receivers do

    /// True where a receiver is told by levels until somebody acknowledges; false where it is told once, and again after `repeat_interval`.
    /// An emergency has levels at every receiver where emergencies have a policy.
    public func escalates(_ receiver: String) -> Bool { policy(of: receiver) != nil }

    /// After how long an acknowledged matter that is not over comes back; nil for never.
    public func acknowledgementLasts(for receiver: String) -> Duration? {
        policy(of: receiver).flatMap { policies[$0] }?.acknowledgementLasts
    }

    /// The policy that a receiver follows where there is no emergency.
    func policy(of receiver: String) -> String? {
        if let known = receivers[receiver] {
            // The one receiver of a plan that is written in the short form alone.
            let isShort = known.policy == nil && known.direct.isEmpty && receiver == Self.shortPolicy && policies[receiver] != nil
            return isShort ? receiver : known.policy
        }
        if receiver == Self.emergencyReceiver, let emergency { return emergency }
        return receivers.isEmpty && policies[Self.shortPolicy] != nil ? Self.shortPolicy : nil
    }

    // MARK: Who is on call

    /// Who is on call by a schedule at a moment.
    public struct OnCallTurn: Sendable, Hashable {
        public struct Person: Sendable, Hashable {
            /// The short name, and the name.
            public var id: String
            public var name: String
            /// The rule: `layer weekdays`, `override`.
            public var reason: String
            /// Where the rule stands.
            public var mark: SourceMark
        }

        public var schedule: String
        /// Empty in a gap.
        public var people: [Person]
        /// When that changes next; nil where it does not within 400 days.
        public var until: Date?
        /// Where the schedule stands.
        public var mark: SourceMark
    }

    /// Who is on call, by which rule, and until when; nil where there is no such schedule.
    public func whoIsOnCall(in schedule: String, at date: Date) -> OnCallTurn? {
        guard let known = schedules[schedule] else { return nil }
        let moment = date.moment
        var until: Date?
        for days in [1, 8, 40, 400] where until == nil {
            let end = moment + days * 86400
            if let first = known.timeline(moment..<end, absences: absences).pieces.first, first.end < end { until = Date(moment: first.end) }
        }
        let people = onCall(schedule, moment).map { duty in
            OnCallTurn.Person(id: duty.person, name: self.people[duty.person]?.name ?? duty.person, reason: duty.by, mark: duty.mark)
        }
        return OnCallTurn(schedule: schedule, people: people, until: until, mark: known.mark)
    }

    func onCall(_ schedule: String, _ moment: Int) -> [Duty] {
        schedules[schedule]?.timeline(moment..<moment + 1, absences: absences).pieces.first?.state ?? []
    }
}
