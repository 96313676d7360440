import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization

/// Holds Jack's own metrics against the rules, tick by tick, and raises and ends their alerts.
///
/// What stands open is kept in storage: after a restart an alert whose cause is gone is ended, and one whose cause lasts is not raised again.
public final class AlertRuleWatch: Sendable {
    private struct Progress {
        var history = RuleHistory()
        var level = RuleLevel.calm
        /// Since when the number is beyond each threshold without a break.
        var beyond: [RuleLevel: Duration] = [:]
    }

    private struct State {
        var progress: [String: Progress] = [:]
        var hasLoaded = false
    }

    /// What a tick found to be done.
    private enum Step {
        case raise(Alert)
        case end(fingerprint: String, summary: String)
    }

    static let prefix = "rule:"

    private let rules: AlertRules
    private let engine: any StorageEngine
    private let standing: StandingAlerts
    private let property: String
    private let samples: @Sendable (Set<String>) -> [MetricSample]
    private let collect: @Sendable () async -> Void
    private let baselines: BaselineWatch
    private let clock: any TimeSource
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - samples: the named metrics as they stand.
    ///   - collect: brings gauges up to date that nobody sets otherwise; called before each look.
    public init(
        _ rules: AlertRules, engine: any StorageEngine, alerts: AlertIntake, property: PropertyInfo,
        samples: @escaping @Sendable (Set<String>) -> [MetricSample], collect: @escaping @Sendable () async -> Void = {}, clock: any TimeSource,
        logger: Logger
    ) {
        self.rules = rules
        self.engine = engine
        standing = StandingAlerts(intake: alerts, property: property.id)
        self.property = property.id
        self.samples = samples
        self.collect = collect
        baselines = BaselineWatch(rules.baselines, engine: engine, standing: standing, property: property, clock: clock, logger: logger)
        self.clock = clock
        self.logger = logger
    }

    /// Looks again and again until the task is cancelled.
    public func run() async {
        repeat { await tick() } while (try? await clock.sleep(for: rules.every)) != nil
    }

    /// What is being learned, and how much of it is known: for people who wonder why nothing is called unusual yet.
    public func learning() async throws -> [String: String] { try await baselines.progress() }

    /// Looks once.
    public func tick() async {
        await collect()
        let found = samples(rules.metrics), mono = clock.monotonic, now = clock.now
        do {
            if !state.withLock({ $0.hasLoaded }) { try await load(now) }
            // A tick whose steps could not be written is done again by the next.
            let before = state.withLock { $0.progress }
            let steps = rules.rules.flatMap { look($0, found, mono, now) }
            if !steps.isEmpty {
                do {
                    try await engine.write { [standing] transaction in
                        for step in steps {
                            switch step {
                            case .raise(let alert): try standing.raise(alert, in: transaction)
                            case .end(let fingerprint, let summary): try standing.end(fingerprint, summary: summary, at: now, in: transaction)
                            }
                        }
                    }
                } catch {
                    state.withLock { state in for rule in rules.rules { state.progress[rule.name]?.level = before[rule.name]?.level ?? .calm } }
                    throw error
                }
            }
            try await baselines.tick(found, mono, now)
        } catch {
            logger.error("the rules' alerts could not be written", metadata: ["error": "\(error)"])
        }
    }

    /// Takes up what stood open when the process ended. What no rule watches any more is over.
    private func load(_ now: Date) async throws {
        let names = Set(rules.rules.map(\.name)), standing = standing
        let open = try await engine.write { transaction in
            try standing.all(Self.prefix, in: transaction).filter { alert in
                guard !names.contains(alert.name) else { return true }
                try standing.end(alert.fingerprint, summary: "\(alert.name) is not watched any more", at: now, in: transaction)
                return false
            }
        }
        state.withLock { state in
            for alert in open {
                let level: RuleLevel = alert.severity == .critical ? .critical : .warning
                state.progress[alert.name, default: Progress()].level = max(state.progress[alert.name]?.level ?? .calm, level)
            }
            state.hasLoaded = true
        }
    }

    private func look(_ rule: AlertRule, _ samples: [MetricSample], _ mono: Duration, _ now: Date) -> [Step] {
        state.withLock { state in
            var progress = state.progress[rule.name] ?? Progress()
            defer { state.progress[rule.name] = progress }
            let measure = progress.history.measure(rule.source, samples, at: mono)
            // Of what is not known nothing is said, neither that it began nor that it ended.
            if measure == .unknown {
                progress.beyond = [:]
                return []
            }
            let value: Double? = if case .number(let value) = measure { value } else { nil }
            let before = progress.level
            progress.level = Self.level(rule, value, &progress.beyond, before, mono)
            return steps(rule, from: before, to: progress.level, value, now)
        }
    }

    private static func level(
        _ rule: AlertRule, _ value: Double?, _ beyond: inout [RuleLevel: Duration], _ before: RuleLevel, _ mono: Duration
    ) -> RuleLevel {
        guard let value else {
            beyond = [:]
            return .calm
        }
        var reached = RuleLevel.calm, kept = RuleLevel.calm
        for level in [RuleLevel.warning, .critical] {
            guard let threshold = rule.threshold(level)?.value else { continue }
            if rule.compare.holds(value, threshold) {
                let since = beyond[level] ?? mono
                beyond[level] = since
                if mono - since >= rule.lasting { reached = level }
            } else {
                beyond[level] = nil
            }
            // What has come about lasts until the number is well back.
            let relaxed = rule.compare.isUpward ? threshold * (1 - rule.margin) : threshold * (1 + rule.margin)
            if level <= before, rule.compare.holds(value, relaxed) { kept = level }
        }
        return max(reached, kept)
    }

    private func steps(_ rule: AlertRule, from before: RuleLevel, to level: RuleLevel, _ value: Double?, _ now: Date) -> [Step] {
        guard level != before else { return [] }
        var steps: [Step] = []
        if level != .calm, let threshold = rule.threshold(level) { steps.append(.raise(alert(rule, level, threshold, value ?? 0, now))) }
        if before != .calm {
            let known = rule.threshold(before).map { threshold in value.map { RuleThreshold.words($0, like: threshold, rule.scale) } ?? "nothing" }
            steps.append(
                .end(
                    fingerprint: Self.fingerprint(rule.name, before),
                    summary: level > before ? "\(rule.summary): it is \(level) now" : "\(rule.summary): over, now \(known ?? "nothing")"))
        }
        return steps
    }

    private static func fingerprint(_ name: String, _ level: RuleLevel) -> String { "\(prefix)\(name):\(level)" }

    private func alert(_ rule: AlertRule, _ level: RuleLevel, _ threshold: RuleThreshold, _ value: Double, _ now: Date) -> Alert {
        let measured = RuleThreshold.words(value, like: threshold, rule.scale)
        var annotations = ["action": rule.action, "value": measured, "threshold": threshold.text, "rule": rule.mark.description]
        annotations["runbook"] = rule.runbook
        let own = ["alertname": rule.name, "severity": level.severity.rawValue, "type": rule.type, "property": property]
        let lasting = rule.lasting > .zero ? " for \(rule.lasting.text)" : ""
        return Alert(
            fingerprint: Self.fingerprint(rule.name, level), name: rule.name, severity: level.severity, summary: "\(rule.summary): \(measured)",
            detail: "\(rule.compare.words) \(threshold.text)\(lasting). \(rule.action)", labels: rule.labels.merging(own) { $1 },
            annotations: annotations, startsAt: now)
    }
}
