import Dispatch
import Foundation
import GRDB
import PluginAPI
import Synchronization

/// The built-in ``StorageEngine``: one SQLite file in WAL mode, or a database in memory.
///
/// Reads run on connections of their own, each on a snapshot; writes are grouped (``SQLiteWriter``). A database in memory has one connection for all.
public final class SQLiteEngine: StorageEngine {
    private let database: any DatabaseWriter
    private let writer: SQLiteWriter
    private let hub = ChangeHub()
    private let file: SQLiteFile?
    private let options: Options
    private let isClosed = Mutex(false)
    private let indexes = Mutex<[String: WeakIndex]>([:])
    private struct WeakIndex: Sendable { weak var index: SQLiteVectorIndex? }

    /// Opens a file, making it and its folder where there is none, or a database in memory.
    /// - Parameter path: nil, empty or `:memory:` keeps nothing on disk.
    /// - Throws: ``StorageError``: `.newerSchema`, `.corrupt`, `.unreadable`, `.readOnly`, `.busy`, `.full`. What was refused is unchanged.
    public static func open(path: String?, options: Options = Options()) async throws -> SQLiteEngine {
        let path = path.flatMap { $0.isEmpty || $0 == ":memory:" ? nil : URL(fileURLWithPath: $0).path }
        return try await blocking {
            do { return try SQLiteEngine(path: path, options: options) } catch { throw SQLiteFault.translate(error, file: path ?? "in memory") }
        }
    }

    private init(path: String?, options: Options) throws {
        self.options = options
        file = path.map(SQLiteFile.init)
        let recorder = ChangeRecorder()
        if let file, options.access == .readOnly {
            _ = try file.inspect(options)
            database = try DatabaseQueue(path: file.readingPath, configuration: SQLiteFile.configuration(options, readOnly: true))
        } else {
            try file?.makeIfMissing()
            let isNew = try file.map { try !$0.inspect(options) } ?? true
            if let file, !FileManager.default.isWritableFile(atPath: file.path) {
                throw StorageError(
                    .readOnly,
                    """
                    the database file \(file.path) cannot be written; it was not changed. Give Jack's user the right to write the file and its \
                    folder, and mount the disk for writing
                    """)
            }
            let configuration = SQLiteFile.configuration(options)
            database =
                if let file {
                    try DatabasePool(path: file.path, configuration: configuration)
                } else {
                    try DatabaseQueue(configuration: configuration)
                }
            try database.writeWithoutTransaction { db in
                try SQLiteFile.prepareWriter(db, options, isNew: isNew)
                db.add(transactionObserver: recorder, extent: .databaseLifetime)
            }
        }
        writer = SQLiteWriter(
            database: database, file: path ?? "in memory", groupLimit: options.groupLimit, recorder: recorder, changes: hub)
    }

    /// Where the data is; nil for a database in memory.
    public var path: String? { file?.path }

    /// How many transactions were committed: fewer than writes, where writes were grouped.
    public var commits: Int { writer.commits }

    /// How many writes wait for their turn now.
    public var waiting: Int { writer.waiting }

    private var label: String { file?.path ?? "in memory" }

    public func read<T: Sendable>(_ body: @escaping @Sendable (any StorageReader) throws -> T) async throws -> T {
        try await reading { try body($0) }
    }

    @discardableResult
    public func write<T: Sendable>(_ body: @escaping @Sendable (any StorageTransaction) throws -> T) async throws -> T {
        try await writing { try body($0) }
    }

    func reading<T: Sendable>(_ body: @escaping @Sendable (SQLiteReader) throws -> T) async throws -> T {
        guard !isClosed.withLock({ $0 }) else { throw SQLiteFault.closed }
        do {
            // GRDB's own `read` compiles the transaction's statements anew each time, which costs as much as a small query.
            return try await database.unsafeRead { [label] db in try db.snapshot { try body(SQLiteReader(db: db, file: label)) } }
        } catch {
            throw SQLiteFault.translate(error, file: label)
        }
    }

    @discardableResult
    func writing<T: Sendable>(_ body: @escaping @Sendable (SQLiteTransaction) throws -> T) async throws -> T {
        guard options.access == .readWrite else { throw SQLiteFault.readOnly(label) }
        return try await writer.write(body)
    }

    public func check() async throws -> [String] {
        try await reading { reader in
            let integrity = try reader.attempt { try String.fetchAll(reader.db, sql: "PRAGMA integrity_check(100)") }
            let references = try reader.rows("PRAGMA foreign_key_check").prefix(100).map { row in
                let number = row.intIfPresent("rowid").map { "row \($0)" } ?? "a row"
                let table = row.stringIfPresent("table") ?? "?"
                let parent = row.stringIfPresent("parent") ?? "?"
                return "\(number) of \(table) refers to a row of \(parent) that is not there"
            }
            return integrity.filter { $0 != "ok" } + references
        }
    }

    public func changes(in tables: Set<String>) -> AsyncStream<Set<String>> { hub.changes(in: tables) }

    public func size() async throws -> Int64 {
        guard let file else {
            return try await reading { reader in
                let pages = try reader.row("SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size")
                return Int64(try pages?.int("bytes") ?? 0)
            }
        }
        return file.bytes
    }

    public func close() async {
        let wasClosed = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return isClosed
        }
        guard !wasClosed else { return }
        await writer.close()
        hub.finish()
        await Self.unthrowing { [database] in
            // The last connection to close brings the -wal file into the main one, which a reader's could not: the readers go first.
            (database as? DatabasePool)?.invalidateReadOnlyConnections()
            _ = try? database.close()
        }
    }

    /// The vectors of a collection. Asked twice, it is the same index.
    public func vectorIndex(collection: String, dimensions: Int) -> any VectorIndex {
        indexes.withLock { indexes in
            if let index = indexes[collection]?.index, index.dimensions == dimensions { return index }
            let index = SQLiteVectorIndex(engine: self, collection: collection, dimensions: dimensions)
            indexes[collection] = WeakIndex(index: index)
            return index
        }
    }

    /// Runs what blocks on a thread of its own kind.
    private static func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global(qos: .userInitiated).async { continuation.resume(with: Result(catching: body)) }
        }
    }

    private static func unthrowing(_ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global(qos: .userInitiated).async {
                body()
                continuation.resume()
            }
        }
    }
}
