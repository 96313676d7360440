/// What vectors from a vendor go through before anybody compares them.
public enum EmbeddingVectors {
    /// Vectors as they were asked for: as many, each of `dimensions` numbers and of length 1.
    /// - Throws: ``PluginFailure``: not ready where some are missing or are no direction; permanent where the model's have another number of numbers.
    public static func checked(_ vectors: [[Float]], count: Int, dimensions: Int?) throws -> [[Float]] {
        guard vectors.count == count else {
            throw PluginFailure.notReady(.malformedReply, "\(count) vectors were asked for, and \(vectors.count) came")
        }
        return try vectors.map { vector in
            if let dimensions, vector.count != dimensions {
                throw PluginFailure.permanent(
                    .configuration, "the model's vectors have \(vector.count) numbers, and embedding_dimensions says \(dimensions)")
            }
            guard let vector = normalized(vector) else {
                throw PluginFailure.notReady(.malformedReply, "a vector came that has no direction")
            }
            return vector
        }
    }

    /// The vector at length 1; nil where it is empty, all zero, or holds what is no number.
    public static func normalized(_ vector: [Float]) -> [Float]? {
        let square = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
        guard square.isFinite, square > 0 else { return nil }
        let length = square.squareRoot()
        return vector.map { Float(Double($0) / length) }
    }

    /// A name for ``AIFeatures/embeddingModel``: another one whenever vectors can no longer be compared.
    /// - Parameter prefixes: what is put before the texts; it changes the vectors.
    public static func name(_ provider: String, model: String, dimensions: Int?, prefixes: [String] = []) -> String {
        var name = "\(provider):\(model)" + (dimensions.map { ":\($0)" } ?? "")
        if prefixes.contains(where: { !$0.isEmpty }) {
            // FNV-1a, which, other than Swift's own hash, is the same in every process.
            let hash = prefixes.joined(separator: "\0").utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
            name += ":" + String(hash, radix: 16)
        }
        return name
    }
}
