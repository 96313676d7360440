import Foundation
import Kernel
import PluginAPI

/// On call without anything around it: what is known of alerts, groups, escalations and silences, and what follows from what happens next. No disk, no
/// network, no clock, no waiting: who calls it says what time it is, carries out the ``OnCallEffects``, and calls ``advance(to:)`` when ``nextDue``
/// has come. So a night is a loop, and a restart is a core made of rows.
public struct OnCallCore: Sendable {
    /// Begins the fingerprint of an alert that is about on call itself.
    static let ownOrigin = "oncall:"

    struct Route: Sendable {
        var plan: String
        var decision: RouteDecision
    }

    struct RouteKey: Sendable, Hashable {
        var plan: String
        var route: String
        var receiver: String
    }

    public internal(set) var plan: any OnCallPlanning
    public var limits: OnCallLimits
    /// Draws the codes by which people answer. Tests give one that they know.
    let random: @Sendable () -> UInt64

    /// The plans of matters that are under way, and the current one, by version.
    var plans: [String: any OnCallPlanning]
    var alerts = AlertTable()
    var groups: [UInt64: GroupRecord] = [:]
    var routes: [Route] = []
    var routeNumbers: [RouteKey: Int] = [:]
    var silences: [String: ActiveSilence] = [:]
    var people: [String: PersonRecord] = [:]
    /// By ``Contact/key``.
    var news: [String: NewsRecord] = [:]
    /// Groups by the codes that answer to them. A bundle's code is in ``bundleCodes``.
    var codes: [UInt64: UInt64] = [:]
    var bundleCodes: [UInt64: String] = [:]
    var guesses = GuessGuard()
    var heap = DueHeap()
    /// When something is to be told together: pages, or news.
    var personDue: Date?
    var effects = OnCallEffects()
    /// Firing alerts that may inhibit others, with their labels; made anew when it is asked for after a change.
    var inhibitors: [UInt64: [String: String]] = [:]
    var inhibitorList: (ids: [UInt64], labels: [[String: String]], until: Date)?
    /// Alerts about on call itself that wait until no group is being worked on.
    var ownWaiting: [Alert] = []

    /// - Parameter random: draws any 64 bits, unguessable ones.
    public init(
        plan: any OnCallPlanning, limits: OnCallLimits = OnCallLimits(),
        random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }
    ) {
        self.plan = plan
        self.limits = limits
        self.random = random
        plans = [plan.version: plan]
    }

    // MARK: Time

    /// When something is to be done next; nil where nothing stands open.
    public var nextDue: Date? {
        switch (heap.first?.due, personDue) {
        case (let group?, let person?): min(group, person)
        case (let group, let person): group ?? person
        }
    }

    /// Does all that is due by a moment.
    public mutating func advance(to now: Date) {
        // What comes of it may be due at once: an alert that a page reached nobody.
        for _ in 0..<100 {
            doWhatIsDue(at: now)
            guard let due = nextDue, due <= now else { return }
        }
    }

    private mutating func doWhatIsDue(at now: Date) {
        while let item = heap.first, item.due <= now {
            heap.pop()
            // A copy kept over what follows would have the group's sets copied when they change.
            guard groups[item.group]?.timer == item.due else { continue }
            withGroup(item.group) { core, group in
                group.timer = nil
                core.tick(item.group, &group, at: now)
            }
        }
        if let due = personDue, due <= now {
            tellNews(at: now)
            tellBundles(at: now)
        }
        raiseWaiting(at: now)
    }

    /// Takes what is to be done; what was taken is not told again.
    public mutating func drain() -> OnCallEffects {
        defer { effects = OnCallEffects() }
        return effects
    }

    /// The clock was set: waits go on as long as they were to take.
    /// - Parameter seconds: how far it jumped, negative where it went back.
    public mutating func clockJumped(by seconds: TimeInterval, now: Date) {
        // What was over by the old clock stays over.
        let before = now.addingTimeInterval(-seconds)
        for id in alerts.keys {
            guard let alert = alerts[id] else { continue }
            if alert.endsAt > now, alert.endsAt <= before {
                alerts[id]?.endsAt = now
            } else if alert.mayLapse, alert.endsAt > before {
                // Ends that were only reckoned from the old time must not come early, or never.
                alerts[id]?.endsAt = alert.endsAt.addingTimeInterval(seconds)
            } else {
                continue
            }
            effects.alerts.insert(id)
        }
        inhibitorList = nil
        // What is overdue after a jump forward happens now; after one back it would wait for the old time to come again.
        guard seconds < 0 else { return }
        heap = DueHeap()
        for id in groups.keys.sorted() {
            withGroup(id) { core, group in
                group.nextFlush += seconds
                group.matter?.shift(by: seconds)
                group.timer = nil
                core.effects.groups.insert(id)
            }
        }
        for (key, person) in people {
            people[key]?.due = person.due?.addingTimeInterval(seconds)
            people[key]?.sent = person.sent.map { $0.addingTimeInterval(seconds) }
            effects.people.insert(key)
        }
        for (key, known) in news {
            news[key]?.sent = known.sent.addingTimeInterval(seconds)
            news[key]?.due = known.due?.addingTimeInterval(seconds)
            effects.news.insert(key)
        }
        setPersonDue()
    }

    // MARK: Groups

    /// Works on a group in place. Its timer is set, and its row noted, afterwards.
    mutating func withGroup(_ id: UInt64, _ body: (inout OnCallCore, inout GroupRecord) -> Void) {
        // Taken out, so that its sets are not copied when they are changed.
        guard var group = groups.removeValue(forKey: id) else { return }
        let flush = group.nextFlush
        body(&self, &group)
        // A restart must not forget that it is to be told sooner.
        if group.nextFlush != flush { effects.groups.insert(id) }
        if group.members.isEmpty, group.matter == nil {
            effects.groups.insert(id)
            return
        }
        let due = group.due
        if group.timer != due {
            group.timer = due
            heap.push(.init(due: due, group: id))
        }
        groups[id] = group
    }

    func decision(of group: GroupRecord) -> RouteDecision { routes[group.route].decision }

    /// The plan that a group goes by: the one with which its matter began, else the one by which it was made.
    func plan(of group: GroupRecord) -> any OnCallPlanning {
        let version = group.matter?.plan ?? routes[group.route].plan
        return plans[version] ?? plan
    }

    mutating func number(of decision: RouteDecision, plan version: String) -> Int {
        let key = RouteKey(plan: version, route: decision.route, receiver: decision.receiver)
        if let number = routeNumbers[key] { return number }
        routes.append(Route(plan: version, decision: decision))
        routeNumbers[key] = routes.count - 1
        effects.routes.insert(routes.count - 1)
        return routes.count - 1
    }

    /// The group that an alert belongs to at a place, and the labels that it shares with the others there.
    static func group(of labels: [String: String], at decision: RouteDecision) -> (id: UInt64, labels: PackedText) {
        let shared: [String: String] =
            switch decision.grouping {
            case .all: labels
            case .labels(let names): labels.filter { names.contains($0.key) }
            }
        let packed = PackedText(shared)
        var hash = FNV.hash(decision.receiver.utf8)
        hash = FNV.hash(CollectionOfOne(PackedText.separator), from: hash)
        hash = FNV.hash(decision.route.utf8, from: hash)
        hash = FNV.hash(CollectionOfOne(PackedText.separator), from: hash)
        return (FNV.hash(packed.bytes, from: hash), packed)
    }

    // MARK: Ledger

    mutating func record(
        _ subjects: [String], _ step: String, _ outcome: String, _ reason: String, rule: String? = nil, details: JSONValue? = nil, at now: Date
    ) {
        let entry = Ledger.Entry(step: step, outcome: outcome, reason: reason, rule: rule, details: details, at: now)
        for subject in subjects { effects.lines.append(.init(subject: subject, entry: entry)) }
    }

    mutating func tally(_ group: GroupRecord, _ outcome: String, _ reason: String) {
        // Drills are counted by their own report.
        guard group.matter?.drill == nil else { return }
        effects.tallies[.init(receiver: decision(of: group).receiver, outcome: outcome, reason: reason), default: 0] += 1
    }

    /// Under which the ledger tells of a group: its matter, and some of its alerts.
    func subjects(_ group: GroupRecord, _ alerts: some Sequence<UInt64>) -> [String] {
        var subjects = group.matter.map { [$0.id] } ?? []
        for id in alerts.prefix(limits.alertsInPage) { subjects += self.alerts[id]?.subjects(id) ?? [] }
        return subjects
    }
}

extension SourceMark {
    /// As the ledger names a rule.
    var place: String { "\(file):\(line)" }
}

extension Matter {
    mutating func shift(by seconds: TimeInterval) {
        nextLevelAt = nextLevelAt?.addingTimeInterval(seconds)
        heldUntil = heldUntil?.addingTimeInterval(seconds)
        toldAt += seconds
        closing?.until += seconds
        for index in pending.indices { pending[index].at += seconds }
    }
}
