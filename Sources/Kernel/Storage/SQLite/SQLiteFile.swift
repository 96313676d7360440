import Foundation
import GRDB
import PluginAPI

/// A database file before it is opened for use: made with the right permissions, and looked at without changing it.
struct SQLiteFile {
    /// “Jack” in SQLite's header: says that a file is Jack's.
    static let applicationID: Int32 = 0x4A61_636B
    /// The layout of what the engine itself keeps in a file (``steps``).
    static let layout = 1
    /// The table of the applied migrations.
    static let steps = "schema_step"

    let path: String

    /// Makes the folder, and an empty file that only its user can read; SQLite gives its side files the same rights.
    func makeIfMissing() throws {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        do {
            if !FileManager.default.fileExists(atPath: folder) {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
        } catch {
            throw StorageError(.unreadable, "the folder \(folder) for the database cannot be made: give Jack's user the right to write above it")
        }
        // Not FileManager's createFile: it sets the rights after making the file.
        let descriptor = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        let fault = errno
        guard descriptor >= 0 else {
            if fault == EEXIST { return }
            let why = String(cString: strerror(fault))
            let code: StorageError.Code = fault == ENOSPC ? .full : fault == EROFS ? .readOnly : .unreadable
            throw StorageError(
                code, "the database file \(path) cannot be made (\(why)): give Jack's user the right to write in \(folder), and room on its disk")
        }
        close(descriptor)
    }

    /// Looks at a file through a connection that cannot write.
    /// - Returns: whether the file is Jack's; false where it is empty.
    /// - Throws: ``StorageError``: `.newerSchema`, `.corrupt`, `.unreadable` for a file of another program, `.busy`.
    func inspect(_ options: SQLiteEngine.Options) throws -> Bool {
        guard let size = bytes(of: path) else {
            throw StorageError(.unreadable, "there is no database file \(path)")
        }
        if size == 0 && (bytes(of: path + "-wal") ?? 0) == 0 { return false }
        do {
            let connection = try DatabaseQueue(path: isInUse ? path : immutablePath, configuration: Self.configuration(options, readOnly: true))
            defer { try? connection.close() }
            return try connection.read { try look($0, options) }
        } catch {
            throw SQLiteFault.translate(error, file: path)
        }
    }

    private func look(_ db: Database, _ options: SQLiteEngine.Options) throws -> Bool {
        let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        if application != Self.applicationID {
            let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
            // Killed between making the file and its first transaction: nothing of anyone is in it.
            if application == 0 && tables == 0 { return false }
            throw StorageError(
                .unreadable,
                "\(path) is a database of another program, not Jack's; it was not changed. Give Jack a path of its own (DATABASE_PATH)")
        }
        let layout = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        let unknown = options.migrations.isEmpty ? [] : try Self.status(db, options.migrations).unknown
        if layout > Self.layout || !unknown.isEmpty { throw Self.newer(path, unknown) }
        if options.checksAtOpen, let finding = try String.fetchOne(db, sql: "PRAGMA quick_check(1)"), finding != "ok" {
            throw SQLiteFault.damaged(path, finding.split(separator: "\n").last.map(String.init) ?? finding)
        }
        return true
    }

    /// Without a -wal file nobody has the file open: it can be read as it stands, and no side file need be made beside it.
    private var isInUse: Bool { FileManager.default.fileExists(atPath: path + "-wal") }

    private var immutablePath: String { URL(fileURLWithPath: path).absoluteString + "?immutable=1" }

    /// How to open the file for reading only. Others may write to it meanwhile, save where its folder cannot be written at all.
    var readingPath: String {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        return isInUse || FileManager.default.isWritableFile(atPath: folder) ? path : immutablePath
    }

    static func newer(_ path: String, _ unknown: [String]) -> StorageError {
        StorageError(
            .newerSchema,
            """
            the database file \(path) was written by a newer Jack\(unknown.isEmpty ? "" : " (it has \(unknown.joined(separator: ", ")))"); it was \
            not changed. Start that Jack again, or put back the backup that was made before the upgrade
            """)
    }

    static func status(_ db: Database, _ migrations: [Migration]) throws -> MigrationStatus {
        let exists = try Bool.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '\(steps)'") ?? false
        let stored = exists ? try String.fetchAll(db, sql: "SELECT name FROM \(steps) ORDER BY seq") : []
        let known = Set(migrations.map(\.name))
        let applied = Set(stored)
        return MigrationStatus(
            applied: stored.filter(known.contains), pending: migrations.map(\.name).filter { !applied.contains($0) },
            unknown: stored.filter { !known.contains($0) })
    }

    /// What every connection is opened with.
    static func configuration(_ options: SQLiteEngine.Options, readOnly: Bool = false) -> Configuration {
        var configuration = Configuration()
        configuration.label = "jack.storage"
        configuration.readonly = readOnly
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(Double(options.busyTimeout.milliseconds) / 1000)
        configuration.maximumReaderCount = options.readers
        // Reader connections keep their compiled statements.
        configuration.persistentReadOnlyConnections = true
        configuration.prepareDatabase { db in
            // What stands in a file must not be able to call functions with side effects; damage in a page is to be noticed when it is read; what is
            // deleted, a guest's data, is to be gone from the file.
            for setting in ["trusted_schema = OFF", "cell_size_check = ON", "secure_delete = ON", "temp_store = MEMORY"] {
                try db.execute(sql: "PRAGMA \(setting)")
            }
        }
        return configuration
    }

    /// What the one writing connection has besides. GRDB's own choice for WAL is synchronous = NORMAL, which may lose the last commits with the
    /// power.
    static func prepareWriter(_ db: Database, _ options: SQLiteEngine.Options, isNew: Bool) throws {
        try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864")
        if let pages = options.maximumPages { try db.execute(sql: "PRAGMA max_page_count = \(pages)") }
        guard isNew else { return }
        try db.inTransaction(.immediate) {
            try db.execute(
                sql: """
                    PRAGMA application_id = \(applicationID);
                    PRAGMA user_version = \(layout);
                    CREATE TABLE IF NOT EXISTS \(steps) (seq INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
                    """)
            return .commit
        }
    }

    /// The size on disk with what is not yet in the main file.
    var bytes: Int64 { (bytes(of: path) ?? 0) + (bytes(of: path + "-wal") ?? 0) }

    private func bytes(of path: String) -> Int64? {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.int64Value
    }
}
