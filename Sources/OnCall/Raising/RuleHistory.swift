import Foundation
import Kernel
import PluginAPI

/// What a rule's series came to at one moment, and from two such moments the number that the rule compares.
struct RuleHistory: Sendable {
    private struct Point: Sendable {
        var at: Duration
        /// Of the series that `where` picks.
        var picked: Double
        /// Of all series of the metric, for a share.
        var all: Double
        var counts: [UInt64]
    }

    /// What was measured.
    enum Measure: Sendable, Hashable {
        case number(Double)
        /// Nothing happened that a number could rest on: which is calm.
        case quiet
        /// The metric is not there: nothing is known.
        case unknown
    }

    private var points: [Point] = []
    private var bounds: [Double] = []

    /// Takes note of the series as they stand, and measures.
    /// - Parameter now: monotonic time: a clock that is set does not change a rate.
    mutating func measure(_ source: RuleSource, _ samples: [MetricSample], at now: Duration) -> Measure {
        let own = samples.filter { $0.name == source.metric.name }
        let picked = own.filter { sample in source.filter.allSatisfy { $0.takes(sample.labels) } }
        if source.reading == .value { return Self.value(picked, source.across) }
        let point = Point(
            at: now, picked: Self.total(picked), all: Self.total(own), counts: counts(picked))
        // A metric that nobody has counted yet stands at nothing: what it begins with is growth.
        if points.isEmpty {
            points.append(Point(at: now, picked: own.isEmpty ? 0 : point.picked, all: point.all, counts: point.counts))
        } else {
            points.append(point)
        }
        // The last point that is older than the window stays: growth is counted from it on.
        let begin = now - source.over
        while points.count > 2, points[1].at <= begin { points.removeFirst() }
        guard let first = points.first, first.at < now else { return .quiet }
        // A counter that fell began anew.
        let grown = max(0, point.picked >= first.picked ? point.picked - first.picked : point.picked)
        switch source.reading {
        case .value: return .unknown
        case .increase: return .number(grown)
        case .rate:
            // Over the whole window, also while less of it is known: one failure within the first second is not sixty a minute.
            return .number(grown / max(source.over, now - first.at).seconds)
        case .share:
            let all = max(0, point.all >= first.all ? point.all - first.all : point.all)
            guard all > 0, all >= Double(source.atLeast) else { return .quiet }
            return .number(min(1, grown / all))
        case .quantile(let share):
            let counts = point.counts.indices.map { index -> Double in
                let before = first.counts.indices.contains(index) ? first.counts[index] : 0
                return point.counts[index] >= before ? Double(point.counts[index] - before) : Double(point.counts[index])
            }
            return Self.quantile(share, counts, bounds, atLeast: max(1, source.atLeast))
        }
    }

    private static func value(_ samples: [MetricSample], _ across: RuleAcross) -> Measure {
        let values = samples.compactMap { if case .gauge(let value) = $0.reading, value.isFinite { value } else { nil } }
        switch across {
        case .sum: return values.isEmpty ? .unknown : .number(values.reduce(0, +))
        case .max: return values.max().map(Measure.number) ?? .unknown
        case .min: return values.min().map(Measure.number) ?? .unknown
        }
    }

    private static func total(_ samples: [MetricSample]) -> Double {
        samples.reduce(0) { sum, sample in if case .counter(let value) = sample.reading { sum + value } else { sum } }
    }

    private mutating func counts(_ samples: [MetricSample]) -> [UInt64] {
        var sums: [UInt64] = []
        for case .histogram(let bounds, let counts, _) in samples.map(\.reading) {
            // Series of one metric share their bounds.
            self.bounds = bounds
            if sums.count < counts.count { sums += Array(repeating: 0, count: counts.count - sums.count) }
            for (index, count) in counts.enumerated() { sums[index] &+= count }
        }
        return sums
    }

    /// Within its bucket the value is assumed to be spread evenly, as Prometheus does it.
    private static func quantile(_ share: Double, _ counts: [Double], _ bounds: [Double], atLeast: Int) -> Measure {
        let total = counts.reduce(0, +)
        guard total >= Double(atLeast), !bounds.isEmpty else { return .quiet }
        let rank = share * total
        var below = 0.0
        for (index, count) in counts.enumerated() {
            if below + count >= rank, count > 0 {
                // Above the last bound nothing more is known.
                guard index < bounds.count else { return .number(bounds[bounds.count - 1]) }
                let lower = index > 0 ? bounds[index - 1] : 0
                return .number(lower + (bounds[index] - lower) * (rank - below) / count)
            }
            below += count
        }
        return .number(bounds[bounds.count - 1])
    }
}
