import Foundation
import PluginAPI

/// What was raised and is not over, kept so that whoever raised it can end it after a restart too. One place for every part of Jack that watches something.
///
/// Raising again what stands changes nothing: a condition may be looked at as often as one likes.
public struct StandingAlerts: Sendable {
    private let intake: AlertIntake
    private let property: String

    public init(intake: AlertIntake, property: String) {
        self.intake = intake
        self.property = property
    }

    /// Raises an alert, in the transaction that found it, unless it stands already.
    /// - Returns: true where it was raised.
    @discardableResult
    public func raise(_ alert: Alert, in transaction: any StorageTransaction) throws -> Bool {
        let added = try transaction.run(
            """
            INSERT INTO standing_alert (property, fingerprint, alert, at) VALUES (:property, :fingerprint, :alert, :at)
            ON CONFLICT (property, fingerprint) DO NOTHING
            """,
            ["property": property.sql, "fingerprint": alert.fingerprint.sql, "alert": try .json(alert), "at": alert.startsAt.sql])
        guard added == 1 else { return false }
        try intake.raise(alert, in: transaction)
        return true
    }

    /// Raises an alert in place of what stands under its fingerprint, as where a trouble has grown worse.
    public func replace(_ alert: Alert, in transaction: any StorageTransaction) throws {
        try transaction.run(
            "DELETE FROM standing_alert WHERE property = :property AND fingerprint = :fingerprint",
            ["property": property.sql, "fingerprint": alert.fingerprint.sql])
        try raise(alert, in: transaction)
    }

    /// Ends what stands under a fingerprint.
    /// - Parameter summary: what people read in place of what was wrong.
    /// - Returns: true where there was something to end.
    @discardableResult
    public func end(_ fingerprint: String, summary: String? = nil, at date: Date, in transaction: any StorageTransaction) throws -> Bool {
        guard var alert = try get(fingerprint, in: transaction) else { return false }
        try transaction.run(
            "DELETE FROM standing_alert WHERE property = :property AND fingerprint = :fingerprint",
            ["property": property.sql, "fingerprint": fingerprint.sql])
        if let summary { alert.summary = summary }
        // A clock that was put back must not make it end before it began.
        alert.endsAt = max(date, alert.startsAt)
        try intake.raise(alert, in: transaction)
        return true
    }

    /// Ends what stands under a fingerprint, and takes along none of what it was about.
    public func forget(_ fingerprint: String, summary: String, at date: Date, in transaction: any StorageTransaction) throws {
        guard var alert = try get(fingerprint, in: transaction) else { return }
        try transaction.run(
            "DELETE FROM standing_alert WHERE property = :property AND fingerprint = :fingerprint",
            ["property": property.sql, "fingerprint": fingerprint.sql])
        (alert.summary, alert.detail, alert.annotations) = (summary, nil, [:])
        alert.endsAt = max(date, alert.startsAt)
        try intake.raise(alert, in: transaction)
    }

    public func get(_ fingerprint: String, in reader: any StorageReader) throws -> Alert? {
        try reader.row(
            "SELECT alert FROM standing_alert WHERE property = :property AND fingerprint = :fingerprint",
            ["property": property.sql, "fingerprint": fingerprint.sql]
        )?.json("alert", as: Alert.self)
    }

    /// How many there are whose fingerprint begins so.
    public func count(_ prefix: String, in reader: any StorageReader) throws -> Int {
        try reader.row(
            "SELECT COUNT(*) AS n FROM standing_alert WHERE property = :property AND SUBSTR(fingerprint, 1, :length) = :prefix",
            ["property": property.sql, "prefix": prefix.sql, "length": prefix.unicodeScalars.count.sql])?.int("n") ?? 0
    }

    /// All whose fingerprint begins so.
    public func all(_ prefix: String, in reader: any StorageReader) throws -> [Alert] {
        try reader.rows(
            "SELECT alert FROM standing_alert WHERE property = :property AND SUBSTR(fingerprint, 1, :length) = :prefix ORDER BY fingerprint",
            ["property": property.sql, "prefix": prefix.sql, "length": prefix.unicodeScalars.count.sql]
        ).map { try $0.json("alert", as: Alert.self) }
    }
}
