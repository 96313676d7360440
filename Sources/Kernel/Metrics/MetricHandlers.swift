import CoreMetrics
import Synchronization

/// One time series, or a histogram's bundle of them.
protocol MetricSeries: AnyObject, Sendable {
    /// Appends its lines. `labels` is the label set without braces, ready to print.
    func write(name: String, labels: String, to text: inout String)
    var reading: MetricSample.Reading { get }
}

extension MetricSeries {
    fileprivate func line(_ name: String, _ labels: String, _ value: String, to text: inout String) {
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
    }
}

/// A whole-numbered counter.
final class CounterSeries: CounterHandler, MetricSeries {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        // A counter never falls, and one that would run over stays at its highest value.
        guard amount > 0 else { return }
        var old = value.load(ordering: .relaxed)
        while true {
            let (sum, overflow) = old.addingReportingOverflow(amount)
            let result = value.weakCompareExchange(expected: old, desired: overflow ? .max : sum, ordering: .relaxed)
            if result.exchanged { return }
            old = result.original
        }
    }

    func reset() { value.store(0, ordering: .relaxed) }

    var reading: MetricSample.Reading { .counter(Double(value.load(ordering: .relaxed))) }

    func write(name: String, labels: String, to text: inout String) {
        line(name, labels, String(value.load(ordering: .relaxed)), to: &text)
    }
}

/// A number that is set, or moved, from many tasks at once: a gauge, and the floating-point counter's store.
final class GaugeSeries: RecorderHandler, MeterHandler, FloatingPointCounterHandler, MetricSeries {
    private let bits = Atomic<UInt64>(0)
    private let onlyGrows: Bool

    init(onlyGrows: Bool = false) { self.onlyGrows = onlyGrows }

    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func reset() { set(0.0) }
    func decrement(by amount: Double) { add(-amount) }

    func increment(by amount: Double) {
        if onlyGrows, !(amount > 0) || amount.isInfinite { return }
        add(amount)
    }

    var reading: MetricSample.Reading {
        let value = Double(bitPattern: bits.load(ordering: .relaxed))
        return onlyGrows ? .counter(value) : .gauge(value)
    }

    private func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let sum = Double(bitPattern: old) + amount
            let result = bits.weakCompareExchange(expected: old, desired: sum.bitPattern, ordering: .relaxed)
            if result.exchanged { return }
            old = result.original
        }
    }

    func write(name: String, labels: String, to text: inout String) {
        line(name, labels, MetricName.number(Double(bitPattern: bits.load(ordering: .relaxed))), to: &text)
    }
}

/// A distribution in fixed buckets. Timers give nanoseconds and are kept in seconds.
final class HistogramSeries: TimerHandler, RecorderHandler, MetricSeries {
    private struct State {
        var counts: [UInt64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    /// - Parameter bounds: upper bounds, rising; the bucket without a bound is added.
    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[bucket] += 1
            $0.sum += value
        }
    }

    var reading: MetricSample.Reading { state.withLock { .histogram(bounds: bounds, counts: $0.counts, sum: $0.sum) } }

    func write(name: String, labels: String, to text: inout String) {
        let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
        let prefix = labels.isEmpty ? "" : labels + ","
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < bounds.count ? MetricName.number(bounds[index]) : "+Inf"
            line("\(name)_bucket", "\(prefix)le=\"\(bound)\"", String(total), to: &text)
        }
        line("\(name)_sum", labels, MetricName.number(sum), to: &text)
        line("\(name)_count", labels, String(total), to: &text)
    }
}
