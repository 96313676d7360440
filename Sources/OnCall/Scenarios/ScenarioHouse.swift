import Foundation
import PluginAPI

/// Something that a guest writes in a scenario.
public struct ScenarioGuest: PluginSettings {
    @Setting(help: "The guest's room, as the PMS knows it by the guest's address; not set for somebody whom it does not know.") public var room:
        String?
    @Setting(help: "The guest's name, which tells guests without a room apart.") public var name: String?
    @Setting(help: "When, from the beginning.") public var after: Duration = .zero
    @Setting(help: "What the guest writes.", .notEmpty) public var writes: String
    @Setting(help: "Whether the PMS calls the guest a VIP.") public var vip: Bool = false
    @Setting(help: "The channel instance by which it comes; the first that is configured where it is not set.") public var channel: String?
    @Setting(help: "The language that the PMS has for the guest, such as de.") public var language: String?

    public init() {}

    /// Who it is: the same words of two entries mean one guest.
    public var key: String { room ?? name ?? "" }

    /// The guest in words.
    public var words: String { room.map { "the guest in \($0)" } ?? name ?? "a guest" }
}

/// Something that staff do about a guest in a scenario.
public struct ScenarioStaff: PluginSettings {
    /// What it is.
    public enum Action: String, SettingChoice, Sendable {
        /// Takes the conversation, and has not answered yet.
        case takeConversation = "take_conversation"
        /// Answers the guest.
        case answer
        /// Takes the guest's open tasks.
        case takeTask = "take_task"
        /// Has done what the guest asked for.
        case finishTask = "finish_task"
    }

    @Setting(help: "When, from the beginning.") public var after: Duration = .zero
    @Setting(help: "What is done: take_conversation, answer, take_task or finish_task.") public var does: Action
    @Setting(help: "About which guest: the room, or the name; not set where there is one guest.") public var guest: String?
    @Setting(help: "Who does it.") public var by: String = "a colleague"

    public init() {}
}

/// The house around a scenario: its guests and its staff. On call knows neither; whoever puts Jack together gives it.
public protocol ScenarioHouse: Sendable {
    /// When something is due in it next; nil where nothing is.
    func nextDue() async throws -> Date?

    /// Lets time pass to a moment, and does what is due by then.
    func pass(to moment: Date) async throws -> ScenarioNews

    /// A guest writes, at the moment that was passed to last.
    func write(_ guest: ScenarioGuest) async throws -> ScenarioNews

    /// Staff do something, at the moment that was passed to last.
    func act(_ staff: ScenarioStaff) async throws -> ScenarioNews

    func close() async
}

/// What happened in the house.
public struct ScenarioNews: Sendable {
    /// Alerts that were raised, and ends of some.
    public var alerts: [Alert]
    /// What became of it, a line each, for the report.
    public var lines: [String]
    /// What could not be done: it fails the scenario.
    public var findings: [String]

    public init(alerts: [Alert] = [], lines: [String] = [], findings: [String] = []) {
        self.alerts = alerts
        self.lines = lines
        self.findings = findings
    }
}
