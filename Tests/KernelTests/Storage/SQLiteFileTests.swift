import Foundation
import Kernel
import PluginAPI
import Testing

/// Files that are new, foreign, damaged, newer, locked, full or not to be written.
@Suite struct SQLiteFileTests {
    /// A closed file with some hundred rows.
    private func made(_ folder: URL, rows: Int = 400) async throws -> URL {
        let file = folder.appendingPathComponent("jack.sqlite")
        let engine = try await SQLiteEngine.open(path: file.path)
        try await engine.migrate([notes])
        try await engine.write { transaction in
            for i in 0..<rows { try transaction.note("\(i) " + String(repeating: "x", count: 500)) }
        }
        await engine.close()
        return file
    }

    private func refusal(_ file: URL, _ options: SQLiteEngine.Options = .init()) async throws -> StorageError {
        let before = try Data(contentsOf: file)
        let error = await #expect(throws: StorageError.self) { _ = try await SQLiteEngine.open(path: file.path, options: options) }
        #expect(try Data(contentsOf: file) == before, "what is refused stays as it was")
        #expect(try FileManager.default.contentsOfDirectory(atPath: file.deletingLastPathComponent().path) == [file.lastPathComponent])
        return try #require(error)
    }

    private func sqlite(_ file: URL, _ sql: String) throws {
        let process = try python("import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.executescript(sys.argv[2]); db.close()", file.path, sql)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    private func python(_ script: String, _ arguments: String..., output: Pipe? = nil, input: Pipe? = nil) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [ProcessInfo.processInfo.environment["JACK_PYTHON"] ?? "python3", "-c", script] + arguments
        if let output { process.standardOutput = output }
        if let input { process.standardInput = input }
        try process.run()
        return process
    }

    @Test func `a new file and its folder are their user's alone`() async throws {
        try await withFolder { folder async throws in
            let path = folder.appendingPathComponent("a/b/jack.sqlite").path
            let engine = try await SQLiteEngine.open(path: path)
            try await engine.migrate([notes])
            for name in [path, path + "-wal", path + "-shm"] {
                #expect(try FileManager.default.attributesOfItem(atPath: name)[.posixPermissions] as? Int == 0o600, "\(name)")
            }
            #expect(try FileManager.default.attributesOfItem(atPath: folder.appendingPathComponent("a").path)[.posixPermissions] as? Int == 0o700)
            await engine.close()
        }
    }

    @Test func `a commit is on disk, and a file's content is not trusted`() async throws {
        try await withEngine(.disk) { engine async throws in
            func setting(_ name: String) async throws -> SQLValue? {
                try await engine.write { try $0.row("SELECT * FROM pragma_\(name)")?[name] }
            }
            #expect(try await setting("journal_mode") == .text("wal"))
            #expect(try await setting("synchronous") == .int(2))
            #expect(try await setting("foreign_keys") == .int(1))
            #expect(try await setting("trusted_schema") == .int(0))
            #expect(try await setting("secure_delete") == .int(1))
        }
    }

    @Test(arguments: [nil, "", ":memory:"] as [String?]) func `without a path nothing is kept`(_ path: String?) async throws {
        let engine = try await SQLiteEngine.open(path: path)
        #expect(engine.path == nil)
        try await engine.migrate([notes])
        try await engine.write { try $0.note("a") }
        #expect(try await engine.notes() == ["a"])
        await engine.close()
        #expect(!FileManager.default.fileExists(atPath: ":memory:"))
    }

    @Test func `what was committed is there after a restart, and after a crash`() async throws {
        try await withFolder { folder async throws in
            let path = folder.appendingPathComponent("jack.sqlite").path
            let copy = folder.appendingPathComponent("copy.sqlite").path
            let engine = try await SQLiteEngine.open(path: path)
            try await engine.migrate([notes])
            try await engine.write { try $0.note("kept") }
            // What a process that is killed leaves behind: the main file and a log that was not brought into it.
            for tail in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + tail, toPath: copy + tail) }
            await engine.close()
            for path in [path, copy] {
                let again = try await SQLiteEngine.open(path: path, options: .init(migrations: [notes]))
                #expect(try await again.notes() == ["kept"])
                await again.close()
            }
        }
    }

    @Test func `a file killed before its first transaction is begun anew`() async throws {
        try await withFolder { folder async throws in
            let file = folder.appendingPathComponent("jack.sqlite")
            try sqlite(file, "PRAGMA journal_mode = WAL; CREATE TABLE x (y); DROP TABLE x")
            let engine = try await SQLiteEngine.open(path: file.path)
            #expect(try await engine.migrate([notes]) == [notes.name])
            await engine.close()
        }
    }

    @Test func `a newer schema is refused and untouched`() async throws {
        try await withFolder { folder async throws in
            let file = try await made(folder)
            let error = try await refusal(file, .init(migrations: KernelSchema.migrations))
            #expect(error.code == .newerSchema)
            #expect(error.message.contains(notes.name) && error.message.contains("backup"))
            try sqlite(file, "PRAGMA user_version = 99")
            #expect(try await refusal(file).code == .newerSchema)
        }
    }

    @Test func `a newer schema is refused even where the last run was killed`() async throws {
        try await withFolder { folder async throws in
            let path = folder.appendingPathComponent("jack.sqlite").path
            let copy = folder.appendingPathComponent("copy.sqlite").path
            let engine = try await SQLiteEngine.open(path: path)
            try await engine.migrate([notes])
            for tail in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + tail, toPath: copy + tail) }
            await engine.close()
            let before = try ["", "-wal"].map { try Data(contentsOf: URL(fileURLWithPath: copy + $0)) }
            #expect(await code { try await SQLiteEngine.open(path: copy, options: .init(migrations: KernelSchema.migrations)) } == .newerSchema)
            #expect(try ["", "-wal"].map { try Data(contentsOf: URL(fileURLWithPath: copy + $0)) } == before)
        }
    }

    @Test func `another program's database is refused`() async throws {
        try await withFolder { folder async throws in
            let file = folder.appendingPathComponent("photos.db")
            try sqlite(file, "CREATE TABLE photo (id INTEGER)")
            let error = try await refusal(file)
            #expect(error.code == .unreadable)
            #expect(error.message.contains("another program"))
            try sqlite(file, "DROP TABLE photo; PRAGMA application_id = 7")
            #expect(try await refusal(file).code == .unreadable)
        }
    }

    @Test func `a file that is no database is refused`() async throws {
        try await withFolder { folder async throws in
            let file = folder.appendingPathComponent("jack.sqlite")
            try Data("these are the towels you are looking for\n".utf8 + [UInt8](repeating: 65, count: 5_000)).write(to: file)
            #expect(try await refusal(file).code == .corrupt)
        }
    }

    @Test(arguments: [0.02, 0.3, 0.5, 0.7, 0.95]) func `damage is found at start, with the way back`(_ place: Double) async throws {
        try await withFolder { folder async throws in
            let file = try await made(folder)
            var bytes = try Data(contentsOf: file)
            let start = Int(Double(bytes.count) * place)
            for i in start..<min(start + 6_000, bytes.count) { bytes[i] = UInt8(truncatingIfNeeded: i &* 31 &+ 7) }
            try bytes.write(to: file)
            let error = try await refusal(file)
            #expect(error.code == .corrupt)
            for part in [file.path, "-wal", "stop Jack", "backup", "jack db check"] { #expect(error.message.contains(part)) }
        }
    }

    @Test func `a file cut short is refused`() async throws {
        try await withFolder { folder async throws in
            let file = try await made(folder)
            try Data(contentsOf: file).prefix(50_000).write(to: file)
            #expect(try await refusal(file).code == .corrupt)
        }
    }

    @Test func `a check names references that lead nowhere`() async throws {
        try await withFolder { folder async throws in
            let file = try await made(folder, rows: 2)
            try sqlite(file, "INSERT INTO note (id, text, parent) VALUES (77, 'orphan', 99)")
            let engine = try await SQLiteEngine.open(path: file.path, options: .init(access: .readOnly))
            #expect(try await engine.check() == ["row 77 of note refers to a row of note that is not there"])
            await engine.close()
        }
    }

    @Test func `another process that holds the file stops writers, not readers`() async throws {
        try await withFolder { folder async throws in
            let file = try await made(folder, rows: 3)
            let engine = try await SQLiteEngine.open(path: file.path, options: .init(busyTimeout: .milliseconds(50)))
            let output = Pipe()
            let input = Pipe()
            let holder = try python(
                """
                import sqlite3, sys
                db = sqlite3.connect(sys.argv[1], isolation_level=None)
                db.execute('BEGIN EXCLUSIVE')
                print('held', flush=True)
                sys.stdin.readline()
                db.rollback()
                """,
                file.path, output: output, input: input)
            #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self).hasPrefix("held"))
            let error = await #expect(throws: StorageError.self) { try await engine.write { try $0.note("a") } }
            #expect(error?.code == .busy)
            #expect(error?.message.contains("another process") == true)
            #expect(try await engine.notes().count == 3)
            input.fileHandleForWriting.write(Data("\n".utf8))
            holder.waitUntilExit()
            try await engine.write { try $0.note("a") }
            #expect(try await engine.notes().count == 4)
            await engine.close()
        }
    }

    @Test func `reading alone changes nothing, also beside a writer`() async throws {
        try await withFolder { folder async throws in
            let file = try await made(folder, rows: 3)
            let before = try Data(contentsOf: file)
            let reader = try await SQLiteEngine.open(path: file.path, options: .init(access: .readOnly))
            #expect(try await reader.notes().count == 3)
            #expect(await code { try await reader.write { try $0.note("a") } } == .readOnly)
            #expect(try await reader.check() == [])
            await reader.close()
            #expect(try Data(contentsOf: file) == before)
            let writer = try await SQLiteEngine.open(path: file.path)
            try await writer.write { try $0.note("a") }
            let beside = try await SQLiteEngine.open(path: file.path, options: .init(access: .readOnly))
            #expect(try await beside.notes().count == 4)
            await beside.close()
            await writer.close()
            #expect(await code { try await SQLiteEngine.open(path: folder.path + "/none", options: .init(access: .readOnly)) } == .unreadable)
        }
    }

    @Test func `a limit that is met is a full disk, and there is a way out`() async throws {
        try await withEngine(.disk, [notes], options: .init(maximumPages: 120)) { engine async throws in
            let acknowledged = try await fill(engine)
            #expect(try await engine.notes().count == acknowledged)
            // Deleting makes room, and writing goes on.
            try await engine.write { try $0.run("DELETE FROM note WHERE id % 2 = 0") }
            try await engine.write { try $0.note("after") }
            #expect(try await engine.check() == [])
        }
    }

    /// Writes until the disk is full; returns how many were acknowledged.
    private func fill(_ engine: SQLiteEngine) async throws -> Int {
        for i in 0..<20_000 {
            do { try await engine.write { try $0.note("\(i) " + String(repeating: "x", count: 4_000)) } } catch {
                let error = try #require(error as? StorageError)
                #expect(error.code == .full)
                #expect(error.message.contains("free space") && error.message.contains("nothing acknowledged was lost"))
                return i
            }
        }
        Issue.record("the disk was never full")
        return 0
    }
}
