/// A set of Unicode scalars, as sorted ranges that neither touch nor overlap.
struct ScalarSet: Hashable, Sendable {
    let ranges: [ClosedRange<UInt32>]

    static let last: UInt32 = 0x10FFFF
    static let all = ScalarSet([0...last])
    static let newline = ScalarSet([0x0A...0x0A])
    static let notNewline = newline.inverted
    static let digit = ScalarSet("09")
    /// RE2's `\s`: no vertical tab.
    static let space = ScalarSet([0x09...0x0A, 0x0C...0x0D, 0x20...0x20])
    static let word = ScalarSet("09AZ__az")

    init(_ ranges: [ClosedRange<UInt32>]) {
        var merged: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let before = merged.last, range.lowerBound <= before.upperBound || range.lowerBound == before.upperBound + 1 {
                merged[merged.count - 1] = before.lowerBound...max(before.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        self.ranges = merged
    }

    /// Pairs of first and last: `09az`.
    init(_ pairs: StaticString) {
        let values = pairs.description.unicodeScalars.map(\.value)
        self.init(stride(from: 0, to: values.count - 1, by: 2).map { values[$0]...values[$0 + 1] })
    }

    init(scalars: some Sequence<UInt32>) { self.init(scalars.map { $0...$0 }) }

    func contains(_ scalar: UInt32) -> Bool {
        var low = 0, high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= scalar
    }

    func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

    var inverted: ScalarSet {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
            next = range.upperBound + 1
        }
        if next <= Self.last { result.append(next...Self.last) }
        return ScalarSet(result)
    }

    /// The set with every scalar that differs from one of its own by case alone.
    var folded: ScalarSet {
        union(ScalarSet(scalars: CaseFolding.orbits.values.filter { $0.contains(where: contains) }.joined()))
    }

    /// The scalars, if there are no more than `limit`.
    func scalars(atMost limit: Int) -> [UInt32]? {
        var count = 0
        for range in ranges {
            count += range.count
            if count > limit { return nil }
        }
        return ranges.flatMap { Array($0) }
    }
}

/// Which scalars differ by case alone, after Unicode's simple folding (no `ß` = `ss`, no Turkish rules).
enum CaseFolding {
    /// The members of each orbit that has more than one, by their key.
    static let orbits: [UInt32: [UInt32]] = {
        var orbits: [UInt32: [UInt32]] = [:]
        // No scalar above has a case.
        for value in 0..<(0x1F000 as UInt32) {
            guard let scalar = Unicode.Scalar(value), scalar.properties.changesWhenCaseMapped || scalar.properties.isCased else { continue }
            orbits[key(scalar), default: []].append(value)
        }
        return orbits.filter { $0.value.count > 1 }
    }()

    /// All that equals a scalar but for case, itself included.
    static func orbit(of value: UInt32) -> [UInt32] {
        guard let scalar = Unicode.Scalar(value) else { return [value] }
        return orbits[key(scalar)] ?? [value]
    }

    private static func key(_ scalar: Unicode.Scalar) -> UInt32 {
        // The dotless i folds to itself, though its upper case is I.
        guard scalar.value != 0x131 else { return scalar.value }
        let upper = single(scalar.properties.uppercaseMapping) ?? scalar
        return (single(upper.properties.lowercaseMapping) ?? upper).value
    }

    private static func single(_ text: String) -> Unicode.Scalar? {
        let scalars = text.unicodeScalars
        return scalars.count == 1 ? scalars.first : nil
    }
}
