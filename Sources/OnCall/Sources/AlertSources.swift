import CoreMetrics
import Foundation
import Kernel
import Logging
import Metrics
import PluginAPI

/// What became of something that a source sent.
public struct SourceReceipt: Sendable, Hashable {
    /// Alerts that stand by it, news of known ones included.
    public var alerts = 0
    /// Alerts that ended by it.
    public var resolved = 0
    /// What says nothing.
    public var ignored = 0
    /// True where it was dealt with before, and changes nothing.
    public var isDuplicate = false
}

/// Who takes what outside sources post.
public protocol AlertSourceKeeping: Sendable {
    /// Takes a request of a source, durably before it returns.
    /// - Throws: ``SourceRefusal``, ``Kernel/StorageError``.
    func take(_ request: PluginRequest, of source: String) async throws -> SourceReceipt
}

/// Alerts from outside by webhook and by mail: verified, deduplicated and stored, in one transaction, before anybody is told that they were taken.
///
/// What a source tells of is an alert of Jack's own from then on: it stands until its end is told, or until nothing was heard of it for a while. So what is
/// told again, or with another severity, is the same alert, with a plan and without one.
public struct AlertSources: AlertSourceKeeping {
    /// Begins the fingerprints of all sources' alerts.
    public static let prefix = "source:"
    /// The kind of job by which an alert ends of which nothing was heard. Whoever puts Jack together registers ``lapse(_:)`` for it.
    public static let lapseKind = "source-lapse"
    /// The most that is read of a body.
    public static let maximumBodyBytes = 1 << 20
    /// For how long a request is known again.
    private static let memory: TimeInterval = 86_400

    private struct Source: Sendable {
        var settings: AlertSourceSettings
        var reader: SourceReader
        var mails: MailReader
    }

    private let sources: [Source]
    private let engine: any StorageEngine
    private let jobs: JobQueue
    private let standing: StandingAlerts
    private let property: String
    private let clock: any TimeSource
    private let metrics: any MetricsFactory
    private let logger: Logger

    public init(
        _ settings: [AlertSourceSettings], engine: any StorageEngine, jobs: JobQueue, alerts: AlertIntake, property: String, clock: any TimeSource,
        metrics: any MetricsFactory, logger: Logger
    ) {
        sources = settings.map { Source(settings: $0, reader: SourceReader($0), mails: MailReader($0)) }
        self.engine = engine
        self.jobs = jobs
        standing = StandingAlerts(intake: alerts, property: property)
        self.property = property
        self.clock = clock
        self.metrics = metrics
        self.logger = logger
    }

    // MARK: Webhooks

    public func take(_ request: PluginRequest, of name: String) async throws -> SourceReceipt {
        guard let source = sources.first(where: { $0.settings.name == name && $0.settings.kind == .webhook }) else { throw SourceRefusal.unknown }
        let settings = source.settings, now = clock.now
        do {
            let known = try SourceProof(secret: settings.secret, token: settings.token, tolerance: settings.tolerance).check(request, at: now)
            let reading = try source.reader.read(request.body, at: now)
            if reading.alerts.isEmpty, let refusal = reading.refusal { throw refusal }
            var receipt = try await take(reading.alerts, of: settings, known: known)
            receipt.ignored = reading.ignored
            // Said each time it is sent again, though what is sound of it is known by then: a sender must not take it for whole.
            if let refusal = reading.refusal { throw refusal }
            return receipt
        } catch let refusal as SourceRefusal {
            count(name, "refused")
            throw refusal
        }
    }

    // MARK: Mails

    /// Whether an event is a source's, or a program's, and no guest's.
    public func takes(_ event: InboundEvent, by channel: String) -> Bool {
        guard case .message(let message) = event.content else { return false }
        return source(of: message, by: channel) != nil || message.isAutomatic == true
    }

    private func source(of message: InboundMessage, by channel: String) -> Source? {
        let listening = sources.filter { $0.settings.kind == .email && $0.settings.channel == channel }
        // The address that is written out wins over a source to which all mails of the channel go.
        return listening.first(where: { $0.mails.isNamed(in: message) }) ?? listening.first(where: { $0.settings.addresses.isEmpty })
    }

    /// Takes a mail that is a source's, or that a program sent and that nobody is to answer.
    /// - Returns: true where the item is complete, and is no guest's.
    public func take(_ item: Inbox.Item) async throws -> Bool {
        guard case .message(let message) = item.event.content else { return false }
        guard let source = source(of: message, by: item.instance) else {
            guard message.isAutomatic == true else { return false }
            try await leave(item, "ignored", "a program sent it, and no alert source of oncall.sources takes it", as: nil)
            return true
        }
        guard source.mails.believes(item.event.peer) else {
            logger.warning(
                "a mail to an alert source comes from somebody whom it does not believe",
                metadata: ["source": "\(source.settings.name)", "inbox": "\(item.id)"])
            try await leave(
                item, "refused", "the source \(source.settings.name) does not believe this sender (oncall.sources, senders)", as: source.settings)
            return true
        }
        let alert = source.mails.read(message, from: item.event.peer, id: item.id)
        do {
            _ = try await take([alert], of: source.settings, known: []) { x, outcome throws in
                try Ledger.record(outcome, of: item.id, property: property, in: x)
                try Inbox.complete(item, in: x)
            }
        } catch let refusal as SourceRefusal {
            try await leave(item, "refused", "\(refusal)", as: source.settings)
        }
        return true
    }

    private func leave(_ item: Inbox.Item, _ outcome: String, _ reason: String, as source: AlertSourceSettings?) async throws {
        let (now, property) = (clock.now, property)
        try await engine.write { transaction in
            try Ledger.record(.init(step: "source", outcome: outcome, reason: reason, at: now), of: item.id, property: property, in: transaction)
            try Inbox.complete(item, in: transaction)
        }
        if let source { count(source.name, outcome) }
    }

    // MARK: Both

    private typealias Also = @Sendable (any StorageTransaction, Ledger.Entry) throws -> Void

    /// - Parameters:
    ///   - known: by what the telling is known again.
    ///   - also: what else belongs into the transaction.
    private func take(_ alerts: [SourcedAlert], of source: AlertSourceSettings, known: [String], also: Also? = nil) async throws -> SourceReceipt {
        let now = clock.now
        let (receipt, refused) = try await engine.write { transaction in
            var receipt = SourceReceipt(), refused = 0
            if try isKnown(known, of: source.name, in: transaction) {
                receipt.isDuplicate = true
                return (receipt, refused)
            }
            var open = try standing.count("\(Self.prefix)\(source.name):", in: transaction)
            for alert in alerts {
                if alert.isOver {
                    if try end(alert, of: source, at: now, in: transaction) {
                        open -= 1
                        receipt.resolved += 1
                    }
                } else if try raise(alert, of: source, &open, at: now, in: transaction) {
                    receipt.alerts += 1
                } else {
                    refused += 1
                }
            }
            try tellOfFlood(refused, of: source, open: open, at: now, in: transaction)
            // Who is told that it was not all taken sends it again.
            if refused == 0 { try remember(known, of: source.name, at: now, in: transaction) }
            let words = "\(receipt.alerts) raised, \(receipt.resolved) ended" + (refused > 0 ? ", \(refused) refused" : "")
            if refused == 0 {
                try also?(transaction, Ledger.Entry(step: "source", outcome: "taken", reason: "the source \(source.name): \(words)", at: now))
            }
            return (receipt, refused)
        }
        count(source.name, receipt.isDuplicate ? "duplicate" : refused > 0 ? "refused" : "taken")
        if refused > 0 {
            throw SourceRefusal.tooMany("\(source.maximumOpen) alerts of \(source.name) stand open, and no more are taken; \(refused) were refused")
        }
        return receipt
    }

    private func raise(
        _ told: SourcedAlert, of source: AlertSourceSettings, _ open: inout Int, at now: Date, in transaction: any StorageTransaction
    ) throws -> Bool {
        let fingerprint = told.fingerprint(of: source.name)
        var labels = ["type": "source"].merging(told.labels) { $1 }.merging(source.labels) { $1 }
        labels.merge(["alertname": told.name, "severity": told.severity.rawValue, "source": source.name, "property": property]) { $1 }
        var alert = Alert(
            fingerprint: fingerprint, name: told.name, severity: told.severity, summary: told.summary, detail: told.detail, labels: labels,
            annotations: told.annotations, startsAt: now)
        alert.generatorURL = told.link
        if let stands = try standing.get(fingerprint, in: transaction) {
            if stands.severity != alert.severity || stands.labels != alert.labels {
                alert.startsAt = stands.startsAt
                try standing.replace(alert, in: transaction)
            }
        } else {
            guard open < source.maximumOpen else { return false }
            open += 1
            try standing.raise(alert, in: transaction)
        }
        try jobs.enqueue(
            Self.lapseKind, payload: Array(fingerprint.utf8), at: now.addingTimeInterval(source.lasts.seconds),
            key: "\(Self.lapseKind):\(fingerprint)",
            in: transaction)
        return true
    }

    private func end(_ told: SourcedAlert, of source: AlertSourceSettings, at now: Date, in transaction: any StorageTransaction) throws -> Bool {
        try standing.end(told.fingerprint(of: source.name), summary: told.summary, at: now, in: transaction)
    }

    /// That a source says more than Jack keeps of it is an alert, and is over once there is room again.
    private func tellOfFlood(_ refused: Int, of source: AlertSourceSettings, open: Int, at now: Date, in transaction: any StorageTransaction) throws {
        let fingerprint = "source-flood:\(source.name)"
        if refused > 0 {
            try standing.raise(
                Alert(
                    fingerprint: fingerprint, name: "AlertSourceFlood", severity: .critical,
                    summary: "\(source.maximumOpen) alerts of \(source.name) stand open, and no more are taken",
                    labels: [
                        "alertname": "AlertSourceFlood", "severity": AlertSeverity.critical.rawValue, "type": "source", "source": source.name,
                        "property": property,
                    ], startsAt: now), in: transaction)
        } else if open < source.maximumOpen {
            try standing.end(fingerprint, summary: "alerts of \(source.name) are taken again", at: now, in: transaction)
        }
    }

    /// Ends an alert of which nothing was heard for as long as its source says.
    public func lapse(_ payload: [UInt8]) async throws {
        let fingerprint = String(decoding: payload, as: UTF8.self), now = clock.now
        try await engine.write { transaction in
            guard let alert = try standing.get(fingerprint, in: transaction) else { return }
            try standing.end(fingerprint, summary: "nothing more was heard of: \(alert.summary)", at: now, in: transaction)
        }
    }

    // MARK: What was dealt with

    private func isKnown(_ ids: [String], of source: String, in reader: any StorageReader) throws -> Bool {
        try ids.contains { id in
            try reader.row(
                "SELECT id FROM source_delivery WHERE property = :property AND source = :source AND id = :id",
                ["property": property.sql, "source": source.sql, "id": id.sql]) != nil
        }
    }

    private func remember(_ ids: [String], of source: String, at now: Date, in transaction: any StorageTransaction) throws {
        guard !ids.isEmpty else { return }
        for id in ids {
            try transaction.run(
                "INSERT INTO source_delivery (property, source, id, at) VALUES (:property, :source, :id, :at) ON CONFLICT DO NOTHING",
                ["property": property.sql, "source": source.sql, "id": id.sql, "at": now.sql])
        }
        try transaction.run(
            "DELETE FROM source_delivery WHERE property = :property AND at < :before",
            ["property": property.sql, "before": now.addingTimeInterval(-Self.memory).sql])
    }

    private func count(_ source: String, _ outcome: String) {
        Counter(label: "jack_alert_source_total", dimensions: [("source", source), ("outcome", outcome)], factory: metrics).increment()
    }
}
