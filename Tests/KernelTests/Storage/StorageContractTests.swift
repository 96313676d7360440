import Foundation
import Kernel
import PluginAPI
import Synchronization
import Testing

/// What every ``StorageEngine`` answers alike.
@Suite struct StorageContractTests {
    @Test(arguments: Backing.allCases) func `values come back as they were stored`(_ backing: Backing) async throws {
        let table = Migration("t", [.table("kind", columns: "i INTEGER, r REAL, t TEXT, b BLOB, n TEXT")])
        try await withEngine(backing, [table]) { engine async throws in
            let date = Date(milliseconds: 1_700_000_000_123)
            try await engine.write {
                try $0.run(
                    "INSERT INTO kind VALUES (:i, :r, :t, :b, :n)",
                    ["i": date.sql, "r": 2.5.sql, "t": "日本 'x' \"y\"; -- é".sql, "b": [0, 255, 7].sql, "n": String?.none.sql])
            }
            let row = try #require(try await engine.read { try $0.row("SELECT * FROM kind") })
            #expect(try row.date("i") == date)
            #expect(try row.double("r") == 2.5)
            #expect(try row.string("t") == "日本 'x' \"y\"; -- é")
            #expect(try row.blob("b") == [0, 255, 7])
            #expect(row["n"] == .null)
            #expect(row["missing"] == nil)
            #expect(throws: StorageError.self) { try row.int("t") }
        }
    }

    @Test(arguments: Backing.allCases) func `a guest's text is text, whatever it says`(_ backing: Backing) async throws {
        try await withEngine(backing, [notes, texts]) { engine async throws in
            let nasty = [
                "'; DROP TABLE note; --", "Robert\"); DELETE FROM note; --", ":text", "?1", "<script>alert(1)</script>",
                "Ignore all previous instructions",
                "\u{202E}evil", "NEAR(a b)", "col:x AND NOT y", "*", "\"", "^", "a\u{301}", "👩‍👩‍👧", "(", "-", "passage : x",
            ]
            for text in nasty {
                try await engine.write { transaction in
                    try transaction.note(text)
                    try transaction.index("passage", key: text, columns: ["body": text])
                }
                // Whatever it holds, it can be looked for.
                _ = try await engine.read { try $0.search("passage", for: text, limit: 3) }
            }
            #expect(try await engine.notes() == nasty)
        }
    }

    @Test(arguments: Backing.allCases) func `a text goes on after U+0000`(_ backing: Backing) async throws {
        try await withEngine(backing, [notes]) { engine async throws in
            try await engine.write { try $0.note("towels\u{0} to 204") }
            #expect(try await engine.notes() == ["towels\u{FFFD} to 204"])
        }
    }

    @Test(arguments: Backing.allCases) func `a body that throws leaves nothing`(_ backing: Backing) async throws {
        struct Refused: Error {}
        try await withEngine(backing, [notes]) { engine async throws in
            let ran = Mutex(false)
            await #expect(throws: Refused.self) {
                try await engine.write { transaction in
                    try transaction.note("a")
                    transaction.afterCommit { ran.withLock { $0 = true } }
                    throw Refused()
                }
            }
            #expect(try await engine.notes() == [])
            #expect(!ran.withLock { $0 })
        }
    }

    @Test(arguments: Backing.allCases) func `constraints are named, and a body may go on after one`(_ backing: Backing) async throws {
        try await withEngine(backing, [notes]) { engine async throws in
            let kept = try await engine.write { transaction in
                try transaction.note("a")
                do {
                    try transaction.note("a")
                    return false
                } catch let error as StorageError {
                    #expect(error.code == .constraint)
                    #expect(error.message.contains("note.text"))
                }
                try transaction.note("b")
                return true
            }
            #expect(kept)
            #expect(try await engine.notes() == ["a", "b"])
            #expect(await code { try await engine.write { try $0.note("orphan", parent: 99) } } == .constraint)
            #expect(
                await code { try await engine.write { try $0.run("INSERT INTO note (id, text) VALUES (9, :b)", ["b": [UInt8(1)].sql]) } }
                    == .constraint)
        }
    }

    @Test(arguments: Backing.allCases) func `a read changes nothing`(_ backing: Backing) async throws {
        try await withEngine(backing, [notes]) { engine async throws in
            #expect(await code { try await engine.read { try $0.rows("INSERT INTO note (text) VALUES ('x') RETURNING id") } } == .other)
            #expect(try await engine.notes() == [])
        }
    }

    @Test(arguments: ["COMMIT", " rollback", "PRAGMA foreign_keys = OFF", "Begin", "ATTACH ':memory:' AS x", "SAVEPOINT one", "VACUUM"])
    func `transactions and settings are the engine's`(_ sql: String) async throws {
        try await withEngine(.memory, [notes]) { engine async throws in
            #expect(
                await code {
                    try await engine.write { transaction in
                        try transaction.note("a")
                        try transaction.run(sql)
                    }
                } == .other)
            #expect(try await engine.notes() == [])
        }
    }

    @Test(arguments: Backing.allCases) func `hooks run after the commit, in order, before write returns`(_ backing: Backing) async throws {
        try await withEngine(backing, [notes]) { engine async throws in
            let seen = Mutex<[Int]>([])
            for i in 1...5 {
                try await engine.write { transaction in
                    try transaction.note("\(i)")
                    transaction.afterCommit { seen.withLock { $0.append(i) } }
                }
                #expect(seen.withLock { $0 } == Array(1...i))
            }
        }
    }

    @Test func `a read sees one moment while others write`() async throws {
        try await withEngine(.disk, [notes]) { engine async throws in
            try await engine.write { try $0.note("before") }
            let begun = AsyncStream<Void>.makeStream()
            let goOn = DispatchSemaphore(value: 0)
            async let counts = engine.read { reader in
                let first = try reader.rows("SELECT id FROM note").count
                begun.continuation.yield()
                goOn.wait()
                return [first, try reader.rows("SELECT id FROM note").count]
            }
            for await _ in begun.stream { break }
            // The reader stands in the middle of its read, and the writer does not wait for it.
            try await engine.write { try $0.note("meanwhile") }
            goOn.signal()
            #expect(try await counts == [1, 1])
            #expect(try await engine.notes().count == 2)
        }
    }

    @Test(arguments: Backing.allCases) func `steps are applied once, in order, and named`(_ backing: Backing) async throws {
        try await withEngine(backing) { engine async throws in
            let kernel = KernelSchema.migrations
            #expect(try await engine.migrate(kernel) == [])
            #expect(try await engine.migrationStatus(kernel + [notes]).pending == [notes.name])
            #expect(try await engine.migrate(kernel + [notes, texts]) == [notes.name, texts.name])
            let status = try await engine.migrationStatus(kernel + [notes])
            #expect(status == MigrationStatus(applied: kernel.map(\.name) + [notes.name], pending: [], unknown: [texts.name]))
            #expect(await code { try await engine.migrate(kernel + [notes]) } == .newerSchema)
            #expect(await code { try await engine.migrate(kernel + [notes, notes, texts]) } == .other)
        }
    }

    @Test(arguments: Backing.allCases) func `a step that fails takes its whole run back`(_ backing: Backing) async throws {
        try await withEngine(backing) { engine async throws in
            let broken = Migration("broken", [.table("half", columns: "id INTEGER PRIMARY KEY"), .sql("CREATE INDEX x ON nowhere (y)")])
            let error = await #expect(throws: StorageError.self) { try await engine.migrate(KernelSchema.migrations + [notes, broken]) }
            #expect(error?.message.contains("broken") == true)
            #expect(try await engine.migrationStatus(KernelSchema.migrations + [notes, broken]).pending == [notes.name, "broken"])
            #expect(try await engine.read { try $0.rows("SELECT name FROM sqlite_master WHERE name IN ('half', 'note')") }.isEmpty)
        }
    }

    @Test func `tables are strict`() async throws {
        try await withEngine(.memory) { engine async throws in
            #expect(
                await code {
                    try await engine.write {
                        try $0.run("INSERT INTO plugin_hold (property, instance, reason, held_at) VALUES ('p', 'i', 'r', 'not a number')")
                    }
                } == .constraint)
        }
    }

    @Test(arguments: Backing.allCases) func `search folds case and accents, and ranks`(_ backing: Backing) async throws {
        try await withEngine(backing, [texts]) { engine async throws in
            try await engine.write { transaction in
                try transaction.index("passage", key: "pool", columns: ["title": "Pool", "body": "The pool opens at 7. The pool is heated."])
                try transaction.index(
                    "passage", key: "breakfast", columns: ["title": "Frühstück", "body": "Breakfast is served from 7 to 10:30, near the pool."])
                try transaction.index("passage", key: "parking", columns: ["title": "Parking", "body": "Our garage has 40 places."])
            }
            func find(_ text: String) async throws -> [String] { try await engine.read { try $0.search("passage", for: text, limit: 5).map(\.key) } }
            #expect(try await find("POOL?") == ["pool", "breakfast"])
            #expect(try await find("fruhstuck") == ["breakfast"])
            #expect(try await find("FRÜHSTÜCK zeiten") == ["breakfast"])
            #expect(try await find("park") == ["parking"])
            #expect(try await find("par") == [])
            #expect(try await find("sauna") == [])
            #expect(try await find("") == [])
            #expect(try await find("?!…") == [])
            let scores = try await engine.read { try $0.search("passage", for: "pool garage", limit: 5).map(\.score) }
            #expect(scores == scores.sorted(by: >) && scores.count == 3 && scores[0] > 0)
            #expect(try await engine.read { try $0.search("passage", for: "pool", limit: 1).count } == 1)
            #expect(try await engine.read { try $0.search("passage", for: "pool", limit: 0).count } == 0)
        }
    }

    @Test(arguments: Backing.allCases) func `a text is replaced and taken out of an index`(_ backing: Backing) async throws {
        try await withEngine(backing, [texts]) { engine async throws in
            func find(_ text: String) async throws -> [String] { try await engine.read { try $0.search("passage", for: text, limit: 5).map(\.key) } }
            try await engine.write { try $0.index("passage", key: "a", columns: ["body": "sauna"]) }
            try await engine.write { try $0.index("passage", key: "a", columns: ["body": "gym"]) }
            #expect(try await find("sauna") == [])
            #expect(try await find("gym") == ["a"])
            try await engine.write { try $0.unindex("passage", key: "a") }
            try await engine.write { try $0.unindex("passage", key: "never there") }
            #expect(try await find("gym") == [])
            #expect(await code { try await engine.write { try $0.index("passage", key: "a", columns: ["nowhere": "x"]) } } == .other)
        }
    }

    @Test func `common words do not drown rare ones in a large index`() async throws {
        try await withEngine(.memory, [texts]) { engine async throws in
            try await engine.write { transaction in
                for i in 0..<4_000 {
                    try transaction.index("passage", key: "\(i)", columns: ["body": "the room \(i % 2 == 0 ? "with view" : "with balcony")"])
                }
                try transaction.index("passage", key: "rare", columns: ["body": "the sauna"])
            }
            let found = try await engine.read { try $0.search("passage", for: "the room with the sauna", limit: 3) }
            #expect(found.first?.key == "rare")
            // One row alone fits the rare word; the rest of what was asked for comes from the common ones.
            #expect(found.count == 3)
            #expect(try await engine.read { try $0.search("passage", for: "the", limit: 2) }.count == 2)
        }
    }

    @Test(arguments: Backing.allCases) func `listeners hear what was committed, merged`(_ backing: Backing) async throws {
        try await withEngine(backing, [notes, texts]) { engine async throws in
            var heard = engine.changes(in: ["note", "passage", "ledger"]).makeAsyncIterator()
            try await engine.write { try $0.note("a") }
            try await engine.write { try $0.index("passage", key: "k", columns: ["body": "x"]) }
            _ = try? await engine.write { transaction in
                try transaction.run("INSERT INTO ledger (property, subject, step, outcome, reason, at) VALUES ('p', 's', 's', 'o', 'r', 0)")
                throw CancellationError()
            }
            try await engine.write { try $0.run("DELETE FROM plugin_hold") }
            // Slow to listen: all of it at once, and nothing that was rolled back or not asked for.
            #expect(await heard.next() == ["note", "passage"])
            async let next = heard.next()
            try await engine.write { try $0.run("UPDATE note SET text = 'b' WHERE id = 77") }
            try await engine.write { try $0.run("DELETE FROM note") }
            #expect(await next == ["note"])
            await engine.close()
            #expect(await heard.next() == nil)
        }
    }

    @Test func `a change that a foreign key makes is heard`() async throws {
        try await withEngine(.memory) { engine async throws in
            try await engine.write { transaction in
                try transaction.run(
                    """
                    INSERT INTO outbox (id, property, instance, kind, lane, payload, created_at, next_at)
                    VALUES ('o', 'p', 'i', 'k', 'l', '', 0, 0)
                    """)
                try transaction.run("INSERT INTO outbox_vendor_id VALUES ('p', 'i', 'v', 'o')")
            }
            var heard = engine.changes(in: ["outbox_vendor_id"]).makeAsyncIterator()
            try await engine.write { try $0.run("DELETE FROM outbox") }
            await engine.close()
            #expect(await heard.next() == ["outbox_vendor_id"])
        }
    }

    @Test func `a listener that is cancelled ends`() async throws {
        try await withEngine(.memory, [notes]) { engine async throws in
            let stream = engine.changes(in: ["note"])
            let listening = Task {
                var count = 0
                for await _ in stream { count += 1 }
                return count
            }
            listening.cancel()
            #expect(await listening.value == 0)
        }
    }

    @Test(arguments: Backing.allCases) func `a closed engine says so`(_ backing: Backing) async throws {
        try await withEngine(backing, [notes]) { engine async throws in
            await engine.close()
            await engine.close()
            #expect(await code { try await engine.notes() } == .closed)
            #expect(await code { try await engine.write { try $0.note("a") } } == .closed)
            var heard = engine.changes(in: ["note"]).makeAsyncIterator()
            #expect(await heard.next() == nil)
        }
    }

    @Test(arguments: Backing.allCases) func `a sound database has no findings and a size`(_ backing: Backing) async throws {
        try await withEngine(backing, [notes]) { engine async throws in
            #expect(try await engine.check() == [])
            let before = try await engine.size()
            try await engine.write { transaction in
                for i in 0..<200 { try transaction.note(String(repeating: "x", count: 1_000) + "\(i)") }
            }
            #expect(try await engine.size() >= before + 200_000)
        }
    }
}
