import CoreMetrics
import Synchronization

/// A metrics factory that keeps the values: counters their sum, gauges their last value, recorders and timers all they were given.
public final class MemoryMetrics: MetricsFactory {
    private let cells = Mutex<[String: Cell]>([:])

    public init() {}

    /// What a metric was given, in order: increments, settings, or lengths of time in nanoseconds. Empty where the metric is unknown.
    /// - Parameter dimensions: those that the metric must carry; it may carry more.
    public func values(_ label: String, _ dimensions: [String: String] = [:]) -> [Double] {
        cells.withLock { cells in
            cells.values.filter { cell in cell.label == label && dimensions.allSatisfy { cell.dimensions[$0.key] == $0.value } }.flatMap(\.values)
        }
    }

    /// The sum of ``values(_:_:)``: a counter's reading.
    public func sum(_ label: String, _ dimensions: [String: String] = [:]) -> Double { values(label, dimensions).reduce(0, +) }

    /// The labels that were used.
    public var labels: Set<String> { cells.withLock { Set($0.values.map(\.label)) } }

    /// Every series as one text, labels and dimensions included: for proving that no secret is among them.
    public var text: String {
        cells.withLock { cells in cells.values.map { "\($0.label) \($0.dimensions.sorted { $0.key < $1.key })" }.sorted().joined(separator: "\n") }
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { cell(label, dimensions) }
    public func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler { cell(label, dimensions) }
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler { cell(label, dimensions) }
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { cell(label, dimensions) }
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler { cell(label, dimensions) }

    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    private func cell(_ label: String, _ dimensions: [(String, String)]) -> Cell {
        let key = label + dimensions.sorted { $0.0 < $1.0 }.map { "|\($0.0)=\($0.1)" }.joined()
        return cells.withLock { cells in
            if let cell = cells[key] { return cell }
            let cell = Cell(label: label, dimensions: Dictionary(dimensions) { $1 })
            cells[key] = cell
            return cell
        }
    }
}

/// One metric, whatever its type.
private final class Cell: CounterHandler, FloatingPointCounterHandler, MeterHandler, TimerHandler, RecorderHandler {
    let label: String
    let dimensions: [String: String]
    private let given = Mutex<[Double]>([])

    init(label: String, dimensions: [String: String]) {
        self.label = label
        self.dimensions = dimensions
    }

    var values: [Double] { given.withLock { $0 } }
    private func add(_ value: Double) { given.withLock { $0.append(value) } }

    func increment(by amount: Int64) { add(Double(amount)) }
    func increment(by amount: Double) { add(amount) }
    func decrement(by amount: Double) { add(-amount) }
    func set(_ value: Int64) { add(Double(value)) }
    func set(_ value: Double) { add(value) }
    func record(_ value: Int64) { add(Double(value)) }
    func record(_ value: Double) { add(value) }
    func recordNanoseconds(_ duration: Int64) { add(Double(duration)) }
    func reset() { given.withLock { $0 = [] } }
}
