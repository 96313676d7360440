import Foundation
import PluginAPI
import Testing

@testable import Kernel

@Suite struct SQLiteVectorIndexTests {
    /// The same numbers on every run.
    struct Numbers: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    static func vectors(_ count: Int, _ dimensions: Int, seed: UInt64 = 1) -> [(key: String, vector: [Float])] {
        var numbers = Numbers(state: seed)
        return (0..<count).map { i in ("k\(i)", (0..<dimensions).map { _ in Float.random(in: -1...1, using: &numbers) }) }
    }

    /// The plain way, in double precision.
    static func nearest(_ all: [(key: String, vector: [Float])], to query: [Float], limit: Int) -> [(key: String, score: Double)] {
        func dot(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
        let scored = all.map { ($0.key, dot($0.vector, query) / (dot($0.vector, $0.vector) * dot(query, query)).squareRoot()) }
        return Array(scored.sorted { $0.1 > $1.1 }.prefix(limit))
    }

    @Test(arguments: Backing.allCases) func `the nearest are exact and last`(_ backing: Backing) async throws {
        try await withFolder { folder async throws in
            let path = backing == .disk ? folder.appendingPathComponent("jack.sqlite").path : nil
            var engine = try await SQLiteEngine.open(path: path)
            try await engine.migrate(KernelSchema.migrations)
            // Not a multiple of what is multiplied at once, and more than one block.
            let all = Self.vectors(2_100, 50)
            var index = engine.vectorIndex(collection: "a", dimensions: 50)
            try await index.put(all)
            for query in Self.vectors(5, 50, seed: 9).map(\.vector) {
                let found = try await index.nearest(to: query, limit: 10)
                let expected = Self.nearest(all, to: query, limit: 10)
                #expect(found.map(\.key) == expected.map(\.key))
                for (a, b) in zip(found, expected) { #expect(abs(Double(a.score) - b.score) < 1e-5) }
            }
            #expect(await index.count == 2_100)
            guard backing == .disk else { return await engine.close() }
            await engine.close()
            engine = try await SQLiteEngine.open(path: path)
            index = engine.vectorIndex(collection: "a", dimensions: 50)
            #expect(await index.count == 2_100)
            #expect(try await index.nearest(to: all[7].vector, limit: 1).map(\.key) == ["k7"])
            await engine.close()
        }
    }

    @Test(arguments: [1, 2, 3, 7]) func `several tasks find what one finds`(_ workers: Int) async {
        var matrix = VectorMatrix(dimensions: 10)
        let all = Self.vectors(5_000, 10)
        for (key, vector) in all { matrix.put(key, vector) }
        let query = Self.vectors(1, 10, seed: 5)[0].vector
        let found = await matrix.nearest(to: query, limit: 25, workers: workers, sharedFrom: 0)
        #expect(found.map(\.key) == Self.nearest(all, to: query, limit: 25).map(\.key))
    }

    /// Rows so near to each other that their bytes say nothing, and rows whose bytes are all the same: rounding must never hide one.
    @Test func `rounding to bytes hides no row`() async {
        var numbers = Numbers(state: 3)
        let base = Self.vectors(1, 40)[0].vector
        var all: [(key: String, vector: [Float])] = (0..<400).map { i in
            ("near\(i)", base.map { $0 + Float.random(in: -0.002...0.002, using: &numbers) })
        }
        all += (0..<40).map { i in ("spike\(i)", (0..<40).map { $0 == i ? 1 : Float.random(in: -0.003...0.003, using: &numbers) }) }
        all += [
            ("tiny", base.map { $0 * 1e-20 }), ("huge", base.map { $0 * 1e18 }), ("zero", [Float](repeating: 0, count: 40)),
            ("opposite", base.map { -$0 }),
        ]
        var matrix = VectorMatrix(dimensions: 40)
        for (key, vector) in all { matrix.put(key, vector) }
        for query in [base, all[450 - 50].vector, base.map { -$0 }, [Float](repeating: 1, count: 40)] {
            let found = await matrix.nearest(to: query, limit: 12, workers: 1)
            let expected = Self.nearest(all.filter { $0.key != "zero" }, to: query, limit: 12)
            // Scores, since rows this near may change places in the last digit.
            for (a, b) in zip(found, expected) { #expect(abs(Double(a.score) - b.score) < 1e-5) }
            #expect(found.count == 12)
        }
    }

    @Test func `of equal rows the first keys are found`() async {
        var matrix = VectorMatrix(dimensions: 3)
        for i in (10..<40).shuffled() { matrix.put("k\(i)", [1, 2, 3]) }
        #expect(await matrix.nearest(to: [3, 2, 1], limit: 3, workers: 1).map(\.key) == ["k10", "k11", "k12"])
    }

    @Test(arguments: Backing.allCases) func `vectors are replaced and removed`(_ backing: Backing) async throws {
        try await withEngine(backing) { engine async throws in
            let index = engine.vectorIndex(collection: "a", dimensions: 3)
            try await index.put([("x", [1, 0, 0]), ("y", [0, 2, 0]), ("z", [0, 0, 3])])
            #expect(try await index.nearest(to: [0, 1, 0], limit: 1).map(\.key) == ["y"])
            try await index.put([("y", [-1, 0, 0])])
            #expect(try await index.nearest(to: [0, 1, 0.5], limit: 3).map(\.key) == ["z", "x", "y"])
            try await index.remove(["x", "nobody"])
            let left = try await index.nearest(to: [5, 0, 0], limit: 9)
            #expect(left.map(\.key) == ["z", "y"])
            #expect(left.map(\.score) == [0, -1])
            try await index.remove(["z", "y"])
            #expect(try await index.nearest(to: [5, 0, 0], limit: 9).isEmpty)
            #expect(await index.count == 0)
        }
    }

    @Test func `removing keeps every other vector with its key`() async throws {
        try await withEngine(.memory) { engine async throws in
            var all = Self.vectors(2_500, 8)
            let index = engine.vectorIndex(collection: "a", dimensions: 8)
            try await index.put(all)
            _ = try await index.nearest(to: all[0].vector, limit: 1)
            let gone = all.filter { (Int($0.key.dropFirst()) ?? 0) % 3 == 0 }.map(\.key)
            try await index.remove(gone)
            all.removeAll { gone.contains($0.key) }
            #expect(await index.count == all.count)
            for query in Self.vectors(3, 8, seed: 4).map(\.vector) {
                #expect(try await index.nearest(to: query, limit: 12).map(\.key) == Self.nearest(all, to: query, limit: 12).map(\.key))
            }
        }
    }

    @Test func `collections are apart, and one index serves all who ask`() async throws {
        try await withEngine(.memory) { engine async throws in
            let a = engine.vectorIndex(collection: "a", dimensions: 2)
            let b = engine.vectorIndex(collection: "b", dimensions: 2)
            try await a.put([("k", [1, 0])])
            #expect(try await b.nearest(to: [1, 0], limit: 1).isEmpty)
            let again = engine.vectorIndex(collection: "a", dimensions: 2)
            #expect(try await again.nearest(to: [1, 0], limit: 1).count == 1)
            try await a.put([("l", [0, 1])])
            #expect(try await again.nearest(to: [0, 1], limit: 1).map(\.key) == ["l"])
        }
    }

    @Test func `what does not fit is refused whole`() async throws {
        try await withEngine(.memory) { engine async throws in
            let index = engine.vectorIndex(collection: "a", dimensions: 2)
            #expect(await code { try await index.put([("good", [1, 0]), ("bad", [1, 0, 0])]) } == .unexpectedValue)
            #expect(await code { try await index.put([("nan", [.nan, 0])]) } == .unexpectedValue)
            #expect(await code { try await index.nearest(to: [1], limit: 1).count } == .unexpectedValue)
            #expect(await index.count == 0)
            try await index.put([("zero", [0, 0])])
            #expect(try await index.nearest(to: [1, 0], limit: 1).map(\.score) == [0])
            // Another model's vectors under the same name.
            let other = engine.vectorIndex(collection: "a", dimensions: 3)
            #expect(await code { try await other.nearest(to: [1, 0, 0], limit: 1).count } == .unexpectedValue)
        }
    }

    @Test func `searching while others write, from the first load on`() async throws {
        try await withEngine(.disk) { engine async throws in
            let all = Self.vectors(2_000, 16)
            let first = engine.vectorIndex(collection: "a", dimensions: 16)
            try await first.put(Array(all[..<1_000]))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for part in 0..<10 {
                    group.addTask { try await first.put(Array(all[(1_000 + part * 100)..<(1_100 + part * 100)])) }
                    group.addTask { try await first.remove((part * 10..<part * 10 + 5).map { "k\($0)" }) }
                    group.addTask { () async throws in
                        for i in 0..<5 { #expect(try await first.nearest(to: all[900 + i].vector, limit: 1).map(\.key) == ["k\(900 + i)"]) }
                    }
                }
                try await group.waitForAll()
            }
            // What memory holds is what the disk holds.
            #expect(await first.count == 1_950)
            #expect(try await engine.read { try $0.row("SELECT count(*) AS n FROM vector")?.int("n") } == 1_950)
            for i in [0, 4, 12] { #expect(try await first.nearest(to: all[i].vector, limit: 1).map(\.key) != ["k\(i)"]) }
            for i in [5, 1_000, 1_999] { #expect(try await first.nearest(to: all[i].vector, limit: 1).map(\.key) == ["k\(i)"]) }
        }
    }
}
