/// Every different condition of a plan, each named by a number, so that an alert's labels are looked up, and each condition tried, once at most.
struct ConditionTable: Sendable {
    private enum Test: Sendable {
        /// By the number of the value among those that conditions name.
        case equal(Int32), notEqual(Int32)
        case fits(LabelPattern), fitsNot(LabelPattern)
        case never
    }

    /// The labels' names that conditions look at.
    private var names: [String] = []
    private var nameNumbers: [ByteText: Int] = [:]
    /// For each name the values that are compared by equality.
    private var values: [[ByteText: Int32]] = []
    private var tests: [(name: Int, test: Test)] = []
    private var known: [LabelMatcher: Int32] = [:]

    /// The number of a condition.
    mutating func add(_ matcher: LabelMatcher) -> Int32 {
        if let number = known[matcher] { return number }
        let name = nameNumbers[ByteText(matcher.name)] ?? names.count
        if name == names.count {
            names.append(matcher.name)
            nameNumbers[ByteText(matcher.name)] = name
            values.append([:])
        }
        let test: Test
        switch matcher.comparison {
        case .equal: test = .equal(value(matcher.value, of: name))
        case .notEqual: test = .notEqual(value(matcher.value, of: name))
        case .fits: test = matcher.pattern.map { .fits($0) } ?? .never
        case .fitsNot: test = matcher.pattern.map { .fitsNot($0) } ?? .never
        }
        tests.append((name, test))
        known[matcher] = Int32(tests.count - 1)
        return Int32(tests.count - 1)
    }

    private mutating func value(_ value: String, of name: Int) -> Int32 {
        let number = values[name][ByteText(value)] ?? Int32(values[name].count)
        values[name][ByteText(value)] = number
        return number
    }

    /// The labels of one alert before the conditions.
    func labels(_ labels: [String: String]) -> Labels { Labels(table: self, labels) }

    struct Labels {
        private let table: ConditionTable
        private let texts: [String]
        /// The numbers of the labels' values; -1 for what no condition names.
        private let numbers: [Int32]
        /// What is known of the patterns: 0 nothing, 1 no, 2 yes.
        private var tried: [UInt8]

        fileprivate init(table: ConditionTable, _ labels: [String: String]) {
            self.table = table
            let texts = table.names.map { labels[$0] ?? "" }
            self.texts = texts
            numbers = texts.indices.map { table.values[$0].isEmpty ? -1 : table.values[$0][ByteText(texts[$0])] ?? -1 }
            tried = [UInt8](repeating: 0, count: table.tests.count)
        }

        mutating func meet(_ condition: Int32) -> Bool {
            let (name, test) = table.tests[Int(condition)]
            switch test {
            case .equal(let value): return numbers[name] == value
            case .notEqual(let value): return numbers[name] != value
            case .fits(let pattern): return fits(pattern, name, condition)
            case .fitsNot(let pattern): return !fits(pattern, name, condition)
            case .never: return false
            }
        }

        mutating func meet(_ conditions: [Int32]) -> Bool {
            for condition in conditions where !meet(condition) { return false }
            return true
        }

        private mutating func fits(_ pattern: LabelPattern, _ name: Int, _ condition: Int32) -> Bool {
            if tried[Int(condition)] == 0 { tried[Int(condition)] = pattern.fits(texts[name]) ? 2 : 1 }
            return tried[Int(condition)] == 2
        }
    }
}
