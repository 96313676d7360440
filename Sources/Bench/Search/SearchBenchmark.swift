import Butler
import Foundation
import Kernel
import Logging
import PluginAPI

/// Hybrid search through Butler's knowledge base, as an answer uses it.
struct SearchBenchmark {
    var sizes = [1_000, 100_000]
    var questions = 400
    var compared = 40

    /// As the butler asks.
    private static let limit = 4

    func run() async throws -> Table {
        var table = Table(
            name: "search",
            method: """
                Synthetic knowledge (30,000 words distributed by Zipf's law, 500 topics, chunks of 40 to 90 words, \(Corpus.dimensions) dimensions), indexed from Markdown through \
                the knowledge base; \(questions) questions of four to nine words, one after the other, best \(Self.limit) hits; the question's own vector is at hand at once. \
                Compared: the 20 nearest vectors with those of a scan of all in 64-bit arithmetic, and the hits with those that all words of the question and that scan give.
                """)
        let corpus = Corpus()
        for size in sizes { table.measures += try await measure(size, corpus) }
        return table
    }

    private func measure(_ size: Int, _ corpus: Corpus) async throws -> [Measure] {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let migrations = KernelSchema.migrations + ButlerSchema.migrations
        let engine = try await SQLiteEngine.open(path: folder.path + "/jack.db", options: .init(migrations: migrations))
        do {
            try await engine.migrate(migrations)
            let found = try await measure(size, corpus, engine)
            await engine.close()
            return found
        } catch {
            await engine.close()
            throw error
        }
    }

    private func measure(_ size: Int, _ corpus: Corpus, _ engine: SQLiteEngine) async throws -> [Measure] {
        let model = "bench", collection = "knowledge:main:\(model)"
        let base = KnowledgeBase(
            engine: engine, property: "main", settings: KnowledgeSettings(), folder: "knowledge",
            documents: CorpusFolder(corpus: corpus, chunks: size), clock: SystemTime(),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() },
            embed: { texts, _, _ in AIEmbeddings(vectors: texts.map(corpus.vector), model: model) },
            makeIndex: { engine.vectorIndex(collection: $0, dimensions: $1) })
        Progress.say("indexing \(Measure.plain(Double(size))) chunks")
        let begun = Stopwatch.now
        let refresh = try await base.refresh()
        let indexing = Double(Stopwatch.now - begun) / 1e9
        guard refresh.piecesWritten == size else { throw BenchError("\(refresh.piecesWritten) chunks were stored, not \(size)") }
        let index = engine.vectorIndex(collection: collection, dimensions: Corpus.dimensions)

        var hybrid = Times(), vectors = Times(), words = Times()
        let first = Stopwatch.now
        _ = try await base.search(corpus.question(-1), limit: Self.limit)
        let firstSearch = Double(Stopwatch.now - first) / 1e6
        for number in 0..<questions {
            let question = corpus.question(number)
            let begun = Stopwatch.now
            let hits = try await base.search(question, limit: Self.limit)
            hybrid.add(Stopwatch.now - begun)
            guard hits.count == Self.limit else { throw BenchError("“\(question)” found \(hits.count) hits") }
        }
        // The two halves by themselves: where the time goes.
        for number in 0..<questions {
            let question = corpus.question(number), vector = corpus.vector(question)
            var begun = Stopwatch.now
            _ = try await index.nearest(to: vector, limit: Self.limit * 5)
            vectors.add(Stopwatch.now - begun)
            begun = Stopwatch.now
            _ = try await engine.read { try $0.search("knowledge_text", for: question, limit: Self.limit * 5) }
            words.add(Stopwatch.now - begun)
        }
        let exactness = try await compare(size, corpus, engine, base, index)
        let name = "\(Measure.plain(Double(size))) chunks"
        let goal: Measure.Goal? = size >= 100_000 ? .below(20) : nil
        return [
            Measure("\(name): p50", hybrid.milliseconds(at: 0.5), "ms"), Measure("\(name): p95", hybrid.milliseconds(at: 0.95), "ms", goal: goal),
            Measure("\(name): p99", hybrid.milliseconds(at: 0.99), "ms"), Measure("\(name): first search", firstSearch, "ms"),
            Measure("\(name): words alone, p95", words.milliseconds(at: 0.95), "ms"),
            Measure("\(name): vectors alone, p95", vectors.milliseconds(at: 0.95), "ms"),
            Measure("\(name): nearest vectors that are the true ones", exactness.vectors, "%", goal: .exactly(100)),
            Measure("\(name): hits that an exhaustive search has", exactness.hits, "%"),
            Measure("\(name): same best hit as an exhaustive search", exactness.best, "%"),
            Measure("\(name): indexing", indexing, "s"),
        ]
    }

    private func compare(
        _ size: Int, _ corpus: Corpus, _ engine: SQLiteEngine, _ base: KnowledgeBase, _ index: any VectorIndex
    ) async throws -> (vectors: Double, hits: Double, best: Double) {
        Progress.say("comparing with an exhaustive search")
        let stored = try await engine.read {
            try $0.rows("SELECT key, vector FROM vector").map { (key: try $0.string("key"), vector: Self.floats(try $0.blob("vector"))) }
        }
        guard stored.count == size else { throw BenchError("\(stored.count) vectors are stored, not \(size)") }
        var sameVectors = 0, allVectors = 0, sameHits = 0, allHits = 0, sameBest = 0
        let count = Self.limit * 5
        for number in 0..<compared {
            let question = corpus.question(number), vector = corpus.vector(question)
            let all = stored.map { (key: $0.key, score: Self.cosine($0.vector, vector)) }.sorted { ($1.score, $0.key) < ($0.score, $1.key) }
            let found = try await index.nearest(to: vector, limit: count)
            // By score: of two equally near, either is right.
            let worst = all[min(count, all.count) - 1].score - 1e-6
            let near = Set(all.prefix { $0.score >= worst }.map(\.key))
            sameVectors += found.count { near.contains($0.key) }
            allVectors += min(count, all.count)

            let phrases = question.split(whereSeparator: { !$0.isLetter }).map { "\"\($0)\"" + ($0.count >= 4 ? "*" : "") }.joined(separator: " OR ")
            let byWords = try await engine.read { reader in
                try reader.rows(
                    "SELECT key FROM knowledge_text WHERE knowledge_text MATCH :q ORDER BY rank, rowid LIMIT :n", ["q": phrases.sql, "n": count.sql]
                )
                .map { try $0.string("key") }
            }
            var scores: [String: Double] = [:]
            for (rank, key) in byWords.enumerated() { scores[key, default: 0] += 1 / Double(60 + rank) }
            for (rank, hit) in all.prefix(count).enumerated() { scores[hit.key, default: 0] += 1 / Double(60 + rank) }
            let wanted = scores.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(Self.limit).map(\.key)
            let hits = try await base.search(question, limit: Self.limit).map(\.id)
            sameHits += hits.count { wanted.contains($0) }
            allHits += wanted.count
            if hits.first == wanted.first { sameBest += 1 }
        }
        func percent(_ part: Int, _ whole: Int) -> Double { whole == 0 ? .nan : (Double(part) / Double(whole) * 1000).rounded() / 10 }
        return (percent(sameVectors, allVectors), percent(sameHits, allHits), percent(sameBest, compared))
    }

    private static func floats(_ bytes: [UInt8]) -> [Float] {
        bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))) }
        }
    }

    private static func cosine(_ a: [Float], _ b: [Float]) -> Double {
        var product = 0.0, lengthA = 0.0, lengthB = 0.0
        for place in a.indices {
            product += Double(a[place]) * Double(b[place])
            lengthA += Double(a[place]) * Double(a[place])
            lengthB += Double(b[place]) * Double(b[place])
        }
        return lengthA > 0 && lengthB > 0 ? product / (lengthA * lengthB).squareRoot() : 0
    }
}
