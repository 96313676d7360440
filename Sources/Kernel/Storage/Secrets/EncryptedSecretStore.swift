import PluginAPI

/// A ``SecretStore`` over the table `secret`: the secrets of one owner, sealed by ``SecretBox``.
public struct EncryptedSecretStore: SecretStore {
    private let engine: any StorageEngine
    private let property: String
    private let owner: String
    private let box: SecretBox
    private let clock: any TimeSource

    /// - Parameter owner: a plugin instance's name, or a part of Jack.
    public init(engine: any StorageEngine, property: String, owner: String, keys: EncryptionKeys, clock: any TimeSource) {
        self.engine = engine
        self.property = property
        self.owner = owner
        box = SecretBox(keys: keys)
        self.clock = clock
    }

    /// - Throws: ``StorageError`` `.wrongKey` where the secret is there but cannot be opened.
    public func get(_ name: String) async throws -> Secret? {
        let place = place(name)
        let row = try await engine.read { reader in
            try reader.row("SELECT key_id, sealed FROM secret WHERE property = :property AND owner = :owner AND name = :name", place.arguments)
        }
        return try row.map { try box.open($0.sealed(), from: place) }
    }

    public func set(_ name: String, to value: Secret) async throws {
        let place = place(name)
        let now = clock.now
        let sealed = try box.seal(value, for: place)
        try await engine.write { try $0.store(sealed, place, at: now.sql) }
    }

    public func remove(_ name: String) async throws {
        let place = place(name)
        try await engine.write { transaction in
            try transaction.run("DELETE FROM secret WHERE property = :property AND owner = :owner AND name = :name", place.arguments)
        }
    }

    private func place(_ name: String) -> SecretBox.Place { SecretBox.Place(property: property, owner: owner, name: name) }
}

extension EncryptedSecretStore {
    /// Seals the secrets of all owners with the current key, in one transaction: where one does not open, none is changed.
    ///
    /// To rotate: start with the new key as the current and the old one as a previous key, rotate, and leave the old one out at the next start.
    /// - Returns: how many were sealed anew.
    @discardableResult
    public static func rotate(in engine: any StorageEngine, to keys: EncryptionKeys, clock: any TimeSource) async throws -> Int {
        let box = SecretBox(keys: keys)
        let now = clock.now
        return try await engine.write { transaction in
            let rows = try transaction.rows(
                "SELECT property, owner, name, key_id, sealed FROM secret WHERE key_id <> :key", ["key": keys.currentID.sql])
            for row in rows {
                let place = try row.place()
                try transaction.store(box.seal(box.open(row.sealed(), from: place), for: place), place, at: now.sql)
            }
            return rows.count
        }
    }

    /// The secrets that cannot be opened with these keys, as `owner/name`: worth saying at start rather than at first use.
    public static func unreadable(in engine: any StorageEngine, keys: EncryptionKeys) async throws -> [String] {
        let rows = try await engine.read { try $0.rows("SELECT property, owner, name, key_id, sealed FROM secret ORDER BY property, owner, name") }
        let box = SecretBox(keys: keys)
        return try rows.compactMap { row in
            let place = try row.place()
            let sealed = try row.sealed()
            return (try? box.open(sealed, from: place)) == nil ? "\(place.owner)/\(place.name)" : nil
        }
    }
}

extension SQLRow {
    fileprivate func sealed() throws -> SecretBox.Sealed { try SecretBox.Sealed(keyID: string("key_id"), bytes: blob("sealed")) }
    fileprivate func place() throws -> SecretBox.Place {
        try SecretBox.Place(property: string("property"), owner: string("owner"), name: string("name"))
    }
}

extension SecretBox.Place {
    fileprivate var arguments: [String: SQLValue] { ["property": property.sql, "owner": owner.sql, "name": name.sql] }
}

extension StorageTransaction {
    fileprivate func store(_ sealed: SecretBox.Sealed, _ place: SecretBox.Place, at now: SQLValue) throws {
        let more = ["key_id": sealed.keyID.sql, "sealed": sealed.bytes.sql, "now": now]
        try run(
            """
            INSERT INTO secret (property, owner, name, key_id, sealed, updated_at) VALUES (:property, :owner, :name, :key_id, :sealed, :now)
            ON CONFLICT (property, owner, name) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed, updated_at = excluded.updated_at
            """, place.arguments.merging(more) { mine, _ in mine })
    }
}
