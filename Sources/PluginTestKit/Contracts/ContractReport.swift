/// An obligation that a plugin does not meet.
public struct Violation: Sendable, Hashable, CustomStringConvertible {
    public let obligation: Obligation
    /// What was done, what came of it, and what should have.
    public let message: String

    public init(_ obligation: Obligation, _ message: String) {
        self.obligation = obligation
        self.message = message
    }

    public var description: String { "[\(obligation)] \(message)" }
}

/// What a suite found.
public struct ContractReport: Sendable {
    /// What is not as it should be, in the order in which it was found. A test expects none.
    public internal(set) var violations: [Violation] = []
    /// What was looked at: an obligation that does not concern the plugin is not among them.
    public internal(set) var checked: Set<Obligation> = []
    /// What was left out, and why.
    public internal(set) var exempted: [Obligation: String] = [:]

    /// The obligations that were violated.
    public var violated: Set<Obligation> { Set(violations.map(\.obligation)) }
}
