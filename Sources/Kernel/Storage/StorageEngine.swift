import PluginAPI

/// The shared storage service: what an engine must answer. One is built in, SQLite; the contract tests say what another must do alike.
///
/// Repositories write portable SQL with named arguments (`:name`) that both SQLite and PostgreSQL take, and leave to the engine what they do
/// differently: full-text and vector search, claiming work, grouped commit and change notification.
///
/// Moments are `INTEGER` milliseconds since 1970, booleans `INTEGER` 0 and 1, JSON `TEXT`, ids `TEXT`.
public protocol StorageEngine: Sendable {
    /// Reads from one consistent snapshot. Never waits for writers.
    func read<T: Sendable>(_ body: @escaping @Sendable (any StorageReader) throws -> T) async throws -> T

    /// Runs `body` in a transaction and returns once it is on disk. Writers that queue are committed together; each still fails alone: an error
    /// rolls back only its own changes. Where the engine itself must give up the transaction (a full disk, a failing device), all that were to be
    /// committed with it fail, and nothing of them is stored.
    ///
    /// A task that is cancelled while it waits in the queue throws `CancellationError` and changes nothing; once `body` runs, it runs to its end.
    /// - Throws: what `body` throws, or ``StorageError``.
    @discardableResult
    func write<T: Sendable>(_ body: @escaping @Sendable (any StorageTransaction) throws -> T) async throws -> T

    /// Brings the schema up to date. Named steps that were applied before are left alone.
    /// - Throws: ``StorageError`` `.newerSchema` where the file has steps that are not in `migrations`.
    /// - Returns: the names that were applied now.
    @discardableResult
    func migrate(_ migrations: [Migration]) async throws -> [String]

    /// Which steps are applied, and which are not.
    func migrationStatus(_ migrations: [Migration]) async throws -> MigrationStatus

    /// Looks for damage. Empty where all is sound.
    func check() async throws -> [String]

    /// Names of the tables that committed transactions changed. Ends when the engine closes. A slow listener sees changes merged, never lost.
    func changes(in tables: Set<String>) -> AsyncStream<Set<String>>

    /// The size on disk in bytes.
    func size() async throws -> Int64

    /// Writes out what is pending and closes. Further use throws ``StorageError`` `.closed`.
    func close() async
}

/// Reading SQL. U+0000 in a text is stored as U+FFFD: PostgreSQL cannot hold it, and SQLite ends the text there.
public protocol StorageReader {
    /// All rows of a query.
    func rows(_ sql: String, _ arguments: [String: SQLValue]) throws -> [SQLRow]

    /// The keys of the rows whose text fits `query` best, best first. The score is higher for a better fit (BM25).
    /// - Parameters:
    ///   - index: a full-text index made by ``Migration/Step/fullText(_:columns:)``.
    ///   - query: words as a person writes them; no operator has a meaning. A row fits when any word fits.
    func search(_ index: String, for query: String, limit: Int) throws -> [(key: String, score: Double)]
}

/// Reading and writing SQL inside a transaction.
public protocol StorageTransaction: StorageReader {
    /// Runs a statement; returns how many rows it changed.
    @discardableResult
    func run(_ sql: String, _ arguments: [String: SQLValue]) throws -> Int

    /// Puts a text under a key into a full-text index, in place of what was there.
    func index(_ index: String, key: String, columns: [String: String]) throws

    /// Takes a key out of a full-text index.
    func unindex(_ index: String, key: String) throws

    /// Runs `body` once the transaction is on disk, before `write` returns and in the order of commits; never where it is rolled back. It holds up
    /// the next writers: keep it short.
    func afterCommit(_ body: @escaping @Sendable () -> Void)
}

extension StorageReader {
    public func rows(_ sql: String) throws -> [SQLRow] { try rows(sql, [:]) }

    /// The first row, or nil.
    public func row(_ sql: String, _ arguments: [String: SQLValue] = [:]) throws -> SQLRow? { try rows(sql, arguments).first }
}

extension StorageTransaction {
    @discardableResult
    public func run(_ sql: String) throws -> Int { try run(sql, [:]) }
}

/// A named, append-only change of the schema.
public struct Migration: Sendable {
    public enum Step: Sendable {
        /// A strict table: `columns` is what stands between the parentheses. Types are INTEGER, REAL, TEXT and BLOB.
        case table(String, columns: String)
        case sql(String)
        /// A full-text index with a key and these columns, accent- and case-insensitive.
        case fullText(String, columns: [String])
    }

    /// Unique and never changed: `kernel-001-messages`.
    public let name: String
    public let steps: [Step]

    public init(_ name: String, _ steps: [Step]) {
        self.name = name
        self.steps = steps
    }
}

public struct MigrationStatus: Sendable, Hashable {
    public var applied: [String]
    public var pending: [String]
    /// Steps in the file that this program does not know: it is older than the file.
    public var unknown: [String]

    public init(applied: [String], pending: [String], unknown: [String]) {
        self.applied = applied
        self.pending = pending
        self.unknown = unknown
    }
}
