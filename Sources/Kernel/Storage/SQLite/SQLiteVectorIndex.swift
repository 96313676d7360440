import Foundation
import Synchronization

/// A ``VectorIndex`` in the table `vector`, read into memory on first use and kept in step with what is committed.
///
/// A row holds the vector as it was given: 32-bit floats, little endian.
public final class SQLiteVectorIndex: VectorIndex {
    private enum Change: Sendable {
        case put([(key: String, vector: [Float])])
        case remove([String])
    }

    private struct State {
        var matrix: VectorMatrix?
        var loading: Task<VectorMatrix, any Error>?
        /// What was committed while loading, in the order of commits. Loading may have seen it or not; done again, the outcome is the same.
        var missed: [Change] = []
    }

    public let dimensions: Int
    private let engine: SQLiteEngine
    private let collection: String
    private let state = Mutex(State())

    init(engine: SQLiteEngine, collection: String, dimensions: Int) {
        self.engine = engine
        self.collection = collection
        self.dimensions = dimensions
    }

    public var count: Int {
        get async {
            if let count = state.withLock({ $0.matrix?.count }) { return count }
            let collection = collection
            let counted = try? await engine.read { reader in
                try reader.row("SELECT count(*) AS n FROM vector WHERE collection = :collection", ["collection": collection.sql])?.int("n")
            }
            return (counted ?? nil) ?? 0
        }
    }

    public func put(_ vectors: [(key: String, vector: [Float])]) async throws {
        for (key, vector) in vectors {
            try check(vector, "the vector of “\(key)”")
        }
        // In portions, so that others may write in between.
        for start in stride(from: 0, to: vectors.count, by: 1_000) {
            let portion = Array(vectors[start..<min(start + 1_000, vectors.count)])
            try await engine.write { [self] transaction in
                for (key, vector) in portion {
                    try transaction.run(
                        """
                        INSERT INTO vector (collection, key, vector) VALUES (:collection, :key, :vector)
                        ON CONFLICT (collection, key) DO UPDATE SET vector = excluded.vector
                        """, ["collection": collection.sql, "key": key.sql, "vector": Self.bytes(vector).sql])
                }
                transaction.afterCommit { [self] in note(.put(portion)) }
            }
        }
    }

    public func remove(_ keys: [String]) async throws {
        guard !keys.isEmpty else { return }
        try await engine.write { [self] transaction in
            for key in keys {
                try transaction.run(
                    "DELETE FROM vector WHERE collection = :collection AND key = :key", ["collection": collection.sql, "key": key.sql])
            }
            transaction.afterCommit { [self] in note(.remove(keys)) }
        }
    }

    public func nearest(to vector: [Float], limit: Int) async throws -> [(key: String, score: Float)] {
        try check(vector, "the vector to look for")
        guard limit > 0 else { return [] }
        let matrix = try await loaded()
        let workers = min(ProcessInfo.processInfo.activeProcessorCount, 4)
        return await matrix.nearest(to: vector, limit: limit, workers: workers).map { ($0.key, max(-1, min(1, $0.score))) }
    }

    private func check(_ vector: [Float], _ what: String) throws {
        guard vector.count == dimensions else {
            throw StorageError(.unexpectedValue, "\(what) has \(vector.count) numbers, and those of “\(collection)” have \(dimensions)")
        }
        guard vector.allSatisfy(\.isFinite) else { throw StorageError(.unexpectedValue, "\(what) holds what is no number") }
    }

    private func note(_ change: Change) {
        state.withLock { state in
            if state.matrix != nil {
                // In place: taken out into a variable, the matrix would be copied.
                Self.apply(change, to: &state.matrix)
            } else if state.loading != nil {
                state.missed.append(change)
            }
        }
    }

    private static func apply(_ change: Change, to matrix: inout VectorMatrix?) {
        switch change {
        case .put(let vectors): for (key, vector) in vectors { matrix?.put(key, vector) }
        case .remove(let keys): for key in keys { matrix?.remove(key) }
        }
    }

    private func loaded() async throws -> VectorMatrix {
        // Loading is noted before its snapshot is taken, so that no commit falls between.
        let (matrix, loading): (VectorMatrix?, Task<VectorMatrix, any Error>?) = state.withLock { state in
            if let matrix = state.matrix { return (matrix, nil) }
            if let loading = state.loading { return (nil, loading) }
            let loading = Task { try await self.load() }
            state.loading = loading
            return (nil, loading)
        }
        if let matrix { return matrix }
        guard let loading else { return VectorMatrix(dimensions: dimensions) }
        return try await loading.value
    }

    private func load() async throws -> VectorMatrix {
        do {
            let matrix = try await engine.read { [collection, dimensions] in try Self.read($0, collection, dimensions) }
            return state.withLock { state in
                var current: VectorMatrix? = matrix
                for change in state.missed { Self.apply(change, to: &current) }
                state = State(matrix: current)
                return current ?? matrix
            }
        } catch {
            state.withLock { $0 = State() }
            throw error
        }
    }

    private static func read(_ reader: any StorageReader, _ collection: String, _ dimensions: Int) throws -> VectorMatrix {
        var matrix = VectorMatrix(dimensions: dimensions)
        var last = ""
        while true {
            // In portions, so that not all is in memory twice. A key is never empty.
            let rows = try reader.rows(
                "SELECT key, vector FROM vector WHERE collection = :collection AND key > :last ORDER BY key LIMIT 1000",
                ["collection": collection.sql, "last": last.sql])
            for row in rows {
                last = try row.string("key")
                let bytes = try row.blob("vector")
                guard bytes.count == dimensions * 4 else {
                    throw StorageError(
                        .unexpectedValue,
                        """
                        the collection “\(collection)” holds vectors of \(bytes.count / 4) numbers, not \(dimensions): they come from another model \
                        and must be made anew
                        """)
                }
                matrix.put(last, floats(bytes))
            }
            if rows.count < 1000 { return matrix }
        }
    }

    private static func bytes(_ vector: [Float]) -> [UInt8] {
        vector.map(\.bitPattern.littleEndian).withUnsafeBytes { [UInt8]($0) }
    }

    private static func floats(_ bytes: [UInt8]) -> [Float] {
        bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))) }
        }
    }
}
