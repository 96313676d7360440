import Foundation
import OnCall
import PluginAPI

/// What a request asks to see.
struct AlertmanagerFilter: Sendable {
    var matchers: [LabelMatcher]
    private var receiver: LabelMatcher?
    private let flags: [String: Bool]

    /// - Throws: ``AlertmanagerError`` where a matcher or the receiver's pattern cannot be read.
    init(_ query: [(name: String, value: String)]) throws {
        matchers = try query.filter { $0.name == "filter" }.map { try Self.matcher($0.value) }
        flags = Dictionary(query.map { ($0.name, AlertmanagerText.flag($0.value)) }) { first, _ in first }
        if let pattern = query.first(where: { $0.name == "receiver" && !$0.value.isEmpty })?.value {
            guard let expression = try? LabelMatcher(checking: "receiver", .fits, pattern) else {
                throw AlertmanagerError.bad("failed to parse receiver param: error parsing regexp: `^(?:\(pattern.prefix(200)))$`")
            }
            receiver = expression
        }
    }

    /// A flag; true where it is not given.
    func shows(_ name: String) -> Bool { flags[name] ?? true }

    func takes(receiver name: String) -> Bool {
        receiver?.accepts(name) ?? true
    }

    /// True where nothing is asked of receivers, or one of these is meant.
    func takes(anyOf receivers: [String]) -> Bool { receiver == nil || receivers.contains(where: takes(receiver:)) }

    /// `unprocessed` is taken and changes nothing, as in Alertmanager: what has just come would else be missing from amtool's list.
    func takes(_ alert: AlertView) -> Bool {
        if !shows("active"), alert.state == .active { return false }
        if !shows("silenced"), !alert.silencedBy.isEmpty { return false }
        if !shows("inhibited"), !alert.inhibitedBy.isEmpty { return false }
        return true
    }

    /// A silence is shown where each matcher asked for is one of its own.
    func takes(_ silence: Silence, at date: Date) -> Bool {
        shows(silence.state(at: date).rawValue) && matchers.allSatisfy(silence.matchers.contains)
    }

    /// One matcher as `filter=` has it: `alertname="A"`, `room=~"2.*"`, a value without quotes, and a name between quotes.
    static func matcher(_ text: String) throws -> LabelMatcher {
        let fault: MatcherFault
        do throws(MatcherFault) { return try LabelMatcher.parseOne(text) } catch { fault = error }
        throw AlertmanagerError.bad("bad matcher format: \(text.prefix(200)): \(fault)")
    }
}
