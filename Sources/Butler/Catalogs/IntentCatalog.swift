import Foundation
import PluginAPI

/// How soon something must be done.
public enum TaskPriority: String, SettingChoice, Sendable, Codable, Comparable {
    case low, standard, high, urgent

    public static func < (left: TaskPriority, right: TaskPriority) -> Bool {
        guard let a = allCases.firstIndex(of: left), let b = allCases.firstIndex(of: right) else { return false }
        return a < b
    }
}

/// What a message can want.
public struct IntentDefinition: PluginSettings {
    @Setting(help: "The intent's name.") public var id: String
    @Setting(help: "What the guest wants, in a sentence.") public var description: String
    @Setting(help: "Who takes it.") public var department: String?
    @Setting(help: "Whether it makes a task.") public var action: Bool = false
    @Setting(help: "Whether acting on it needs a known guest.") public var identity: Bool = false
    @Setting(help: "How soon.") public var priority: TaskPriority = .standard
    @Setting(help: "Messages that mean it, by language.") public var examples: [String: [String]] = [:]

    public init() {}
}

/// The file of intents.
public struct IntentCatalog: PluginSettings {
    @Setting(help: "The intents.") public var intents: [IntentDefinition]

    public init() {}
}

/// The intents as the pipeline uses them.
public struct IntentIndex: Sendable {
    public let labels: [ClassificationRequest.Label]
    /// Changes with the examples: a provider that learns from them learns once per name.
    public let labelSet: String
    private let byID: [String: IntentDefinition]

    public init(_ catalog: IntentCatalog) {
        labels = catalog.intents.map { ClassificationRequest.Label(id: $0.id, description: $0.description, examples: $0.examples) }
        byID = Dictionary(catalog.intents.map { ($0.id, $0) }) { first, _ in first }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for label in labels {
            for text in [label.id] + label.examples.sorted(by: { $0.key < $1.key }).flatMap({ [$0.key] + $0.value }) {
                for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            }
        }
        labelSet = "intents-" + String(hash, radix: 16)
    }

    public subscript(id: String) -> IntentDefinition? { byID[id] }
}
