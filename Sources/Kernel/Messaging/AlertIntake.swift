import Foundation
import PluginAPI

/// Where alerts are handed in: durable with the change that raised them, whoever raises them and whoever routes them.
public struct AlertIntake: Sendable {
    /// The kind of job by which an alert reaches whoever routes alerts.
    public static let jobKind = "alert"

    private let jobs: JobQueue

    public init(jobs: JobQueue) { self.jobs = jobs }

    /// Raises an alert in the transaction that found it. The same fingerprint that still waits is one alert.
    public func raise(_ alert: Alert, in transaction: any StorageTransaction) throws {
        try jobs.enqueue(Self.jobKind, payload: [UInt8](JSONEncoder().encode(alert)), key: "alert:\(alert.fingerprint)", in: transaction)
    }

    /// Registers who routes alerts.
    public func route(_ handler: @escaping @Sendable (Alert) async throws -> Void) {
        jobs.register(Self.jobKind) { payload in try await handler(JSONDecoder().decode(Alert.self, from: Data(payload))) }
    }
}
