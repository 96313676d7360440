import CoreMetrics
import Synchronization

/// All metrics of the process, printed in Prometheus's text format 0.0.4.
///
/// Names are made to fit Prometheus's habits: a counter ends in `_total`, a timer in `_seconds`, a described unit ends the name. One name has one
/// kind: who asks for a name under another kind gets a handler that goes nowhere, and `jack_metrics_refused_total` counts it. A family holds at
/// most ``maximumSeries`` label sets; what comes later is counted together under the value `other`, so that no guest can fill the memory through a
/// label.
public final class PrometheusRegistry: MetricsFactory {
    private enum Kind: String { case counter, gauge, histogram }

    /// How a series was asked for, word by word.
    private struct Wording: Hashable {
        let label: String
        let kind: Kind
        let suffix: String
        let dimensions: [String]

        init(_ label: String, _ kind: Kind, suffix: String, _ dimensions: [(String, String)]) {
            self.label = label
            self.kind = kind
            self.suffix = suffix
            self.dimensions = dimensions.flatMap { [$0.0, $0.1] }
        }
    }

    private struct Family {
        let kind: Kind
        var series: [String: any MetricSeries] = [:]
        /// The label sets of the series, apart.
        var labels: [String: [String: String]] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        /// What is asked for again and again in the same words, as most code does each time it counts: making names and labels fit costs more than counting.
        var known: [Wording: any MetricSeries] = [:]
        /// By the name as it was described, before suffixes.
        var descriptions: [String: MetricDescription] = [:]
        /// From the printed name back to the description's.
        var described: [String: String] = [:]
    }

    private let state = Mutex(State())
    private let refused = CounterSeries()
    private let includesProcess: Bool

    /// How many label sets one metric may have.
    public let maximumSeries: Int

    /// The content type of what ``render()`` returns.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// - Parameters:
    ///   - includesProcess: whether ``render()`` adds what `/proc` knows of this process.
    public init(maximumSeries: Int = 1000, includesProcess: Bool = true) {
        self.maximumSeries = maximumSeries
        self.includesProcess = includesProcess
        describe("jack_metrics_refused_total", "Metrics that were asked for under a name that has another kind.")
    }

    /// Says what a metric is. Call it before the metric is first used: its unit and buckets are taken then.
    /// - Parameter name: the label as swift-metrics gets it.
    public func describe(_ name: String, _ help: String, unit: MetricDescription.Unit? = nil, buckets: [Double]? = nil) {
        let description = MetricDescription(help, unit: unit, buckets: buckets)
        state.withLock { $0.descriptions[MetricName.metric(name)] = description }
    }

    /// Every metric, in the order of the names.
    public func render() -> String {
        let (families, descriptions, described) = state.withLock { ($0.families, $0.descriptions, $0.described) }
        var text = ""
        text.reserveCapacity(families.count * 400 + 1000)
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            let help = descriptions[described[name] ?? name]?.help ?? name.replacing("_", with: " ")
            text += "# HELP \(name) \(MetricName.escapedHelp(help))\n# TYPE \(name) \(family.kind.rawValue)\n"
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) { series.write(name: name, labels: labels, to: &text) }
        }
        let name = "jack_metrics_refused_total"
        text += "# HELP \(name) \(descriptions[name]?.help ?? "")\n# TYPE \(name) counter\n"
        refused.write(name: name, labels: "", to: &text)
        if includesProcess { ProcessMetrics.read()?.write(to: &text) }
        return text
    }

    /// The series of the named metrics as they stand, and what the system knows of the process where that is asked for by name.
    public func samples(of names: Set<String>) -> [MetricSample] {
        let families = state.withLock { state in names.compactMap { name in state.families[name].map { (name, $0) } } }
        var samples = families.flatMap { name, family in
            family.series.map { key, series in MetricSample(name, family.labels[key] ?? [:], series.reading) }
        }
        if includesProcess, names.contains(where: { $0.hasPrefix("process_") }) {
            samples += Self.processSamples().filter { names.contains($0.name) }
        }
        return samples
    }

    // MARK: MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, .counter, dimensions, suffix: "_total") { _ in CounterSeries() }
    }

    public func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        series(label, .counter, dimensions, suffix: "_total") { _ in GaugeSeries(onlyGrows: true) }
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, .gauge, dimensions, suffix: "") { _ in GaugeSeries() }
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return series(label, .gauge, dimensions, suffix: "") { _ in GaugeSeries() } as GaugeSeries }
        return series(label, .histogram, dimensions, suffix: "") { description -> HistogramSeries in
            let usual =
                switch description?.unit {
                case .seconds: MetricDescription.durations
                case .ratio: MetricDescription.shares
                default: MetricDescription.magnitudes
                }
            return HistogramSeries(bounds: description?.buckets ?? usual)
        }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, .histogram, dimensions, suffix: "_seconds") { HistogramSeries(bounds: $0?.buckets ?? MetricDescription.durations) }
    }

    // A metric that has gone from the code's sight keeps its numbers: counters that vanish and come back look like restarts.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    // MARK: Families

    private func series<S: MetricSeries>(
        _ label: String, _ kind: Kind, _ dimensions: [(String, String)], suffix: String, make: (MetricDescription?) -> S
    ) -> S {
        let wording = Wording(label, kind, suffix: suffix, dimensions)
        if let known = state.withLock({ $0.known[wording] }) as? S { return known }
        let base = MetricName.metric(label)
        let labels = Self.labels(dimensions)
        let found: S? = state.withLock { state in
            let description = state.descriptions[base]
            let name = Self.name(base, kind: kind, suffix: suffix, unit: description?.unit)
            if state.families[name] == nil {
                state.families[name] = Family(kind: kind)
                state.described[name] = base
            }
            guard let family = state.families[name], family.kind == kind else { return nil }
            if let known = family.series[labels] {
                state.known[wording] = known
                return known as? S
            }
            let taken = family.series.count < maximumSeries ? dimensions : dimensions.map { ($0.0, "other") }
            let key = family.series.count < maximumSeries ? labels : Self.labels(taken)
            if let known = family.series[key] { return known as? S }
            let new = make(description)
            // Only what has a series of its own: there are no more of these than series, but for spellings.
            if key == labels { state.known[wording] = new }
            state.families[name]?.series[key] = new
            state.families[name]?.labels[key] = Dictionary(taken.map { (MetricName.label($0.0), $0.1) }) { first, _ in first }
            return new
        }
        if let found { return found }
        refused.increment(by: 1)
        return make(nil)
    }

    private static func name(_ base: String, kind: Kind, suffix: String, unit: MetricDescription.Unit?) -> String {
        var name = base
        // `_total` is a counter's ending and nobody else's.
        if name.hasSuffix("_total") { name.removeLast("_total".count) }
        if let unit, !name.hasSuffix("_" + unit.rawValue), suffix != "_" + unit.rawValue { name += "_" + unit.rawValue }
        return suffix.isEmpty || name.hasSuffix(suffix) ? name : name + suffix
    }

    private static func labels(_ dimensions: [(String, String)]) -> String {
        var seen: Set<String> = []
        return dimensions.map { (MetricName.label($0.0), $0.1) }.sorted { $0.0 < $1.0 }
            .filter { seen.insert($0.0).inserted }
            .map { "\($0.0)=\"\(MetricName.escapedValue($0.1))\"" }.joined(separator: ",")
    }
}
