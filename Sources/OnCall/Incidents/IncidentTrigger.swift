import Foundation
import Kernel
import PluginAPI
import Synchronization

/// What on call tells incidents: somebody is paged, or has answered. A job, written with the page itself, so that none is lost.
struct IncidentNotice: Codable, Hashable {
    enum Kind: String, Codable { case paged, acknowledged }

    /// The rule that opens an incident, as it stood when somebody was paged.
    struct Rule: Codable, Hashable {
        var priority: IncidentPriority
        var title: String
        var place: String
    }

    var kind: Kind
    /// ``PluginAPI/AlertPage/groupKey``.
    var matter: String
    var group: String
    var by: String?
    var rule: Rule?
    var at: Date
}

/// Listens to what on call does, at no cost where no incident can come of it.
public final class IncidentTrigger: Sendable {
    /// The kind of job by which ``IncidentDesk`` hears of it.
    static let jobKind = "incident-notice"

    private struct State {
        var rules: [IncidentPlan.Rule] = []
        var groups: Set<String> = []
    }

    private let jobs: JobQueue
    private let state = Mutex(State())

    public init(jobs: JobQueue) { self.jobs = jobs }

    func expect(rules: [IncidentPlan.Rule]) { state.withLock { $0.rules = rules } }
    func expect(groups: Set<String>) { state.withLock { $0.groups = groups } }
    func expect(group: String) { state.withLock { _ = $0.groups.insert(group) } }

    /// What incidents should hear of what has just happened.
    func notices(of effects: OnCallEffects, _ core: OnCallCore) -> [IncidentNotice] {
        let (rules, groups) = state.withLock { ($0.rules, $0.groups) }
        guard !rules.isEmpty || !groups.isEmpty else { return [] }
        var notices: [String: IncidentNotice] = [:]
        for line in effects.lines where line.subject.hasPrefix(OnCallCore.ownOrigin) {
            let isPage = line.entry.step == "page" && ["paged", "bundled"].contains(line.entry.outcome)
            let isAnswer = line.entry.step == "answer" && line.entry.outcome == "acknowledged"
            guard isPage || isAnswer, let id = OnCallCore.parse(line.subject)?.group else { continue }
            let kind = isPage ? IncidentNotice.Kind.paged : .acknowledged, key = "\(kind.rawValue):\(line.subject)", group = id.fingerprintText
            guard notices[key] == nil else { continue }
            let record = core.groups[id]
            let rule = isPage ? Self.rule(for: record, core, rules) : nil
            // An answer may come before the job that opens the incident was done: that one looks itself whether somebody has answered.
            guard rule != nil || groups.contains(group) else { continue }
            notices[key] = IncidentNotice(
                kind: kind, matter: line.subject, group: group, by: isAnswer ? record?.matter?.acknowledgement?.by : nil, rule: rule,
                at: line.entry.at)
        }
        return notices.values.sorted { ($0.at, $0.matter) < ($1.at, $1.matter) }
    }

    private static func rule(for group: GroupRecord?, _ core: OnCallCore, _ rules: [IncidentPlan.Rule]) -> IncidentNotice.Rule? {
        guard let group, !rules.isEmpty else { return nil }
        // What says that an incident is late must not open another, and a drill is none.
        let labels = group.members.prefix(core.limits.alertsInPage).compactMap { core.alerts[$0] }.filter { !$0.isDrill }.map(\.labels.texts)
            .filter { !["incident", "maintenance"].contains($0["type"] ?? "") }
        for rule in rules {
            guard let fitting = labels.first(where: { rule.matchers.match($0) }) else { continue }
            // An alert's summary may hold a guest's words: its name does not.
            return .init(priority: rule.priority, title: rule.title ?? fitting["alertname"] ?? "an alert", place: "\(rule.mark)")
        }
        return nil
    }

    func enqueue(_ notices: [IncidentNotice], in transaction: any StorageTransaction) throws {
        for notice in notices {
            try jobs.enqueue(
                Self.jobKind, payload: [UInt8](JSONEncoder().encode(notice)), key: "\(Self.jobKind):\(notice.kind.rawValue):\(notice.matter)",
                in: transaction)
        }
    }
}
