import Foundation
import Kernel
import PluginAPI

/// One occurrence of an alert: from when it was first heard of until it was over.
public struct PastOccurrence: Sendable, Hashable {
    var id: UInt64
    public var labels: [String: String]
    public var annotations: [String: String]
    public var severity: AlertSeverity
    public var isEmergency: Bool
    /// ``PluginAPI/Alert/fingerprint`` of an alert of Jack's own; empty for one from outside.
    public var origin: String
    public var startsAt: Date
    /// When it was first heard of.
    public var raisedAt: Date
    /// Nil while it lasts.
    public var overAt: Date?
    /// True where the same alert went on with other labels, or another severity.
    public var goesOn: Bool
    /// Where it was told.
    var groups: [UInt64]

    /// 16 hexadecimal digits.
    public var fingerprint: String { id.fingerprintText }
    public var name: String { labels["alertname"] ?? "" }
    var isOwn: Bool { !origin.isEmpty }
    /// True for a test page, which no route decides.
    let isDrill: Bool

    /// `DiskFull room=204`.
    public var words: String {
        let others = labels.filter { $0.key != "alertname" && $0.key != "severity" }.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return ([name] + others).filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// An alert as it is handed in from outside; one with the label `emergency="true"` is an emergency.
    /// - Parameter overAt: nil where it is not over.
    public init?(_ alert: PostedAlert, overAt: Date?) {
        guard let startsAt = alert.startsAt else { return nil }
        labels = alert.labels.filter { !$0.value.isEmpty }
        id = PackedText(labels).fingerprint
        annotations = alert.annotations
        severity = AlertSeverity(label: labels["severity"])
        isEmergency = labels["emergency"] == "true"
        origin = ""
        (self.startsAt, raisedAt, self.overAt) = (startsAt, startsAt, overAt)
        (goesOn, isDrill) = (false, false)
        groups = []
    }

    init(past row: SQLRow) throws {
        try self.init(row, raisedAt: row.date("raised_at"), overAt: row.date("over_at"))
        goesOn = try row.bool("goes_on")
    }

    init(open row: SQLRow, at now: Date) throws {
        let starts = try row.date("starts_at"), ends = try row.date("ends_at")
        try self.init(row, raisedAt: row.int("raised_at") == 0 ? starts : row.date("raised_at"), overAt: ends <= now ? ends : nil)
    }

    private init(_ row: SQLRow, raisedAt: Date, overAt: Date?) throws {
        id = UInt64(stored: Int64(try row.int("id")))
        labels = PackedText(bytes: try row.blob("labels")).texts
        annotations = PackedText(bytes: try row.blob("annotations")).texts
        severity = AlertSeverity(rawValue: try row.string("severity")) ?? .error
        isEmergency = try row.int("flags") & 1 != 0
        origin = try row.string("origin")
        startsAt = try row.date("starts_at")
        (self.raisedAt, self.overAt) = (raisedAt, overAt)
        goesOn = false
        isDrill = try row.int("flags") & 8 != 0
        groups = [UInt64](packed: try row.blob("groups"))
    }
}
