import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization

/// Learns what is usual for Jack at each hour of the week, and raises an alert for what is far beyond it.
///
/// Each full hour leaves its median, which is kept for eight weeks. What is usual is the median of the same hours of the week, and how much it
/// varies their median deviation (MAD): a night of trouble moves neither. While fewer than three such hours are known, the same hour of all days
/// stands in; before ``BaselineSettings/history`` days are known nothing is called unusual.
final class BaselineWatch: Sendable {
    /// What is usual at an hour.
    struct Usual: Sendable, Hashable {
        var median: Double
        var deviation: Double
        /// How many hours it rests on.
        var hours: Int
    }

    private struct Progress {
        var history = RuleHistory()
        var hour: Int64?
        var values: [Double] = []
        var usual: Usual?
        var usualHour: Int64?
        var since: Duration?
        var isFiring = false
    }

    static let prefix = "baseline:"
    static let weeks = 8
    /// As many measures an hour must have to say something of it.
    static let leastMeasures = 3

    private let rules: [BaselineRule]
    private let engine: any StorageEngine
    private let standing: StandingAlerts
    private let property: PropertyInfo
    private let clock: any TimeSource
    private let logger: Logger
    private let calendar: Calendar
    private let state = Mutex<(progress: [String: Progress], hasLoaded: Bool)>(([:], false))

    init(
        _ rules: [BaselineRule], engine: any StorageEngine, standing: StandingAlerts, property: PropertyInfo, clock: any TimeSource, logger: Logger
    ) {
        self.rules = rules
        self.engine = engine
        self.standing = standing
        self.property = property
        self.clock = clock
        self.logger = logger
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: property.timeZone) ?? .gmt
        self.calendar = calendar
    }

    func tick(_ samples: [MetricSample], _ mono: Duration, _ now: Date) async throws {
        if !state.withLock({ $0.hasLoaded }) {
            let standing = standing, names = Set(rules.map(\.name))
            let open = try await engine.write { transaction in
                try standing.all(Self.prefix, in: transaction).filter { alert in
                    guard !names.contains(alert.name) else { return true }
                    try standing.end(alert.fingerprint, summary: "\(alert.name) is not watched any more", at: now, in: transaction)
                    return false
                }
            }
            state.withLock { state in
                for alert in open { state.progress[alert.name, default: Progress()].isFiring = true }
                state.hasLoaded = true
            }
        }
        for rule in rules { try await look(rule, samples, mono, now) }
    }

    private func look(_ rule: BaselineRule, _ samples: [MetricSample], _ mono: Duration, _ now: Date) async throws {
        let hour = Int64((now.timeIntervalSince1970 / 3600).rounded(.down))
        let (measure, finished) = state.withLock { state -> (RuleHistory.Measure, (hour: Int64, median: Double)?) in
            var progress = state.progress[rule.name] ?? Progress()
            defer { state.progress[rule.name] = progress }
            let measure = progress.history.measure(rule.source, samples, at: mono)
            var finished: (Int64, Double)?
            if let known = progress.hour, known != hour {
                if progress.values.count >= Self.leastMeasures { finished = (known, Self.median(progress.values)) }
                progress.values = []
            }
            progress.hour = hour
            if case .number(let value) = measure { progress.values.append(value) }
            return (measure, finished)
        }
        if let finished { try await keep(finished.median, of: rule, hour: finished.hour) }
        // Of what is not known nothing is said, neither that it began nor that it ended.
        guard measure != .unknown else { return state.withLock { $0.progress[rule.name]?.since = nil } }
        guard case .number(let value) = measure else { return try await settle(rule, nil, nil, mono, now) }
        try await settle(rule, value, usual(rule, hour), mono, now)
    }

    private func settle(_ rule: BaselineRule, _ value: Double?, _ usual: Usual?, _ mono: Duration, _ now: Date) async throws {
        let excess = usual.map { max(rule.settings.deviations * 1.4826 * $0.deviation, rule.settings.least * $0.median) }
        let change = state.withLock { state -> Bool? in
            guard var progress = state.progress[rule.name] else { return nil }
            defer { state.progress[rule.name] = progress }
            let beyond = if let value, let usual, let excess { value > usual.median + excess } else { false }
            // What has come about lasts until it is a fifth of the way back.
            let stays = if let value, let usual, let excess { progress.isFiring && value > usual.median + excess * 0.8 } else { false }
            progress.since = beyond ? progress.since ?? mono : nil
            let lasts = beyond && mono - (progress.since ?? mono) >= rule.settings.lasting
            let isFiring = lasts || stays
            return isFiring == progress.isFiring ? nil : isFiring
        }
        guard let change else { return }
        let fingerprint = Self.prefix + rule.name
        let alert = change ? value.flatMap { value in usual.map { self.alert(rule, value, $0, now) } } : nil
        try await engine.write { [standing] transaction in
            if let alert {
                try standing.raise(alert, in: transaction)
            } else {
                try standing.end(fingerprint, summary: "\(rule.settings.summary): as usual again", at: now, in: transaction)
            }
        }
        // Only what is written counts: else the next tick does it.
        state.withLock { $0.progress[rule.name]?.isFiring = change }
    }

    private func alert(_ rule: BaselineRule, _ value: Double, _ usual: Usual, _ now: Date) -> Alert {
        let severity = rule.settings.severity.severity, scale = RuleThreshold.scale(rule.source.metric, rule.source.reading)
        let blank = RuleThreshold(value: 0, text: "/min")
        let measured = RuleThreshold.words(value, like: blank, scale), known = RuleThreshold.words(usual.median, like: blank, scale)
        var annotations = ["action": rule.settings.action, "value": measured, "usual": known, "rule": rule.mark.description]
        annotations["runbook"] = rule.settings.runbook
        let own = ["alertname": rule.name, "severity": severity.rawValue, "type": "degradation", "property": property.id]
        return Alert(
            fingerprint: Self.prefix + rule.name, name: rule.name, severity: severity,
            summary: "\(rule.settings.summary): \(measured), usually \(known)",
            detail: "Usual is what \(usual.hours) hours like this one were in the last \(Self.weeks) weeks. \(rule.settings.action)",
            labels: rule.settings.labels.merging(own) { $1 }, annotations: annotations, startsAt: now)
    }

    // MARK: What is known

    private func keep(_ median: Double, of rule: BaselineRule, hour: Int64) async throws {
        let property = property.id
        try await engine.write { transaction in
            try transaction.run(
                """
                INSERT INTO raising_baseline (property, rule, hour, value) VALUES (:property, :rule, :hour, :value)
                ON CONFLICT (property, rule, hour) DO UPDATE SET value = excluded.value
                """, ["property": property.sql, "rule": rule.name.sql, "hour": hour.sql, "value": median.sql])
            try transaction.run(
                "DELETE FROM raising_baseline WHERE property = :property AND hour < :oldest",
                ["property": property.sql, "oldest": (hour - Int64(Self.weeks * 7 * 24)).sql])
        }
    }

    /// What is usual at an hour; read once an hour.
    func usual(_ rule: BaselineRule, _ hour: Int64) async throws -> Usual? {
        if let known = state.withLock({ state in state.progress[rule.name].flatMap { $0.usualHour == hour ? .some($0.usual) : nil } }) {
            return known
        }
        let known = try await hours(of: rule)
        let usual = Self.usual(known, at: hour, history: rule.settings.history, calendar: calendar)
        state.withLock { state in
            state.progress[rule.name, default: Progress()].usual = usual
            state.progress[rule.name]?.usualHour = hour
        }
        return usual
    }

    private func hours(of rule: BaselineRule) async throws -> [(hour: Int64, value: Double)] {
        let property = property.id
        return try await engine.read { reader in
            try reader.rows(
                "SELECT hour, value FROM raising_baseline WHERE property = :property AND rule = :rule ORDER BY hour",
                ["property": property.sql, "rule": rule.name.sql]
            ).map { (Int64(try $0.int("hour")), try $0.double("value")) }
        }
    }

    /// How far the learning is, by rule.
    func progress() async throws -> [String: String] {
        var result: [String: String] = [:]
        for rule in rules {
            let days = Set(try await hours(of: rule).map { calendar.startOfDay(for: Self.date($0.hour)) }).count
            result[rule.name] = days < rule.settings.history ? "learning: \(days) of \(rule.settings.history) days" : "\(days) days are known"
        }
        return result
    }

    static func usual(_ known: [(hour: Int64, value: Double)], at hour: Int64, history: Int, calendar: Calendar) -> Usual? {
        let days = Set(known.map { calendar.startOfDay(for: date($0.hour)) }).count
        guard days >= history else { return nil }
        let now = calendar.dateComponents([.weekday, .hour], from: date(hour))
        let alike = known.map { (calendar.dateComponents([.weekday, .hour], from: date($0.hour)), $0.value) }.filter { $0.0.hour == now.hour }
        let sameDay = alike.filter { $0.0.weekday == now.weekday }
        let values = (sameDay.count >= 3 ? sameDay : alike).map(\.1)
        guard values.count >= 3 else { return nil }
        let median = median(values)
        return Usual(median: median, deviation: Self.median(values.map { abs($0 - median) }), hours: values.count)
    }

    private static func date(_ hour: Int64) -> Date { Date(timeIntervalSince1970: Double(hour) * 3600) }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted(), middle = sorted.count / 2
        guard !sorted.isEmpty else { return 0 }
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
