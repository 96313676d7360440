import PluginAPI

extension AlertSeverity: SettingChoice {}

/// One kind of emergency: what guests say, who must know, and what the guest is told.
public struct SafetyRule: PluginSettings {
    @Setting(help: "The emergency's name.") public var id: String
    @Setting(help: "How bad it is.") public var severity: AlertSeverity = .critical
    @Setting(help: "Who takes it.") public var department: String = "security"
    @Setting(help: "What the page says first.") public var summary: String
    @Setting(help: "What guests say, by language; * stands for up to three words, ~ at a word's end for any ending, = before a whole message.")
    public var phrases: [String: [String]]
    @Setting(help: "What is no emergency although a phrase fits, by language.") public var except: [String: [String]] = [:]
    @Setting(help: "What the guest is told at once, by language.") public var reply: [String: String]

    public init() {}
}

/// The file of the safety lane.
public struct SafetyCatalog: PluginSettings {
    @Setting(help: "The emergencies; the first that fits decides.") public var safety: [SafetyRule]

    public init() {}
}
