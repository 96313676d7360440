import Foundation

/// How bad it is.
public enum AlertSeverity: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    case info, warning, error, critical

    public static func < (left: AlertSeverity, right: AlertSeverity) -> Bool { left.rank < right.rank }
    private var rank: Int {
        switch self {
        case .info: 0;
        case .warning: 1;
        case .error: 2;
        case .critical: 3
        }
    }
}

/// Something that is wrong.
public struct Alert: Sendable, Hashable, Codable {
    /// Alerts with the same fingerprint are the same alert.
    public var fingerprint: String
    public var name: String
    public var severity: AlertSeverity
    /// One line: what a person woken at night must read first.
    public var summary: String
    public var detail: String?
    /// What routing decides by: `room`, `department`, `conversation`, `instance`.
    public var labels: [String: String]
    /// What people read: `runbook`, `guest_text`.
    public var annotations: [String: String]
    public var startsAt: Date
    /// Nil while it lasts.
    public var endsAt: Date?
    /// True for an alert that passes quiet hours, silences, throttles and budgets.
    public var isEmergency: Bool
    /// The page of whoever raised it, such as an expression in Prometheus.
    public var generatorURL: String?

    public init(
        fingerprint: String, name: String, severity: AlertSeverity, summary: String, detail: String? = nil, labels: [String: String] = [:],
        annotations: [String: String] = [:], startsAt: Date, endsAt: Date? = nil, isEmergency: Bool = false, generatorURL: String? = nil
    ) {
        self.fingerprint = fingerprint
        self.name = name
        self.severity = severity
        self.summary = summary
        self.detail = detail
        self.labels = labels
        self.annotations = annotations
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.isEmergency = isEmergency
        self.generatorURL = generatorURL
    }
}

/// One telling of one or several alerts to one recipient.
public struct AlertPage: Sendable, Hashable, Codable {
    /// The idempotency key of this telling.
    public var id: String
    /// The same for every telling of one matter: a vendor's deduplication key.
    public var groupKey: String
    public var alerts: [Alert]
    /// Whom to reach by this sink: an address, a number, a key; nil where the sink's settings say it.
    public var recipient: String?
    /// The step of an escalation, counted from 1.
    public var level: Int
    /// Why this recipient is told: the rule, and where it stands.
    public var reason: String
    /// Where a person can look and acknowledge.
    public var url: String?
    /// What a person sends back, where it is written and not clicked: digits, good for this matter and this recipient alone. Nil where no answer is awaited.
    public var code: String?
    /// True where this very telling may have gone out before: the process ended while it was under way.
    public var mayRepeat: Bool
    /// What has happened to the matter, for an update: `acknowledged by Ana`.
    public var note: String?
    /// The plan's receiver; nil where none is concerned.
    public var receiver: String?
    /// The labels by which the alerts became one group; nil where they are not known.
    public var groupLabels: [String: String]?

    public init(
        id: String, groupKey: String, alerts: [Alert], recipient: String? = nil, level: Int = 1, reason: String, url: String? = nil,
        code: String? = nil, mayRepeat: Bool = false, note: String? = nil, receiver: String? = nil, groupLabels: [String: String]? = nil
    ) {
        self.id = id
        self.groupKey = groupKey
        self.alerts = alerts
        self.recipient = recipient
        self.level = level
        self.reason = reason
        self.url = url
        self.code = code
        self.mayRepeat = mayRepeat
        self.note = note
        self.receiver = receiver
        self.groupLabels = groupLabels
    }

    /// The worst severity among the alerts.
    public var severity: AlertSeverity { alerts.map(\.severity).max() ?? .info }
}

/// What the sink's vendor said.
public struct PageReceipt: Sendable, Hashable, Codable {
    /// The vendor's id of the telling, for updates and answers.
    public var vendorID: String?
    /// False where the sink had nothing to send, as for an update that nobody is called for: that says nothing of whether it could have.
    public var isSent = true

    /// What a sink answers that has nothing to send.
    public static let nothing = PageReceipt(isSent: false)

    public init(vendorID: String? = nil) { self.vendorID = vendorID }

    private init(isSent: Bool) { self.isSent = isSent }

    private enum CodingKeys: String, CodingKey { case vendorID }
}

/// A person's answer to a page.
public struct PageAcknowledgement: Sendable, Hashable, Codable {
    public enum Action: String, Sendable, Hashable, Codable { case acknowledge, resolve, escalate }

    public var action: Action
    /// ``AlertPage/groupKey``, the page's id, or the code that was sent with it.
    public var reference: String
    /// Who answered, as the vendor names them.
    public var by: String?

    public init(action: Action, reference: String, by: String? = nil) {
        self.action = action
        self.reference = reference
        self.by = by
    }
}
