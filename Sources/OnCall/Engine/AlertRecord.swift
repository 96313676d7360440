import Foundation
import PluginAPI

/// An alert as the core keeps it.
struct AlertRecord: Sendable {
    var labels: PackedText
    var annotations: PackedText
    var startsAt: Date
    var endsAt: Date
    var updatedAt: Date
    var severity: AlertSeverity
    var isEmergency = false
    /// True where nobody said when it ends: it ends when nothing is heard of it any more.
    var isTimeout = false
    /// True for an alert of Jack's own: it lasts until its end is said.
    var isOwn = false
    /// True for a drill's, which nothing silences and nothing counts.
    var isDrill = false
    var generatorURL = ""
    /// ``PluginAPI/Alert/fingerprint`` of an alert of Jack's own; empty for one from outside.
    var origin = ""
    /// Where it is told.
    var groups: [UInt64] = []
    /// When this occurrence was first heard of; history knows it by that.
    var raisedAt = Date.distantPast
    /// Groups that this occurrence has left: the end was told there, or another plan put it elsewhere.
    var left: [UInt64] = []

    func isOver(at date: Date) -> Bool { endsAt <= date }

    /// Whether its end was only reckoned: what refreshes it was silent, or could not be heard.
    var mayLapse: Bool { !isOwn && endsAt > updatedAt }

    /// True where an alert is about on call itself; its failing raises no further one.
    var isOfOnCall: Bool { origin.hasPrefix(OnCallCore.ownOrigin) }

    /// The younger of two tellings, with what the older one adds: its start where it is earlier, its end where that was said.
    func merged(into younger: AlertRecord, at now: Date) -> AlertRecord {
        let overlaps = (younger.endsAt > startsAt && younger.endsAt < endsAt) || (younger.startsAt > startsAt && younger.startsAt < endsAt)
        var result = younger
        guard overlaps, !isOwn else { return result }
        result.startsAt = min(startsAt, younger.startsAt)
        if younger.isOver(at: now) {
            if isOver(at: now), endsAt > younger.endsAt { result.endsAt = endsAt }
        } else if endsAt > younger.endsAt, !isTimeout {
            result.endsAt = endsAt
        }
        return result
    }

    /// As sinks are told of it.
    func alert(_ id: UInt64, at now: Date) -> Alert {
        let labels = labels.texts, annotations = annotations.texts
        let name = labels["alertname"] ?? ""
        let summary = ["summary", "title", "message", "description"].lazy.compactMap { annotations[$0] }.first { !$0.isEmpty }
        return Alert(
            fingerprint: id.fingerprintText, name: name, severity: severity,
            summary: summary ?? Self.summary(name, labels),
            detail: annotations["description"].flatMap { $0 == summary ? nil : $0 }, labels: labels, annotations: annotations, startsAt: startsAt,
            endsAt: isOver(at: now) ? endsAt : nil, isEmergency: isEmergency, generatorURL: generatorURL.isEmpty ? nil : generatorURL)
    }

    /// What is said of an alert that says nothing of itself.
    private static func summary(_ name: String, _ labels: [String: String]) -> String {
        let others = labels.filter { $0.key != "alertname" && $0.key != "severity" }.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return ([name] + others).filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// Under which the ledger tells of it.
    func subjects(_ id: UInt64) -> [String] {
        guard isOwn else { return [id.fingerprintText] }
        var message: String?
        annotations.forEach { if $0 == "message" { message = $1 } }
        return [message, origin].compactMap { $0 }
    }
}

extension AlertSeverity {
    /// What a `severity` label says. One that is missing or unknown is an error: it must not be taken for unimportant.
    public init(label: String?) {
        switch label?.lowercased() {
        case "critical", "page", "emergency", "fatal", "disaster", "p1": self = .critical
        case "warning", "warn", "minor", "medium", "p3": self = .warning
        case "info", "informational", "information", "none", "low", "debug", "ok", "p4": self = .info
        default: self = .error
        }
    }
}
