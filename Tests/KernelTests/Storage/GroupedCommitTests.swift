import Foundation
import PluginAPI
import Synchronization
import Testing

@testable import Kernel

@Suite struct GroupedCommitTests {
    struct Refused: Error {}

    /// Holds the writer until `release` is called, so that what comes meanwhile queues.
    static func hold(_ engine: SQLiteEngine) async -> (release: @Sendable () -> Void, done: Task<Void, any Error>) {
        let begun = AsyncStream<Void>.makeStream()
        let gate = DispatchSemaphore(value: 0)
        let done = Task {
            try await engine.write { _ in
                begun.continuation.yield()
                gate.wait()
            }
        }
        for await _ in begun.stream { break }
        return ({ gate.signal() }, done)
    }

    @Test(arguments: Backing.allCases) func `a thousand writers share few commits, and each fails alone`(_ backing: Backing) async throws {
        try await withEngine(backing, [notes], options: .init(groupLimit: 100)) { engine async throws in
            let before = engine.commits
            let failed = await withTaskGroup(of: Int?.self) { group in
                for i in 0..<1_000 {
                    group.addTask {
                        do {
                            try await engine.write { transaction in
                                try transaction.note("\(i)")
                                if i % 10 == 3 { throw Refused() }
                                // A constraint inside a group, too, is one writer's own.
                                if i % 10 == 7 { try transaction.note("\(i)") }
                            }
                            return nil
                        } catch { return i }
                    }
                }
                return await group.reduce(into: Set<Int>()) { if let i = $1 { $0.insert(i) } }
            }
            #expect(failed == Set((0..<1_000).filter { $0 % 10 == 3 || $0 % 10 == 7 }))
            let stored = Set(try await engine.notes().compactMap { Int($0) })
            #expect(stored == Set(0..<1_000).subtracting(failed))
            // Never more than 100 together; how many fewer commits than writers there are is the machine's.
            #expect((10...500).contains(engine.commits - before))
        }
    }

    @Test(arguments: Backing.allCases) func `what waits is committed together, up to the limit`(_ backing: Backing) async throws {
        try await withEngine(backing, [notes], options: .init(groupLimit: 8)) { engine async throws in
            let (release, held) = await Self.hold(engine)
            let before = engine.commits
            let writers = (0..<20).map { i in Task { try await engine.write { try $0.note("\(i)") } } }
            while engine.waiting < 20 { await Task.yield() }
            release()
            try await held.value
            for writer in writers { _ = try await writer.value }
            // The one that held, and 20 in groups of 8.
            #expect(engine.commits - before == 4)
            #expect(try await engine.notes().count == 20)
        }
    }

    @Test(arguments: Backing.allCases) func `a writer that is cancelled while it waits changes nothing`(_ backing: Backing) async throws {
        try await withEngine(backing, [notes]) { engine async throws in
            let (release, held) = await Self.hold(engine)
            let writers = (0..<10).map { i in Task { try await engine.write { try $0.note("\(i)") } } }
            while engine.waiting < 10 { await Task.yield() }
            for (i, writer) in writers.enumerated() where i % 2 == 0 { writer.cancel() }
            // Cancelled writers return while the queue still stands.
            for (i, writer) in writers.enumerated() where i % 2 == 0 {
                await #expect(throws: CancellationError.self) { try await writer.value }
            }
            release()
            try await held.value
            for (i, writer) in writers.enumerated() where i % 2 == 1 { #expect(try await writer.value == 1) }
            #expect(Set(try await engine.notes()) == ["1", "3", "5", "7", "9"])
        }
    }

    @Test func `a task that was cancelled before does not write`() async throws {
        try await withEngine(.memory, [notes]) { engine async throws in
            let writer = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await engine.write { try $0.note("late") }
            }
            await #expect(throws: CancellationError.self) { try await writer.value }
            #expect(try await engine.notes() == [])
        }
    }

    @Test func `closing finishes what waits and refuses what comes`() async throws {
        try await withFolder { folder async throws in
            let path = folder.appendingPathComponent("jack.sqlite").path
            let engine = try await SQLiteEngine.open(path: path)
            try await engine.migrate([notes])
            let (release, held) = await Self.hold(engine)
            let outcomes = (0..<50).map { i in
                Task { () -> Bool in
                    do {
                        try await engine.write { try $0.note("\(i)") }
                        return true
                    } catch { return false }
                }
            }
            while engine.waiting < 25 { await Task.yield() }
            async let closed: Void = engine.close()
            for _ in 0..<100 { await Task.yield() }
            release()
            try await held.value
            await closed
            var acknowledged = 0
            for outcome in outcomes where await outcome.value { acknowledged += 1 }
            #expect(acknowledged >= 25)
            #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
            let again = try await SQLiteEngine.open(path: path)
            #expect(try await again.notes().count == acknowledged)
            await again.close()
        }
    }

    @Test func `a transaction that SQLite gives up takes nothing half along`() async throws {
        // The limit is met in the middle of a group: whoever was told of success is there, all others are not.
        try await withEngine(.disk, [notes], options: .init(maximumPages: 120)) { engine async throws in
            let (release, held) = await Self.hold(engine)
            let big = String(repeating: "x", count: 20_000)
            let writers = (0..<60).map { i in
                Task { () -> Int? in
                    do {
                        // Goes on after the fault, as a careless body might.
                        try await engine.write { transaction in
                            _ = try? transaction.note("\(i) \(big)")
                            _ = try? transaction.note("\(i) small")
                        }
                        return i
                    } catch {
                        #expect((error as? StorageError)?.code == .full)
                        return nil
                    }
                }
            }
            while engine.waiting < 60 { await Task.yield() }
            release()
            try await held.value
            var acknowledged: Set<Int> = []
            for writer in writers { if let i = await writer.value { acknowledged.insert(i) } }
            let stored = try await engine.notes()
            #expect(acknowledged.count < 60)
            // A body that swallowed the fault of its first statement may have stored its second; none that failed stored anything.
            #expect(Set(stored.compactMap { Int($0.split(separator: " ")[0]) }).isSubset(of: acknowledged))
            #expect(try await engine.check() == [])
        }
    }
}
