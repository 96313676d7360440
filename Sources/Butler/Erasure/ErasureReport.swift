/// What was erased, in numbers.
public struct ErasureReport: Sendable, Hashable, Codable {
    public var conversations = 0
    public var messages = 0
    /// Guests' files.
    public var attachments = 0
    /// Tasks that stay, without the guest's words.
    public var tasks = 0

    public init() {}
}

extension ErasureReport: CustomStringConvertible {
    public var description: String {
        func count(_ number: Int, _ what: String) -> String { "\(number) \(what)\(number == 1 ? "" : "s")" }
        return [count(messages, "message"), count(attachments, "file"), count(tasks, "task") + " emptied"].joined(separator: ", ")
    }
}
