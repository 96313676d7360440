/// An alert sink that writes through a channel and reads what people write back.
///
/// The kernel shows it each message that arrives by a channel which its settings name (``Plugin/references(in:)``), before the message counts as a guest's. Only
/// messages that hold a run of at least ``PageCode/minimumDigits`` digits are shown: an answer holds its page's code.
public protocol AnswerReadingSink: AlertSink {
    /// Says what a message is. Must not do what cannot be done twice: a message is shown again after a crash.
    /// - Parameters:
    ///   - event: what arrived; a message.
    ///   - channel: the channel instance by which it came.
    /// - Throws: ``PluginFailure``. The message is shown again a moment later, and after three tries counts as a guest's.
    func read(_ event: InboundEvent, through channel: String) async throws -> AnswerReading
}

/// What a message is to a sink that reads answers.
public enum AnswerReading: Sendable, Hashable {
    /// No answer to a page: it goes on as a guest's message.
    case guestMessage
    case answer(PageAcknowledgement)
    /// Meant as an answer, and not good for one. The sink has told the sender; nobody else is to answer it.
    case refused(reason: String)
}

/// What codes of pages look like.
public enum PageCode {
    /// Fewer digits are no code.
    public static let minimumDigits = 4
    /// More digits are no code.
    public static let maximumDigits = 12

    /// Whether a text holds something that may be a code.
    public static func mayBe(in text: String) -> Bool {
        var run = 0
        for byte in text.utf8 {
            run = (0x30...0x39).contains(byte) ? run + 1 : 0
            if run >= minimumDigits { return true }
        }
        return false
    }
}
