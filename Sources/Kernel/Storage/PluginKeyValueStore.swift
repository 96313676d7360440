import Foundation
import PluginAPI

/// A plugin instance's ``KeyValueStore``: the rows of the table `plugin_value` that carry its property and its name.
public struct PluginKeyValueStore: KeyValueStore {
    private let engine: any StorageEngine
    private let property: String
    private let instance: String
    private let clock: any TimeSource

    public init(engine: any StorageEngine, property: String, instance: String, clock: any TimeSource) {
        self.engine = engine
        self.property = property
        self.instance = instance
        self.clock = clock
    }

    public func get(_ key: String) async throws -> [UInt8]? {
        let arguments = arguments(["key": key.sql, "now": clock.now.sql])
        return try await engine.read { reader in
            try reader.row(
                """
                SELECT value FROM plugin_value
                WHERE property = :property AND instance = :instance AND key = :key AND (expires_at IS NULL OR expires_at > :now)
                """, arguments)?.blob("value")
        }
    }

    public func set(_ key: String, to value: [UInt8], lifetime: Duration?) async throws {
        let expiry = lifetime.map { Date(timeInterval: Double($0.milliseconds) / 1000, since: clock.now) }
        let arguments = arguments(["key": key.sql, "value": value.sql, "expires_at": expiry.sql])
        try await engine.write { transaction in
            try transaction.run(
                """
                INSERT INTO plugin_value (property, instance, key, value, expires_at) VALUES (:property, :instance, :key, :value, :expires_at)
                ON CONFLICT (property, instance, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
                """, arguments)
        }
    }

    public func remove(_ key: String) async throws {
        let arguments = arguments(["key": key.sql])
        try await engine.write { transaction in
            try transaction.run("DELETE FROM plugin_value WHERE property = :property AND instance = :instance AND key = :key", arguments)
        }
    }

    public func keys(withPrefix prefix: String, limit: Int) async throws -> [String] {
        // The last of all characters ends the range of what begins with the prefix.
        let arguments = arguments(["first": prefix.sql, "end": (prefix + "\u{10FFFF}").sql, "now": clock.now.sql, "limit": max(0, limit).sql])
        return try await engine.read { reader in
            try reader.rows(
                """
                SELECT key FROM plugin_value
                WHERE property = :property AND instance = :instance AND key >= :first AND key < :end AND (expires_at IS NULL OR expires_at > :now)
                ORDER BY key LIMIT :limit
                """, arguments
            ).map { try $0.string("key") }
        }
    }

    /// Deletes the values of all instances whose time is over. They are invisible before that; this gives back their room.
    /// - Returns: how many there were.
    @discardableResult
    public static func purgeExpired(in engine: any StorageEngine, clock: any TimeSource) async throws -> Int {
        let now = clock.now
        return try await engine.write { try $0.run("DELETE FROM plugin_value WHERE expires_at <= :now", ["now": now.sql]) }
    }

    private func arguments(_ more: [String: SQLValue]) -> [String: SQLValue] {
        more.merging(["property": property.sql, "instance": instance.sql]) { mine, _ in mine }
    }
}
