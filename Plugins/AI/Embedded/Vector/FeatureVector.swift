/// The features of a text with their weights, in the order of their hashes: a sum comes out the same in every run, and two texts are compared in one walk.
struct FeatureVector: Sendable {
    private(set) var entries: [(hash: UInt64, weight: Float)]
    /// The square of the vector's length.
    let square: Float

    init(_ weights: [UInt64: Float]) { self.init(sorted: weights.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }) }

    private init(sorted entries: [(hash: UInt64, weight: Float)]) {
        self.entries = entries
        square = entries.reduce(0) { $0 + $1.weight * $1.weight }
    }

    /// The features that weigh at least so much.
    func atLeast(_ weight: Float) -> FeatureVector { FeatureVector(sorted: entries.filter { $0.weight >= weight }) }

    /// The cosine of the angle to another text; 0 where either says nothing.
    func cosine(to other: FeatureVector) -> Double {
        guard square > 0, other.square > 0 else { return 0 }
        var dot: Float = 0
        forEachShared(with: other) { dot += $0 * $1 }
        return Double(dot / (square * other.square).squareRoot())
    }

    /// The share of this text's weight whose features the other has too.
    func coverage(by other: FeatureVector) -> Double {
        let all = weight
        var have: Float = 0
        forEachShared(with: other) { own, _ in have += own }
        return all > 0 ? Double(have / all) : 0
    }

    /// What all features weigh together.
    var weight: Float { entries.reduce(0) { $0 + $1.weight } }

    private func forEachShared(with other: FeatureVector, _ body: (_ own: Float, _ others: Float) -> Void) {
        var left = 0, right = 0
        while left < entries.count, right < other.entries.count {
            let (a, b) = (entries[left], other.entries[right])
            if a.hash == b.hash { body(a.weight, b.weight) }
            if a.hash <= b.hash { left += 1 }
            if b.hash <= a.hash { right += 1 }
        }
    }
}
