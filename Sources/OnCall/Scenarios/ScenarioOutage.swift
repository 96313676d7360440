import Foundation
import Kernel
import PluginAPI

/// An alert instance that cannot be reached, and when: `phone` for all of a scenario, or a mapping.
struct ScenarioOutage: SettingValue {
    /// What a page through an instance meets.
    enum Sink: Sendable, Hashable { case takes, fails, hangs }

    /// How it is written where it does not last, or where the instance does not answer.
    struct Mapping: PluginSettings {
        @Setting(help: "The alert instance.", .notEmpty) var instance: String
        @Setting(help: "From when on, from the beginning.") var from: Duration = .zero
        @Setting(help: "Until when, from the beginning; not set for longer than is watched.") var until: Duration?
        @Setting(help: "True where it accepts and never answers, so that a page fails after half a minute; false where it fails at once.")
        var hangs: Bool = false

        init() {}
    }

    /// How long a sink may take that does not answer, in seconds: as long as an instance whose `limits` say nothing else.
    static let patience = CallLimits().timeout.seconds

    var instance: String
    var from: Duration = .zero
    var until: Duration?
    var hangs = false

    static var shape: SettingShape { .any("the name of an alert instance, or a mapping of instance, from, until and hangs") }

    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> ScenarioOutage? {
        if let name = node.text, !node.isNull { return ScenarioOutage(instance: name) }
        guard let written = Mapping.decode(node, &diagnostics) else { return nil }
        return ScenarioOutage(instance: written.instance, from: written.from, until: written.until, hangs: written.hangs)
    }

    var printed: JSONValue {
        var members: [String: JSONValue] = ["instance": .string(instance), "from": from.printed, "hangs": .bool(hangs)]
        if let until { members["until"] = until.printed }
        return .object(members)
    }

    /// Whether it is so at a moment, in seconds from the beginning. At `until` the instance is back.
    func holds(at seconds: TimeInterval) -> Bool {
        seconds >= from.seconds && until.map { seconds < $0.seconds } ?? true
    }
}

/// A page that a sink has not answered to, or that waits behind such a one: Jack sends the pages of a matter through an instance one after the other.
struct HeldPage: Sendable {
    var placed: OnCallEffects.Placed
    /// When it is given up, or tried.
    var until: Date
    /// True where the sink has it.
    var isTried: Bool

    func isAhead(of other: OnCallEffects.Placed) -> Bool {
        placed.instance == other.instance && placed.order.page.groupKey == other.order.page.groupKey
    }
}
