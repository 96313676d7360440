import GRDB

extension SQLiteEngine {
    public func migrationStatus(_ migrations: [Migration]) async throws -> MigrationStatus {
        try await reading { reader in try reader.attempt { try SQLiteFile.status(reader.db, migrations) } }
    }

    @discardableResult
    public func migrate(_ migrations: [Migration]) async throws -> [String] {
        let names = migrations.map(\.name)
        let path = path ?? "in memory"
        guard Set(names).count == names.count else { throw StorageError(.other, "two migrations have one name: \(names.joined(separator: ", "))") }
        let status = try await migrationStatus(migrations)
        guard status.unknown.isEmpty else { throw SQLiteFile.newer(path, status.unknown) }
        if status.pending.isEmpty { return [] }
        return try await writing { transaction in
            // Asked again: another process may have migrated in between.
            let status = try transaction.reader.attempt { try SQLiteFile.status(transaction.db, migrations) }
            guard status.unknown.isEmpty else { throw SQLiteFile.newer(path, status.unknown) }
            let pending = Set(status.pending)
            for migration in migrations where pending.contains(migration.name) {
                do { try Self.apply(migration, transaction) } catch let error as StorageError {
                    throw StorageError(error.code, "migration \(migration.name): \(error.message)")
                }
            }
            let broken = try transaction.reader.rows("PRAGMA foreign_key_check")
            guard broken.isEmpty else {
                let names = status.pending.joined(separator: ", ")
                throw StorageError(.constraint, "the migrations \(names) would break \(broken.count) references between tables; nothing was changed")
            }
            return status.pending
        }
    }

    private static func apply(_ migration: Migration, _ transaction: SQLiteTransaction) throws {
        for step in migration.steps {
            switch step {
            case .table(let name, let columns): try transaction.script("CREATE TABLE \(name.quoted) (\(columns)) STRICT")
            case .sql(let sql): try transaction.script(sql)
            case .fullText(let name, let columns): try transaction.script(SQLiteFullText(name: name).definition(columns: columns))
            }
        }
        try transaction.run("INSERT INTO \(SQLiteFile.steps) (name) VALUES (:name)", ["name": migration.name.sql])
    }
}
