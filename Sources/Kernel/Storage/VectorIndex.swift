/// Exact nearest-neighbour search over vectors of one length, kept in the storage and searched in memory.
public protocol VectorIndex: Sendable {
    var dimensions: Int { get }

    /// How many vectors there are.
    var count: Int { get async }

    /// Puts vectors under their keys, in place of what was there; returns when they are on disk.
    /// - Throws: ``StorageError`` where a vector has another length.
    func put(_ vectors: [(key: String, vector: [Float])]) async throws

    func remove(_ keys: [String]) async throws

    /// The keys nearest to a vector by cosine, nearest first, with the cosine from -1 to 1.
    func nearest(to vector: [Float], limit: Int) async throws -> [(key: String, score: Float)]
}
