import Foundation

/// Sparse vectors with their labels, one after another.
struct SparseRows: Sendable {
    typealias Entry = (feature: Int32, value: Float)
    private var entries: [Entry] = []
    private var starts: [Int] = [0]
    private(set) var labels: [Int] = []

    mutating func append(_ row: [Entry], label: Int) {
        entries.append(contentsOf: row)
        starts.append(entries.count)
        labels.append(label)
    }

    func row(_ place: Int) -> ArraySlice<Entry> { entries[starts[place]..<starts[place + 1]] }
}

/// A weight for each feature and label. A feature's weights stand together, eight to a lane.
struct WeightTable: Sendable {
    fileprivate let labelCount: Int
    private let lanes: Int
    fileprivate private(set) var weights: [SIMD8<Float>]
    fileprivate private(set) var bias: [SIMD8<Float>]

    init(features: Int, labels: Int) {
        labelCount = labels
        lanes = (labels + 7) / 8
        weights = Array(repeating: SIMD8(repeating: 0), count: features * lanes)
        bias = Array(repeating: SIMD8(repeating: 0), count: lanes)
    }

    /// What each label scores.
    func scores(_ row: some Sequence<SparseRows.Entry>) -> [Float] {
        var sum = bias
        accumulate(row, &sum)
        return (0..<labelCount).map { sum[$0 >> 3][$0 & 7] }
    }

    private func accumulate(_ row: some Sequence<SparseRows.Entry>, _ sum: inout [SIMD8<Float>]) {
        weights.withUnsafeBufferPointer { weights in
            sum.withUnsafeMutableBufferPointer { sum in
                for (feature, value) in row {
                    let start = Int(feature) * lanes
                    for lane in 0..<lanes { sum[lane] += weights[start + lane] * value }
                }
            }
        }
    }

    /// Learns from the rows at these places: logistic regression by stochastic gradient descent, then naive Bayes added to it.
    mutating func learn(_ rows: SparseRows, from places: [Int], epochs: Int = 4, prior: Float = 0.5) {
        descend(rows, places, epochs: epochs)
        addBayes(rows, places, share: prior)
    }

    /// The first step's length; later ones shrink to nothing.
    private static let rate: Float = 1
    /// What naive Bayes adds to every count.
    private static let alpha: Float = 0.1

    private mutating func descend(_ rows: SparseRows, _ places: [Int], epochs: Int) {
        guard !places.isEmpty else { return }
        var order = places, random: UInt64 = 1
        var sum = bias
        let steps = Float(epochs * places.count)
        var step: Float = 0
        for _ in 0..<epochs {
            for place in stride(from: order.count - 1, to: 0, by: -1) {
                random = FeatureHash.mix(random)
                order.swapAt(place, Int(random % UInt64(place + 1)))
            }
            for place in order {
                let row = rows.row(place)
                for lane in 0..<lanes { sum[lane] = bias[lane] }
                accumulate(row, &sum)
                var top = -Float.infinity
                for label in 0..<labelCount { top = max(top, sum[label >> 3][label & 7]) }
                var total: Float = 0
                for label in 0..<lanes * 8 {
                    let raised = label < labelCount ? Float.exp(sum[label >> 3][label & 7] - top) : 0
                    sum[label >> 3][label & 7] = raised
                    total += raised
                }
                let rate = Self.rate * (1 - step / steps)
                step += 1
                for lane in 0..<lanes { sum[lane] *= -rate / total }
                sum[rows.labels[place] >> 3][rows.labels[place] & 7] += rate
                weights.withUnsafeMutableBufferPointer { weights in
                    sum.withUnsafeBufferPointer { sum in
                        for (feature, value) in row {
                            let start = Int(feature) * lanes
                            for lane in 0..<lanes { weights[start + lane] += sum[lane] * value }
                        }
                    }
                }
                for lane in 0..<lanes { bias[lane] += sum[lane] * 0.1 }
            }
        }
    }

    /// Adds the logarithms of how often each label's examples have a feature, relative to the labels' mean. A feature that no row has says nothing.
    private mutating func addBayes(_ rows: SparseRows, _ places: [Int], share: Float) {
        guard !places.isEmpty, share > 0 else { return }
        let alpha = Self.alpha, features = weights.count / lanes
        var counts = [SIMD8<Float>](repeating: SIMD8(repeating: 0), count: weights.count)
        var totals = [SIMD8<Float>](repeating: SIMD8(repeating: alpha * Float(features)), count: lanes)
        for place in places {
            let lane = rows.labels[place] >> 3, slot = rows.labels[place] & 7
            for (feature, value) in rows.row(place) {
                counts[Int(feature) * lanes + lane][slot] += value
                totals[lane][slot] += value
            }
        }
        var logTotals = totals
        for label in 0..<lanes * 8 { logTotals[label >> 3][label & 7] = Float.log(totals[label >> 3][label & 7]) }
        let logAlpha = Float.log(alpha)
        for feature in 0..<features {
            let start = feature * lanes
            var seen: Float = 0
            for lane in 0..<lanes { seen += counts[start + lane].sum() }
            guard seen > 0 else { continue }
            var mean: Float = 0
            for label in 0..<labelCount {
                let lane = label >> 3, slot = label & 7, count = counts[start + lane][slot]
                let value = (count > 0 ? Float.log(count + alpha) : logAlpha) - logTotals[lane][slot]
                counts[start + lane][slot] = value
                mean += value
            }
            mean /= Float(labelCount)
            for lane in 0..<lanes { weights[start + lane] += (counts[start + lane] - mean) * share }
        }
    }
}

/// A learnt ``WeightTable`` in half the memory: three significant digits are more than the examples are worth.
struct PackedTable: Sendable {
    private let labelCount: Int
    private let lanes: Int
    private let weights: [SIMD8<Float16>]
    private let bias: [SIMD8<Float>]

    fileprivate init(labels: Int, weights: [SIMD8<Float>], bias: [SIMD8<Float>]) {
        labelCount = labels
        lanes = bias.count
        self.weights = weights.map { SIMD8<Float16>($0) }
        self.bias = bias
    }

    /// What each label scores.
    func scores(_ row: some Sequence<SparseRows.Entry>) -> [Float] {
        var sum = bias
        for (feature, value) in row {
            let start = Int(feature) * lanes
            for lane in 0..<lanes { sum[lane] += SIMD8<Float>(weights[start + lane]) * value }
        }
        return (0..<labelCount).map { sum[$0 >> 3][$0 & 7] }
    }
}

extension WeightTable {
    /// The table for those who only ask it.
    var packed: PackedTable { PackedTable(labels: labelCount, weights: weights, bias: bias) }
}
