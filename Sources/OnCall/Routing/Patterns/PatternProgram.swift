/// A pattern as steps, of which several may be under way at once: a text is read once from its beginning to its end, whatever the pattern.
struct PatternProgram: Sendable {
    enum Step: Sendable {
        /// Takes a character of a set.
        case take(set: Int, next: Int32)
        case split(Int32, Int32)
        case check(PatternNode.Assertion, next: Int32)
        case accept
    }

    /// The most steps that a pattern may come to.
    static let limit = 10_000

    private(set) var steps: [Step] = []
    private(set) var sets: [ScalarSet] = []
    private(set) var start: Int32 = 0
    private(set) var hasAssertions = false
    private var setNumbers: [ScalarSet: Int] = [:]

    init(_ node: PatternNode) throws(PatternFault) {
        let end = try append(.accept)
        start = try emit(node, before: end)
    }

    private mutating func append(_ step: Step) throws(PatternFault) -> Int32 {
        guard steps.count < Self.limit else {
            throw PatternFault(message: "the pattern comes to more than \(Self.limit) steps; use smaller counts", offset: 0)
        }
        steps.append(step)
        return Int32(steps.count - 1)
    }

    /// Adds the steps of a node that go on to `next`.
    private mutating func emit(_ node: PatternNode, before next: Int32) throws(PatternFault) -> Int32 {
        switch node {
        case .empty: return next
        case .scalar(let value): return try append(.take(set: number(of: ScalarSet([value...value])), next: next))
        case .set(let set): return try append(.take(set: number(of: set), next: next))
        case .assertion(let assertion):
            hasAssertions = true
            return try append(.check(assertion, next: next))
        case .sequence(let parts):
            var first = next
            for part in parts.reversed() { first = try emit(part, before: first) }
            return first
        case .choice(let parts):
            var first = try emit(parts[parts.count - 1], before: next)
            for part in parts.dropLast().reversed() { first = try append(.split(try emit(part, before: next), first)) }
            return first
        case .repeated(let part, let times):
            var first = next
            if let most = times.most {
                for _ in times.least..<max(times.least, most) { first = try append(.split(try emit(part, before: first), next)) }
            } else {
                first = try append(.split(next, next))
                steps[Int(first)] = .split(try emit(part, before: first), next)
            }
            for _ in 0..<times.least { first = try emit(part, before: first) }
            return first
        }
    }

    private mutating func number(of set: ScalarSet) -> Int {
        if let number = setNumbers[set] { return number }
        sets.append(set)
        setNumbers[set] = sets.count - 1
        return sets.count - 1
    }
}

/// The characters of a pattern in classes: those of one class are alike to every set of it.
struct ScalarClasses: Sendable {
    /// The class of each ASCII character.
    private var ascii: [UInt16] = []
    /// Where each run of characters of one class begins, and its class.
    private var starts: [UInt32] = []
    private var numbers: [UInt16] = []
    /// What each class is to an assertion.
    private(set) var neighbours: [PatternNode.Neighbour] = []
    /// Which sets hold each class.
    private(set) var members: [[Bool]] = []

    var count: Int { members.count }

    /// - Parameter limit: the most classes there may be.
    init(_ program: PatternProgram, limit: Int = 4096) throws(PatternFault) {
        let all = program.sets + (program.hasAssertions ? [.newline, .word] : [])
        var bounds: Set<UInt32> = [0]
        for range in all.flatMap(\.ranges) {
            bounds.insert(range.lowerBound)
            if range.upperBound < ScalarSet.last { bounds.insert(range.upperBound + 1) }
        }
        guard bounds.count * all.count <= 10_000_000 else {
            throw PatternFault(message: "the pattern names too many sets of characters", offset: 0)
        }
        var known: [[Bool]: UInt16] = [:]
        for bound in bounds.sorted() {
            let key = all.map { $0.contains(bound) }
            let number: UInt16
            if let found = known[key] {
                number = found
            } else {
                guard known.count < limit else { throw PatternFault(message: "the pattern names too many sets of characters", offset: 0) }
                number = UInt16(known.count)
                known[key] = number
                members.append(Array(key.prefix(program.sets.count)))
                neighbours.append(bound == 0x0A ? .newline : ScalarSet.word.contains(bound) ? .word : .other)
            }
            starts.append(bound)
            numbers.append(number)
        }
        ascii = (0..<128).map { numbers[run(of: $0)] }
    }

    func number(of scalar: Unicode.Scalar) -> Int { Int(scalar.value < 128 ? ascii[Int(scalar.value)] : numbers[run(of: scalar.value)]) }

    private func run(of value: UInt32) -> Int {
        var low = 0, high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= value { low = middle } else { high = middle }
        }
        return low
    }
}
