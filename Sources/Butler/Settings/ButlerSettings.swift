import PluginAPI

/// The `butler:` section of `jack.yaml`. Files are named relative to it.
public struct ButlerSettings: PluginSettings {
    @Setting(help: "AI instances in the order they are tried; none for all, in the order of the file.") public var ai: [String] = []
    @Setting(
        "intent_ai",
        help:
            "AI instances that find out what a guest wants, in the order they are tried; none for those on this machine, or where there is none, `ai`."
    )
    public var intentAI: [String] = []
    @Setting(
        help:
            "How long the AI may take over one message, all its calls together: finding out what is wanted, every provider, every use of a tool. After that it is as where no AI answers.",
        .range(.seconds(1) ... .seconds(600))) public var answerWithin: Duration = .seconds(60)
    @Setting(help: "The PMS instance that knows guests and stays.") public var pms: String?
    @Setting(help: "The file of intents, with departments, priorities and examples.") public var intents: String = "hotel/intents.yaml"
    @Setting(help: "The file of the safety lane: phrases that reach a human at once, before any AI.") public var safety: String = "hotel/safety.yaml"
    @Setting(help: "The file of fixed replies, by language.") public var replies: String = "hotel/replies.yaml"
    @Setting(help: "What the hotel knows.") public var knowledge: KnowledgeSettings = .init()
    @Setting(help: "What Jack may do alone.") public var autonomy: AutonomySettings = .init()
    @Setting(help: "How soon tasks are due, by priority.") public var sla: SLASettings = .init()
    @Setting(help: "When a guest has waited too long.") public var watch: WatchSettings = .init()
    @Setting(help: "Guests' files.") public var media: MediaSettings = .init()
    @Setting(help: "How long what guests said is kept.") public var retention: RetentionSettings = .init()
    @Setting(help: "A guest's message is marked as read, where the channel can, once Jack or a colleague has answered it.")
    public var markRead: Bool = true
    @Setting(help: "How Jack introduces itself to a language model; the hotel's instructions.")
    public var instructions: String =
        "You are Jack, the butler of the hotel. Answer briefly and kindly, in the guest's language, only from the documents that you are given. Where they do not say, say that you do not know and offer to ask a colleague."
    @Setting(
        "closed_window",
        help:
            "What goes to a guest in place of a reply, by channel instance, once the channel takes free text no longer, as WhatsApp 24 hours after the guest's last message. Without it such a reply is refused."
    ) public var closedWindow: [String: ClosedWindowSettings] = [:]
    @Setting(help: "Conversations worked on at the same time.", .range(1...1024), advanced: true) public var concurrency: Int = 32
    @Setting(help: "After how long without a word a conversation is closed.") public var idleAfter: Duration = .seconds(4 * 3600)

    public init() {}

    /// The settings with what follows from the instances that there are: where no AI instance is named, all of them are asked, and the first makes the vectors.
    public func completed(with instances: [String]) -> ButlerSettings {
        var settings = self
        if settings.ai.isEmpty { settings.ai = instances }
        if settings.intentAI.isEmpty { settings.intentAI = settings.ai }
        if settings.knowledge.embeddings == nil { settings.knowledge.embeddings = settings.ai.first }
        return settings
    }
}

/// The template that a channel instance sends where its reply window is over.
public struct ClosedWindowSettings: PluginSettings {
    @Setting(help: "The template's name, as the vendor approved it.", .notEmpty) public var template: String
    @Setting(help: "The template's language, as the vendor has it; none for the hotel's first.") public var locale: String?
    @Setting(help: "The template's parameters in their order; {hotel} stands for the hotel's name, {text} for the reply.")
    public var parameters: [String] = []

    public init() {}
}

/// Where the hotel's knowledge is and how it is searched.
public struct KnowledgeSettings: PluginSettings {
    @Setting(help: "The folder of Markdown and YAML files.") public var folder: String = "hotel/knowledge"
    @Setting(help: "How often the folder is looked at for changes.") public var refresh: Duration = .seconds(5)
    @Setting(help: "The AI instance that makes the vectors; none for the first of butler.ai. Where it makes none, words alone are searched.") public
        var embeddings: String?
    @Setting(help: "Documents that an answer may rest on.", .range(1...20)) public var documents: Int = 4
    @Setting(help: "The longest piece in characters; longer entries are cut at sentences.", .range(200...8000), advanced: true) public
        var chunkLength: Int = 1200

    public init() {}
}

/// What Jack may do alone, by how sure it is.
public struct AutonomySettings: PluginSettings {
    /// What becomes of an answer or an action.
    public enum Mode: String, SettingChoice, Sendable {
        /// Done at once.
        case send
        /// Waits until a member of staff approves.
        case hold
        /// A member of staff takes over.
        case handOver = "hand_over"

        /// How much of it is left to staff.
        var rank: Int {
            switch self {
            case .send: 0;
            case .hold: 1;
            case .handOver: 2
            }
        }
    }

    @Setting(help: "From this confidence on an answer is sent.", .range(0...1)) public var send: Double = 0.5
    @Setting(help: "From this confidence on an answer is held for approval; below it staff take over.", .range(0...1)) public var hold: Double = 0.3
    @Setting(help: "From this confidence on an intent counts as understood.", .range(0...1)) public var intent: Double = 0.45
    @Setting(help: "The most that may happen without staff, by intent or by its beginning (`request.reservation`).")
    public var limits: [String: Mode] = ["request.reservation.cancel": .handOver]

    @Setting(
        "open_tasks",
        help: "Tasks of one conversation that may be open at once, of those made within a day; for more, staff take over.", .range(1...1_000_000)
    ) public var openTasks: Int = 20

    public init() {}
}

/// How soon a task is due.
public struct SLASettings: PluginSettings {
    @Setting(help: "Urgent tasks.") public var urgent: Duration = .seconds(15 * 60)
    @Setting(help: "Tasks of high priority.") public var high: Duration = .seconds(30 * 60)
    @Setting(help: "Standard tasks.") public var standard: Duration = .seconds(60 * 60)
    @Setting(help: "Tasks of low priority.") public var low: Duration = .seconds(240 * 60)

    public init() {}

    func due(_ priority: TaskPriority) -> Duration {
        switch priority {
        case .urgent: urgent
        case .high: high
        case .standard: standard
        case .low: low
        }
    }
}
