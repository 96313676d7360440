import Foundation
import PluginAPI

/// Instances that are kept off until a human says otherwise: their code ended the process.
public struct HoldRepository: Sendable {
    private let engine: any StorageEngine
    private let property: String

    public init(engine: any StorageEngine, property: String) {
        self.engine = engine
        self.property = property
    }

    /// The held instances with the reason.
    public func all() async throws -> [String: String] {
        let property = property
        return try await engine.read { reader in
            let rows = try reader.rows("SELECT instance, reason FROM plugin_hold WHERE property = :property", ["property": property.sql])
            return Dictionary(try rows.map { (try $0.string("instance"), try $0.string("reason")) }) { first, _ in first }
        }
    }

    public func hold(_ instance: String, reason: String, at date: Date) async throws {
        let property = property
        try await engine.write { transaction in
            try transaction.run(
                """
                INSERT INTO plugin_hold (property, instance, reason, held_at) VALUES (:property, :instance, :reason, :now)
                ON CONFLICT (property, instance) DO UPDATE SET reason = excluded.reason, held_at = excluded.held_at
                """, ["property": property.sql, "instance": instance.sql, "reason": reason.sql, "now": date.sql])
        }
    }

    /// - Returns: whether the instance was held.
    public func release(_ instance: String) async throws -> Bool {
        let property = property
        return try await engine.write { transaction in
            try transaction.run(
                "DELETE FROM plugin_hold WHERE property = :property AND instance = :instance", ["property": property.sql, "instance": instance.sql])
                > 0
        }
    }
}
