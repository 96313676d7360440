import Foundation
import GRDB

/// A full-text index: an FTS5 table, and a table that gives each key its row in it, since FTS5 finds a row by number only.
struct SQLiteFullText {
    let name: String

    func definition(columns: [String]) -> String {
        """
        CREATE VIRTUAL TABLE \(name.quoted) USING fts5(key UNINDEXED, \(columns.map(\.quoted).joined(separator: ", ")), \
        tokenize = 'unicode61 remove_diacritics 2');
        CREATE TABLE \(keys) (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
        """
    }

    private var keys: String { "\(name)_keys".quoted }

    func put(_ db: Database, _ key: String, _ columns: [String: String]) throws {
        let key = key.storable
        let names = columns.keys.sorted()
        let id: Int64
        if let known = try row(of: key, db) {
            try db.cachedStatement(sql: "DELETE FROM \(name.quoted) WHERE rowid = ?").execute(arguments: [known])
            id = known
        } else {
            try db.cachedStatement(sql: "INSERT INTO \(keys) (key) VALUES (?)").execute(arguments: [key])
            id = db.lastInsertedRowID
        }
        let places = Array(repeating: "?", count: names.count + 2).joined(separator: ", ")
        let sql = "INSERT INTO \(name.quoted) (rowid, key\(names.map { ", " + $0.quoted }.joined())) VALUES (\(places))"
        try db.cachedStatement(sql: sql).execute(
            arguments: StatementArguments([id.databaseValue, key.databaseValue] + names.map { (columns[$0] ?? "").storable.databaseValue }))
    }

    func remove(_ db: Database, _ key: String) throws {
        guard let id = try row(of: key.storable, db) else { return }
        try db.cachedStatement(sql: "DELETE FROM \(name.quoted) WHERE rowid = ?").execute(arguments: [id])
        try db.cachedStatement(sql: "DELETE FROM \(keys) WHERE id = ?").execute(arguments: [id])
    }

    private func row(of key: String, _ db: Database) throws -> Int64? {
        try Int64.fetchOne(db.cachedStatement(sql: "SELECT id FROM \(keys) WHERE key = ?"), arguments: [key])
    }

    // MARK: Searching

    /// How many matches a search weighs before it is content. Weighing costs some microseconds a match, and in a large index a word such as “the”
    /// alone matches nearly every row and moves the order hardly at all.
    static let budget = 3_000

    /// Words are weighed from the rarest on while the budget lasts; the rarest always. In an index of some hundred rows that is all of them. Where
    /// fewer rows than wanted fit, the commoner words are taken too, one after the other.
    func search(_ db: Database, _ query: String, _ limit: Int) throws -> [(key: String, score: Double)] {
        guard limit > 0 else { return [] }
        let count = try db.cachedStatement(
            sql: "SELECT count(*) FROM (SELECT 1 FROM \(name.quoted) WHERE \(name.quoted) MATCH ? LIMIT \(Self.budget + 1))")
        var words: [(phrase: String, rows: Int)] = []
        for word in Self.words(query) {
            let rows = try Int.fetchOne(count, arguments: [word.phrase]) ?? 0
            // What begins with a word that is common adds little, and finding it costs most.
            let isPrefix = word.isPrefix && rows <= Self.budget
            if rows > 0 || isPrefix { words.append((isPrefix ? word.phrase + "*" : word.phrase, rows)) }
        }
        // Of words that are all common, the longer is likely the rarer.
        words.sort { $0.rows != $1.rows ? $0.rows < $1.rows : $0.phrase.utf8.count > $1.phrase.utf8.count }
        var weighed = 0
        var left = Self.budget
        while weighed < words.count && (weighed == 0 || words[weighed].rows <= left) {
            left -= words[weighed].rows
            weighed += 1
        }
        while true {
            let found = try fetch(db, words[..<weighed].map(\.phrase), limit)
            if found.count >= limit || weighed >= words.count { return found }
            weighed += 1
        }
    }

    private func fetch(_ db: Database, _ phrases: [String], _ limit: Int) throws -> [(key: String, score: Double)] {
        guard !phrases.isEmpty else { return [] }
        let statement = try db.cachedStatement(
            sql: "SELECT key, -rank FROM \(name.quoted) WHERE \(name.quoted) MATCH ? ORDER BY rank, rowid LIMIT ?")
        let cursor = try Row.fetchCursor(statement, arguments: [phrases.joined(separator: " OR "), limit])
        var found: [(key: String, score: Double)] = []
        while let row = try cursor.next() { found.append((row[0], row[1])) }
        return found
    }

    /// The words of a text as FTS5 phrases: quoted, so that nothing in them is an operator, without repetition, at most 64. A word of four letters or
    /// more also stands for what begins with it.
    static func words(_ text: String) -> [(phrase: String, isPrefix: Bool)] {
        var seen: Set<String> = []
        var words: [(phrase: String, isPrefix: Bool)] = []
        for piece in text.split(whereSeparator: { !$0.isLetter && !$0.isNumber }) where words.count < 64 {
            let word = piece.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil)
            guard word.utf8.count <= 256, seen.insert(word).inserted else { continue }
            words.append(("\"" + piece.replacingOccurrences(of: "\"", with: "") + "\"", piece.count >= 4))
        }
        return words
    }
}
