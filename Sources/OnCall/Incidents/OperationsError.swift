/// Why something that was asked of an incident, or of maintenance, was not done.
public struct OperationsError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable {
        case invalid, notFound
        /// Its state does not allow it.
        case conflict
    }

    public var code: Code
    public var description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
