/// What a regular expression says.
indirect enum PatternNode: Hashable, Sendable {
    case empty
    case scalar(UInt32)
    case set(ScalarSet)
    case assertion(Assertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    case repeated(PatternNode, Repetition)

    /// What holds between two characters.
    enum Assertion: Sendable {
        case begin, end, lineBegin, lineEnd, wordEdge, notWordEdge

        func holds(between left: Neighbour, and right: Neighbour) -> Bool {
            switch self {
            case .begin: left == .none
            case .end: right == .none
            case .lineBegin: left == .none || left == .newline
            case .lineEnd: right == .none || right == .newline
            case .wordEdge: (left == .word) != (right == .word)
            case .notWordEdge: (left == .word) == (right == .word)
            }
        }
    }

    /// What stands beside a place in the text.
    enum Neighbour: UInt8, Sendable { case none, newline, word, other }

    struct Repetition: Hashable, Sendable {
        var least: Int
        /// Nil for as often as one likes.
        var most: Int?
        /// True for `{2,5}`, false for `*`, `+` and `?`.
        var isCounted = false
    }

    /// Whether counts within counts stay below `limit` times all in all, as RE2 demands.
    func repeatsAtMost(_ limit: Int) -> Bool {
        switch self {
        case .empty, .scalar, .set, .assertion: return true
        case .sequence(let parts), .choice(let parts): return parts.allSatisfy { $0.repeatsAtMost(limit) }
        case .repeated(let part, let times):
            guard times.isCounted else { return part.repeatsAtMost(limit) }
            let count = times.most ?? times.least
            if times.most == 0 { return true }
            if count > limit { return false }
            return part.repeatsAtMost(count > 0 ? limit / count : limit)
        }
    }

    /// All texts that it fits, if they are few.
    func texts(atMost limit: Int) -> [[UInt32]]? {
        switch self {
        case .empty: return [[]]
        case .scalar(let value): return [[value]]
        case .set(let set): return set.scalars(atMost: 16)?.map { [$0] }
        case .assertion: return nil
        case .choice(let parts):
            var all: [[UInt32]] = []
            for part in parts {
                guard let texts = part.texts(atMost: limit), all.count + texts.count <= limit else { return nil }
                all += texts
            }
            return all
        case .sequence(let parts):
            var all: [[UInt32]] = [[]]
            for part in parts {
                guard let texts = part.texts(atMost: limit), all.count * texts.count <= limit else { return nil }
                all = all.flatMap { head in texts.map { head + $0 } }
            }
            return all
        case .repeated(let part, let times):
            guard times == Repetition(least: 0, most: 1), let texts = part.texts(atMost: limit - 1) else { return nil }
            return [[]] + texts
        }
    }
}

/// A regular expression that is none, or none that RE2 takes.
public struct PatternFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, and what to do.
    public var message: String
    /// Characters (Unicode scalars) before the place, counted within the expression.
    public var offset: Int

    public var description: String { "\(message), at character \(offset + 1) of the pattern" }
}
