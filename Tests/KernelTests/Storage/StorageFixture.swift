import Foundation
import Kernel
import PluginAPI
import Synchronization

/// Where the engine under test keeps its data: the same tests run on each.
enum Backing: String, CaseIterable, Sendable { case disk, memory }

/// A folder that is gone afterwards.
func withFolder<T>(_ body: (URL) async throws -> T) async throws -> T {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("jack-storage-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}

/// An engine with the kernel's tables and these.
func withEngine<T>(
    _ backing: Backing, _ migrations: [Migration] = [], options: SQLiteEngine.Options = .init(), _ body: (SQLiteEngine) async throws -> T
) async throws -> T {
    try await withFolder { folder async throws in
        let engine = try await SQLiteEngine.open(path: backing == .disk ? folder.appendingPathComponent("jack.sqlite").path : nil, options: options)
        do {
            try await engine.migrate(KernelSchema.migrations + migrations)
            let result = try await body(engine)
            await engine.close()
            return result
        } catch {
            await engine.close()
            throw error
        }
    }
}

let notes = Migration(
    "test-001-notes", [.table("note", columns: "id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, parent INTEGER REFERENCES note (id)")])
let texts = Migration("test-002-texts", [.fullText("passage", columns: ["title", "body"])])

extension StorageTransaction {
    @discardableResult
    func note(_ text: String, parent: Int? = nil) throws -> Int {
        try run("INSERT INTO note (text, parent) VALUES (:text, :parent)", ["text": text.sql, "parent": parent.sql])
    }
}

extension StorageEngine {
    func notes() async throws -> [String] { try await read { try $0.rows("SELECT text FROM note ORDER BY id").map { try $0.string("text") } } }
}

/// A wall clock that stands until it is moved.
final class StorageClock: TimeSource {
    private let seconds = Mutex(1_700_000_000.0)

    var now: Date { Date(timeIntervalSince1970: seconds.withLock { $0 }) }
    var monotonic: Duration { .seconds(seconds.withLock { $0 }) }
    func sleep(for duration: Duration) async throws { advance(by: duration) }
    func advance(by duration: Duration) { seconds.withLock { $0 += Double(duration.milliseconds) / 1000 } }
}

/// What a body threw, as a storage error's code.
func code(_ body: () async throws -> some Sendable) async -> StorageError.Code? {
    do {
        _ = try await body()
        return nil
    } catch { return (error as? StorageError)?.code }
}
