import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization

/// Where incidents are opened, worked on and closed. Everything is stored before it is said to be done, and every time limit is a job: a restart forgets none.
public final class IncidentDesk: Sendable {
    /// The kind of job by which a time limit is looked at.
    static let jobKind = "incident-limit"
    /// Incidents that rules open while this many are under way are not opened: a flood of alerts is one trouble, and people must see it.
    static let mostByRule = 20
    /// The most that a person may write at once, in characters.
    public static let longestText = 4000
    /// The largest post-mortem that is filed, in bytes.
    public static let largestPostmortem = 256 << 10

    /// What the desk is made of.
    public struct Parts: Sendable {
        public var engine: any StorageEngine
        public var jobs: JobQueue
        public var alerts: AlertIntake
        public var property: PropertyInfo
        public var clock: any TimeSource
        public var logger: Logger
        public var trigger: IncidentTrigger
        /// What people are being told of now: ``OnCallService/openMatters``.
        public var matters: @Sendable () -> [OpenMatter]

        public init(
            engine: any StorageEngine, jobs: JobQueue, alerts: AlertIntake, property: PropertyInfo, clock: any TimeSource, logger: Logger,
            trigger: IncidentTrigger, matters: @escaping @Sendable () -> [OpenMatter]
        ) {
            self.engine = engine
            self.jobs = jobs
            self.alerts = alerts
            self.property = property
            self.clock = clock
            self.logger = logger
            self.trigger = trigger
            self.matters = matters
        }
    }

    let parts: Parts
    let repository: IncidentRepository
    let standing: StandingAlerts
    private let plan: Mutex<IncidentPlan>

    public init(_ parts: Parts, plan: IncidentPlan = .standard) {
        self.parts = parts
        self.plan = Mutex(plan)
        repository = IncidentRepository(property: parts.property.id)
        standing = StandingAlerts(intake: parts.alerts, property: parts.property.id)
        parts.trigger.expect(rules: plan.rules)
    }

    /// What new incidents go by from now on; those under way keep what they were opened with.
    public func change(to next: IncidentPlan) {
        plan.withLock { $0 = next }
        parts.trigger.expect(rules: next.rules)
    }

    func promise(_ priority: IncidentPriority) -> IncidentPlan.Promise { plan.withLock { $0 }.promise(priority) }

    /// Hears of alerts and of time limits from now on. Once, before the jobs run.
    public func start() async throws {
        parts.trigger.expect(groups: try await parts.engine.read { [repository] in try repository.openGroups(in: $0) })
        parts.jobs.register(Self.jobKind) { [weak self] in try await self?.look($0) }
        parts.jobs.register(IncidentTrigger.jobKind) { [weak self] payload in
            try await self?.hear(JSONDecoder().decode(IncidentNotice.self, from: Data(payload)))
        }
    }

    // MARK: Looking

    /// The latest first.
    /// - Parameter isOver: true for closed ones alone, false for the others, nil for all.
    public func list(isOver: Bool? = nil, limit: Int = 100) async throws -> [Incident] {
        try await parts.engine.read { [repository] in try repository.list(isOver: isOver, limit: limit, in: $0) }
    }

    /// - Throws: ``OperationsError``.
    public func incident(_ id: String) async throws -> Incident {
        try await parts.engine.read { [repository] in try repository.require(id, in: $0) }
    }

    /// Who did what when, with the pages and the answers of its alerts.
    public func timeline(of id: String) async throws -> [IncidentEvent] {
        try await parts.engine.read { [repository, property = parts.property.id] reader in
            _ = try repository.require(id, in: reader)
            return try Self.timeline(of: id, repository, property, reader)
        }
    }

    static func timeline(of id: String, _ repository: IncidentRepository, _ property: String, _ reader: any StorageReader) throws -> [IncidentEvent] {
        let events = try repository.events(of: id, in: reader)
        let told = try repository.matters(of: id, in: reader).flatMap { matter in
            try Ledger.entries(of: matter, property: property, in: reader).compactMap(IncidentEvent.init)
        }
        // What happened at the same moment stays in its order.
        return (events + told).enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }

    /// The document that is made of what is known; what was filed in its place where it was.
    public func postmortem(of id: String) async throws -> (markdown: String, isFiled: Bool) {
        let (repository, info, now) = (repository, parts.property, parts.clock.now)
        return try await parts.engine.read { reader in
            let incident = try repository.require(id, in: reader)
            if let filed = try repository.postmortem(of: id, in: reader) { return (filed, true) }
            let timeline = try Self.timeline(of: id, repository, info.id, reader)
            let pages = try repository.matters(of: id, in: reader).map { try MatterPages($0, Ledger.entries(of: $0, property: info.id, in: reader)) }
            return (PostMortem(incident: incident, timeline: timeline, pages: pages, hotel: info, at: now).markdown, false)
        }
    }

    // MARK: Working

    /// Opens an incident.
    /// - Parameter alert: what it is about: ``PluginAPI/AlertPage/groupKey`` or a page's id, of something that people are being told of.
    /// - Throws: ``OperationsError``.
    public func open(_ priority: IncidentPriority, title: String, alert: String? = nil, by person: String) async throws -> Incident {
        let title = try Self.checked(title, "a title", longest: 200)
        var matter: (id: String, group: String)?
        if let alert {
            guard let parsed = OnCallCore.parse(alert), let open = parts.matters().first(where: { OnCallCore.parse($0.id)?.group == parsed.group })
            else {
                throw OperationsError(.notFound, "nobody is being told of “\(alert.clipped)”; `jack incident open` takes the group key of a page")
            }
            matter = (open.id, parsed.group.fingerprintText)
        }
        let incident = try await opened(priority, title: title, by: person, matter)
        if let matter, let by = parts.matters().first(where: { $0.id == matter.id })?.acknowledgedBy { try await answered(incident.id, by: by) }
        return try await self.incident(incident.id)
    }

    private func opened(_ priority: IncidentPriority, title: String, by person: String, _ matter: (id: String, group: String)?) async throws
        -> Incident
    {
        let now = parts.clock.now
        let incident = Incident(
            id: Identifier.make("inc", at: now), priority: priority, title: title, promise: promise(priority), by: person, at: now)
        try await parts.engine.write { [self] transaction in
            try save(opening: incident, at: now, in: transaction)
            if let matter { _ = try repository.attach(matter.id, group: matter.group, to: incident.id, at: now, in: transaction) }
        }
        if let matter { parts.trigger.expect(group: matter.group) }
        return incident
    }

    func save(opening incident: Incident, at now: Date, in transaction: any StorageTransaction) throws {
        try repository.save(incident, in: transaction)
        try repository.add(
            IncidentEvent("opened", at: now, by: incident.openedBy, "\(incident.priority.rawValue): \(incident.title)"), to: incident.id,
            in: transaction)
        try limit("respond", of: incident.id, at: incident.respondBy, in: transaction)
        try arm(incident, before: nil, in: transaction)
    }

    /// Somebody leads.
    public func take(_ id: String, by person: String) async throws -> Incident {
        try await change(id) { incident, now in
            try incident.take(by: person, at: now)
            return [IncidentEvent("took", at: now, by: person, "\(person) is the commander")]
        }
    }

    /// A step of the playbook is done.
    public func step(_ id: String, _ name: String, by person: String) async throws -> Incident {
        try await change(id) { try $0.step(name, by: person, at: $1) }
    }

    /// A note for the house.
    public func note(_ id: String, _ text: String, by person: String) async throws -> Incident {
        let text = try Self.checked(text, "a note")
        return try await change(id) { _, now in [IncidentEvent("note", at: now, by: person, text)] }
    }

    /// What the public may read. Kept apart from notes, and never made of them.
    public func status(_ id: String, _ text: String, by person: String) async throws -> Incident {
        let text = try Self.checked(text, "a status note")
        return try await change(id) { incident, now in
            incident.publicStatus = text
            return [IncidentEvent("status", at: now, by: person, text, isPublic: true)]
        }
    }

    /// It is over, and watched from now on.
    public func resolve(_ id: String, by person: String) async throws -> Incident { try await change(id) { try $0.resolve(by: person, at: $1) } }

    /// Closes a resolved incident.
    /// - Parameter postmortem: the document as people completed it, Markdown; needed where its priority asks for one.
    public func close(_ id: String, postmortem: String? = nil, by person: String) async throws -> Incident {
        if let postmortem {
            guard postmortem.utf8.count <= Self.largestPostmortem else {
                throw OperationsError(.invalid, "the post-mortem has \(postmortem.utf8.count) bytes; at most \(Self.largestPostmortem) are filed")
            }
            guard !postmortem.allSatisfy(\.isWhitespace) else { throw OperationsError(.invalid, "the post-mortem is empty") }
        }
        let repository = repository
        return try await change(id) { incident, now in
            try incident.close(by: person, hasPostmortem: postmortem != nil, at: now)
            return [IncidentEvent("closed", at: now, by: person, postmortem == nil ? "it is closed" : "the post-mortem is filed")]
        } also: { transaction in
            if let postmortem { try repository.file(postmortem: postmortem, of: id, in: transaction) }
        }
    }

    /// Changes an incident, with all that follows, in one transaction.
    func change(
        _ id: String, _ body: @escaping @Sendable (inout Incident, Date) throws -> [IncidentEvent],
        also: @escaping @Sendable (any StorageTransaction) throws -> Void = { _ in }
    ) async throws -> Incident {
        let now = parts.clock.now
        return try await parts.engine.write { [self] transaction in
            var incident = try repository.require(id, in: transaction)
            let before = incident
            let events = try body(&incident, now)
            for event in events { try repository.add(event, to: id, in: transaction) }
            if incident != before { try repository.save(incident, in: transaction) }
            try also(transaction)
            try arm(incident, before: before, in: transaction)
            try endAlerts(incident, before: before, at: now, in: transaction)
            return incident
        }
    }

    static func checked(_ text: String, _ what: String, longest: Int = longestText) throws -> String {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty else { throw OperationsError(.invalid, "\(what) is empty") }
        guard text.count <= longest else { throw OperationsError(.invalid, "\(what) is longer than \(longest) characters") }
        return text
    }
}
