import Foundation
import GRDB
import GRDBSQLite
import PluginAPI
import Synchronization

/// Reading through one connection.
struct SQLiteReader: StorageReader {
    let db: Database
    let file: String

    func rows(_ sql: String, _ arguments: [String: SQLValue]) throws -> [SQLRow] {
        try attempt {
            let statement = try db.cachedStatement(sql: sql)
            guard statement.isReadonly else { throw StorageError(.other, "a read cannot change anything: “\(sql)” belongs into a write") }
            return try fetch(statement, arguments)
        }
    }

    func search(_ index: String, for query: String, limit: Int) throws -> [(key: String, score: Double)] {
        try attempt { try SQLiteFullText(name: index).search(db, query, limit) }
    }

    func fetch(_ statement: Statement, _ arguments: [String: SQLValue]) throws -> [SQLRow] {
        let cursor = try Row.fetchCursor(statement, arguments: statement.ordered(arguments))
        let names = statement.columnNames
        var rows: [SQLRow] = []
        while let row = try cursor.next() {
            rows.append(SQLRow(names: names, values: names.indices.map { SQLValue(row[$0] as DatabaseValue) }))
        }
        return rows
    }

    func attempt<T>(_ body: () throws -> T) throws -> T {
        do { return try body() } catch { throw SQLiteFault.translate(error, file: file) }
    }
}

/// One writer's part of a group: reads, writes, and remembers what it changed.
final class SQLiteTransaction: StorageTransaction {
    let reader: SQLiteReader
    private let recorder: ChangeRecorder
    private(set) var changed: Set<String> = []
    private(set) var hooks: [@Sendable () -> Void] = []
    /// The last fault of storage, also where the body went on after it.
    private(set) var fault: (any Error)?

    init(db: Database, file: String, recorder: ChangeRecorder) {
        reader = SQLiteReader(db: db, file: file)
        self.recorder = recorder
    }

    var db: Database { reader.db }

    func rows(_ sql: String, _ arguments: [String: SQLValue]) throws -> [SQLRow] {
        try attempt {
            let statement = try statement(sql)
            return try statement.isReadonly ? reader.fetch(statement, arguments) : recording { try reader.fetch(statement, arguments) }
        }
    }

    func search(_ index: String, for query: String, limit: Int) throws -> [(key: String, score: Double)] {
        try reader.search(index, for: query, limit: limit)
    }

    @discardableResult
    func run(_ sql: String, _ arguments: [String: SQLValue]) throws -> Int {
        try attempt {
            let statement = try statement(sql)
            return try recording {
                try statement.execute(arguments: statement.ordered(arguments))
                return statement.isReadonly ? 0 : db.changesCount
            }
        }
    }

    func index(_ index: String, key: String, columns: [String: String]) throws {
        try attempt { try recording { try SQLiteFullText(name: index).put(db, key, columns) } }
    }

    func unindex(_ index: String, key: String) throws {
        try attempt { try recording { try SQLiteFullText(name: index).remove(db, key) } }
    }

    func afterCommit(_ body: @escaping @Sendable () -> Void) { hooks.append(body) }

    /// Runs what the engine itself writes, several statements at once.
    func script(_ sql: String) throws {
        try attempt { try recording { try db.execute(sql: sql) } }
    }

    private static let engineWords: Set<String> = [
        "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH", "VACUUM", "PRAGMA",
    ]

    private func statement(_ sql: String) throws -> Statement {
        // Bytes rather than characters: this is done for every statement.
        let word = sql.utf8.drop { $0 <= 32 }.prefix { $0 | 32 >= 97 && $0 | 32 <= 122 }
        if word.count <= 9, Self.engineWords.contains(String(decoding: word, as: UTF8.self).uppercased()) {
            throw StorageError(.other, "“\(sql.prefix(40))” is the engine's own: transactions and settings cannot be changed in a write")
        }
        return try db.cachedStatement(sql: sql)
    }

    private func recording<T>(_ body: () throws -> T) throws -> T {
        recorder.begin()
        let before = db.totalChangesCount
        let result = try body()
        // Which tables a statement may change is known before it runs; that it changed a row, after.
        if db.totalChangesCount != before { changed.formUnion(recorder.tables) }
        return result
    }

    private func attempt<T>(_ body: () throws -> T) throws -> T {
        // SQLite gives up a whole transaction on some faults. What a body does after that would be stored by itself.
        guard db.isInsideTransaction else { throw fault ?? StorageError(.other, "the transaction has ended") }
        do { return try reader.attempt(body) } catch {
            fault = error
            throw error
        }
    }
}

/// Learns from GRDB which tables a statement may change. It asks for no single changes, which keeps SQLite quick.
final class ChangeRecorder: TransactionObserver, Sendable {
    private let names = Mutex<Set<String>>([])

    var tables: Set<String> { names.withLock { $0 } }

    func begin() { names.withLock { $0.removeAll(keepingCapacity: true) } }

    func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool {
        let table = eventKind.tableName
        if !table.hasPrefix("sqlite_") { names.withLock { _ = $0.insert(table) } }
        return false
    }

    func databaseDidChange(with event: DatabaseEvent) {}
    func databaseDidCommit(_ db: Database) {}
    func databaseDidRollback(_ db: Database) {}
}

extension Statement {
    /// Arguments in the order in which the statement asks for them. GRDB takes a dictionary too, but makes two others of it for each execution.
    /// - Throws: `DatabaseError` where one is missing.
    func ordered(_ arguments: [String: SQLValue]) throws -> StatementArguments {
        let count = sqlite3_bind_parameter_count(sqliteStatement)
        guard count > 0 else { return StatementArguments() }
        return StatementArguments(
            try (1...count).map { index -> DatabaseValue in
                // Its first character is the colon.
                guard let name = sqlite3_bind_parameter_name(sqliteStatement, index).map({ String(cString: $0 + 1) }), let value = arguments[name]
                else {
                    throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "argument \(index) of the statement is missing", sql: sql)
                }
                return value.stored
            })
    }
}

extension Database {
    /// Runs a statement that stays compiled.
    func execute(_ sql: String) throws { try cachedStatement(sql: sql).execute() }

    /// One snapshot for all that `body` reads.
    func snapshot<T>(_ body: () throws -> T) throws -> T {
        try execute("BEGIN DEFERRED")
        defer {
            // A read changes nothing: what counts is that the transaction is left.
            do { try execute("COMMIT") } catch { try? execute("ROLLBACK") }
        }
        return try body()
    }
}

extension SQLValue {
    init(_ value: DatabaseValue) {
        self =
            switch value.storage {
            case .null: .null
            case .int64(let value): .int(value)
            case .double(let value): .double(value)
            case .string(let value): .text(value)
            case .blob(let value): .blob([UInt8](value))
            }
    }

    var stored: DatabaseValue {
        switch self {
        case .null: .null
        case .int(let value): value.databaseValue
        case .double(let value): value.databaseValue
        case .text(let value): value.storable.databaseValue
        case .blob(let value): Data(value).databaseValue
        }
    }
}

extension String {
    /// The text without U+0000, at which SQLite's text ends.
    var storable: String {
        // Every text of every row passes here: its bytes are looked through at once where they lie together.
        let hasZero = utf8.withContiguousStorageIfAvailable { $0.count > 0 && memchr($0.baseAddress!, 0, $0.count) != nil } ?? utf8.contains(0)
        return hasZero ? String(String.UnicodeScalarView(unicodeScalars.map { $0.value == 0 ? "\u{FFFD}" : $0 })) : self
    }

    /// The name of a table or column, quoted.
    var quoted: String { "\"" + replacingOccurrences(of: "\"", with: "\"\"") + "\"" }
}
