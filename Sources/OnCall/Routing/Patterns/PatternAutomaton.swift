/// Runs a pattern over texts in time that grows with the text's length alone.
///
/// All states are worked out once, where they are few; then a character costs one look into a table. Where they would be many, the steps that are under
/// way are followed as a set: slower, and still without going back in the text.
struct PatternAutomaton: Sendable {
    private let program: PatternProgram
    private let classes: ScalarClasses
    private let table: Table?

    /// For each state and class the next state; 0 is the one from which nothing fits.
    private struct Table: Sendable {
        var next: [Int32]
        var accepts: [Bool]
    }

    init(_ node: PatternNode) throws(PatternFault) {
        program = try PatternProgram(node)
        classes = try ScalarClasses(program)
        var builder = Builder(program: program, classes: classes)
        table = builder.build().map { Table(next: $0.next, accepts: $0.accepts) }
    }

    /// Whether all states were worked out.
    var hasTable: Bool { table != nil }

    /// Whether the pattern fits the whole text.
    func fits(_ text: String) -> Bool {
        guard let table else { return follow(text) }
        let width = classes.count
        var state = 1
        for scalar in text.unicodeScalars {
            state = Int(table.next[state * width + classes.number(of: scalar)])
            if state == 0 { return false }
        }
        return table.accepts[state]
    }

    private func follow(_ text: String) -> Bool {
        var closure = Closure(program)
        var kernel: [Int32] = [program.start]
        var before: PatternNode.Neighbour = .none
        for scalar in text.unicodeScalars {
            let number = classes.number(of: scalar)
            closure.expand(kernel, before, classes.neighbours[number])
            kernel.removeAll(keepingCapacity: true)
            for step in closure.takes {
                if case .take(let set, let next) = program.steps[Int(step)], classes.members[number][set] { kernel.append(next) }
            }
            if kernel.isEmpty { return false }
            before = classes.neighbours[number]
        }
        closure.expand(kernel, before, .none)
        return closure.accepts
    }

    /// The steps that can be reached without taking a character.
    private struct Closure {
        let program: PatternProgram
        private(set) var takes: [Int32] = []
        private(set) var accepts = false
        private var seen: [UInt32]
        private var round: UInt32 = 0
        private var stack: [Int32] = []

        init(_ program: PatternProgram) {
            self.program = program
            seen = [UInt32](repeating: 0, count: program.steps.count)
        }

        mutating func expand(_ kernel: [Int32], _ left: PatternNode.Neighbour, _ right: PatternNode.Neighbour) {
            if round == .max {
                seen = [UInt32](repeating: 0, count: program.steps.count)
                round = 0
            }
            round += 1
            takes.removeAll(keepingCapacity: true)
            accepts = false
            stack.append(contentsOf: kernel)
            while let step = stack.popLast() {
                guard seen[Int(step)] != round else { continue }
                seen[Int(step)] = round
                switch program.steps[Int(step)] {
                case .take: takes.append(step)
                case .split(let one, let other):
                    stack.append(one)
                    stack.append(other)
                case .check(let assertion, let next): if assertion.holds(between: left, and: right) { stack.append(next) }
                case .accept: accepts = true
                }
            }
        }
    }

    /// Works out the states.
    private struct Builder {
        static let stateLimit = 1000
        static let workLimit = 2_000_000

        let program: PatternProgram
        let classes: ScalarClasses
        private var states: [State: Int32] = [:]
        private var queue: [State] = []

        private struct State: Hashable {
            var kernel: [Int32]
            var before: PatternNode.Neighbour
        }

        init(program: PatternProgram, classes: ScalarClasses) {
            self.program = program
            self.classes = classes
        }

        mutating func build() -> (next: [Int32], accepts: [Bool])? {
            var closure = Closure(program)
            var next = [Int32](repeating: 0, count: classes.count), accepts = [false]
            var work = 0, index = 0
            _ = number(of: State(kernel: [program.start], before: .none))
            while index < queue.count {
                let state = queue[index]
                index += 1
                for number in 0..<classes.count {
                    let neighbour = classes.neighbours[number]
                    if number == 0 || program.hasAssertions { closure.expand(state.kernel, state.before, neighbour) }
                    var kernel: Set<Int32> = []
                    for step in closure.takes {
                        if case .take(let set, let next) = program.steps[Int(step)], classes.members[number][set] { kernel.insert(next) }
                    }
                    work += closure.takes.count + 1
                    let following = State(kernel: kernel.sorted(), before: program.hasAssertions ? neighbour : .none)
                    next.append(kernel.isEmpty ? 0 : self.number(of: following))
                }
                closure.expand(state.kernel, state.before, .none)
                accepts.append(closure.accepts)
                guard queue.count <= Self.stateLimit, work <= Self.workLimit else { return nil }
            }
            return (next, accepts)
        }

        private mutating func number(of state: State) -> Int32 {
            if let number = states[state] { return number }
            queue.append(state)
            states[state] = Int32(queue.count)
            return Int32(queue.count)
        }
    }
}
