import Kernel
import Logging
import PluginAPI

/// What the stages share: the hotel's rules, its knowledge, and the ways to ask others.
public final class Desk: Sendable {
    public let property: PropertyInfo
    public let settings: ButlerSettings
    public let intents: IntentIndex
    public let replies: Replies
    public let knowledge: KnowledgeBase
    public let dispatcher: Dispatcher
    /// The way to every AI instance.
    public let ai: AIDispatch
    let rooms: RoomDirectory
    public let clock: any TimeSource
    public let logger: Logger
    /// The safety lane's file, for the ledger.
    public let safetyFile: String

    public init(
        property: PropertyInfo, settings: ButlerSettings, intents: IntentIndex, replies: Replies, knowledge: KnowledgeBase, dispatcher: Dispatcher,
        ai: AIDispatch, clock: any TimeSource, logger: Logger, safetyFile: String
    ) {
        self.property = property
        self.settings = settings
        self.intents = intents
        self.replies = replies
        self.knowledge = knowledge
        self.dispatcher = dispatcher
        self.ai = ai
        rooms = RoomDirectory(dispatcher: dispatcher, pms: settings.pms, clock: clock)
        self.clock = clock
        self.logger = logger
        self.safetyFile = safetyFile
    }

    /// What is left of the time that the AI has for a message: `butler.answer_within`.
    func timeLeft(_ turn: inout Turn) -> Duration { turn.timeLeft(of: settings.answerWithin, at: clock.monotonic) }

    /// Hands the conversation to staff, and tells the guest so.
    func handOver(_ turn: Turn, _ reply: FixedReply) -> Decision {
        Decision(reply: .init(text: replies.text(reply, locale: turn.language), author: .system), state: .escalated)
    }

    /// The most that may happen without staff, by the longest rule that the intent begins with.
    func limit(for intent: String) -> (mode: AutonomySettings.Mode, rule: String)? {
        settings.autonomy.limits.filter { intent == $0.key || intent.hasPrefix($0.key + ".") }
            .max { $0.key.count < $1.key.count }.map { ($0.value, "butler.autonomy.limits.\($0.key)") }
    }
}
