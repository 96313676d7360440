import CoreMetrics
import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization

/// What the hotel knows, searchable by words and by meaning, and kept in step with its folder.
public final class KnowledgeBase: Sendable {
    /// A piece of knowledge that fits a question.
    public struct Hit: Sendable, Hashable {
        public var id: String
        /// The entry that the piece belongs to.
        public var entry: String
        public var title: String
        public var category: String
        public var language: String
        public var text: String
        /// How guests ask for it, one a line.
        public var questions: String
        /// How well it fits among the hits, by words and by meaning; higher is better.
        public var score: Double
        /// The cosine of its meaning to the question's; nil without vectors.
        public var similarity: Double?
    }

    /// What a look at the folder changed.
    public struct Refresh: Sendable, Hashable {
        public var filesRead = 0
        public var piecesWritten = 0
        public var piecesRemoved = 0
        public var problems: [String] = []
    }

    /// Makes vectors; nil where there is nobody to ask at the moment.
    /// - Parameter limit: how long it may take; nil for what is usual.
    public typealias Embed = @Sendable (_ texts: [String], _ use: EmbeddingUse, _ limit: Duration?) async throws -> AIEmbeddings

    let engine: any StorageEngine
    let property: String
    private let settings: KnowledgeSettings
    private let folder: String
    private let documents: any DocumentSource
    private let clock: any TimeSource
    private let logger: Logger
    let embed: Embed?
    /// The vectors; replaced when another model makes them.
    private let makeIndex: @Sendable (_ collection: String, _ dimensions: Int) async throws -> any VectorIndex
    struct Inner {
        var stamps: [String: DocumentStamp] = [:]
        var vectors: (model: String, index: any VectorIndex)?
        /// Vectors that no piece has any more, as far as they could not be taken out yet.
        var orphans: Set<String> = []
        /// True where it was said that there is nobody to make vectors.
        var saidSo = false
        /// True where vectors are missing, because there was nobody to make them.
        var lacksVectors = false
        /// Searches that wait for the first look; nil where none is expected, or it has been taken.
        var waiting: [CheckedContinuation<Void, Never>]?
    }
    let inner = Mutex(Inner())

    public init(
        engine: any StorageEngine, property: String, settings: KnowledgeSettings, folder: String, documents: any DocumentSource,
        clock: any TimeSource,
        logger: Logger, embed: Embed?, makeIndex: @escaping @Sendable (_ collection: String, _ dimensions: Int) async throws -> any VectorIndex
    ) {
        self.engine = engine
        self.property = property
        self.settings = settings
        self.folder = folder
        self.documents = documents
        self.clock = clock
        self.logger = logger
        self.embed = embed
        self.makeIndex = makeIndex
    }

    /// Says that ``run()`` is about to take its first look: searches wait for it from now on, but not longer than `limit`.
    ///
    /// Without it, what waited in the inbox of a process that was killed would be looked up in an index that is not loaded yet, and handed to staff.
    public func expectFirstLook(within limit: Duration = .seconds(120)) {
        inner.withLock { $0.waiting = $0.waiting ?? [] }
        let clock = clock
        Task { [weak self] in
            try? await clock.sleep(for: limit)
            self?.firstLookTaken()
        }
    }

    private func firstLookTaken() {
        let waiting = inner.withLock { inner in
            defer { inner.waiting = nil }
            return inner.waiting ?? []
        }
        waiting.forEach { $0.resume() }
    }

    /// Returns when the first look has been taken, or none is expected.
    public func firstLook() async {
        await withCheckedContinuation { continuation in
            let mayGoOn = inner.withLock { inner in
                inner.waiting?.append(continuation)
                return inner.waiting == nil
            }
            if mayGoOn { continuation.resume() }
        }
    }

    /// Looks at the folder until the task is cancelled.
    /// - Parameter preparation: what else must be done before the first look counts as taken; it is done beside it.
    public func run(preparation: @escaping @Sendable () async -> Void = {}) async {
        defer { firstLookTaken() }
        let prepared = Task { await preparation() }
        while !Task.isCancelled {
            do {
                let refresh = try await refresh()
                if refresh.filesRead > 0 || refresh.piecesRemoved > 0 {
                    logger.info(
                        "knowledge indexed",
                        metadata: ["files": "\(refresh.filesRead)", "written": "\(refresh.piecesWritten)", "removed": "\(refresh.piecesRemoved)"])
                }
                for problem in refresh.problems { logger.warning("knowledge file", metadata: ["problem": "\(problem)"]) }
            } catch is CancellationError {
                return
            } catch {
                logger.error("the knowledge folder cannot be indexed", metadata: ["folder": "\(folder)", "error": "\(error)"])
            }
            await prepared.value
            firstLookTaken()
            guard (try? await clock.sleep(for: settings.refresh)) != nil else { return }
        }
    }

    /// Reads what changed since the last look, and writes what differs from what is stored.
    @discardableResult
    public func refresh() async throws -> Refresh {
        let stamps = try documents.files(in: folder).filter { KnowledgeReader.reads($0.key) }
        let before = inner.withLock { $0.stamps }
        let changed = stamps.filter { before[$0.key] != $0.value }.keys.sorted()
        let property = property
        let storedFiles = try await engine.read { reader in
            Set(
                try reader.rows("SELECT DISTINCT file FROM knowledge WHERE property = :property", ["property": property.sql]).map {
                    try $0.string("file")
                })
        }
        let gone = storedFiles.subtracting(stamps.keys)
        var result = Refresh()
        guard !changed.isEmpty || !gone.isEmpty else {
            if inner.withLock({ $0.lacksVectors }) { try await embedMissing() }
            return result
        }
        let reader = KnowledgeReader(documents: documents)
        var pieces: [String: [KnowledgePiece]] = [:]
        for name in changed {
            var diagnostics = Diagnostics()
            let entries = reader.read("\(folder)/\(name)", name: name, &diagnostics)
            result.problems += diagnostics.sorted.map(\.description)
            result.filesRead += 1
            // A file that cannot be read at all leaves what was known: half an edit must not make Jack forget.
            if entries.isEmpty, diagnostics.hasErrors { continue }
            pieces[name] = entries.flatMap { KnowledgePiece.cut($0, length: settings.chunkLength) }
        }
        result.problems += Self.duplicates(in: pieces)
        try await write(pieces, gone: gone, &result)
        // What is stored need not be read again, whatever becomes of the vectors.
        inner.withLock { ($0.stamps, $0.lacksVectors) = (stamps, true) }
        try await embedMissing()
        return result
    }

    /// An id that stands twice would hide one of its entries without a word.
    private static func duplicates(in pieces: [String: [KnowledgePiece]]) -> [String] {
        var files: [String: String] = [:], problems: [String] = []
        for (file, pieces) in pieces.sorted(by: { $0.key < $1.key }) {
            for piece in pieces {
                if let other = files[piece.id] {
                    problems.append(
                        "\(file): the entry “\(piece.entry.id)” stands in \(other) already; give it another id or title, or it may not be found")
                }
                files[piece.id] = file
            }
        }
        return problems
    }

    private func write(_ pieces: [String: [KnowledgePiece]], gone: Set<String>, _ result: inout Refresh) async throws {
        let property = property
        let (written, removed) = try await engine.write { transaction in
            var written = 0, removed: [String] = []
            for file in Set(pieces.keys).union(gone) {
                let stored = try transaction.rows(
                    "SELECT id, hash FROM knowledge WHERE property = :property AND file = :file", ["property": property.sql, "file": file.sql])
                let wanted = Dictionary((pieces[file] ?? []).map { ($0.id, $0) }) { first, _ in first }
                let known = Dictionary(try stored.map { (try $0.string("id"), try $0.string("hash")) }) { first, _ in first }
                for id in known.keys where wanted[id] == nil {
                    try transaction.run("DELETE FROM knowledge WHERE id = :id AND property = :property", ["id": id.sql, "property": property.sql])
                    try transaction.unindex("knowledge_text", key: id)
                    removed.append(id)
                }
                for piece in wanted.values where known[piece.id] != piece.hash {
                    try piece.store(property: property, in: transaction)
                    written += 1
                }
            }
            return (written, removed)
        }
        result.piecesWritten = written
        result.piecesRemoved = removed.count
        inner.withLock { $0.orphans.formUnion(removed) }
    }

    /// Makes the vectors that are missing, or that another model made.
    private func embedMissing() async throws {
        guard let embed else { return inner.withLock { $0.lacksVectors = false } }
        let property = property
        let probe: AIEmbeddings
        do {
            probe = try await embed(["hotel"], .document, nil)
        } catch {
            if error is CancellationError { throw error }
            // Said once: it is tried again at every look.
            let isNews = inner.withLock { inner in
                defer { inner.saidSo = true }
                return !inner.saidSo
            }
            if isNews { logger.warning("no vectors can be made; words alone are searched", metadata: ["error": "\(error)"]) }
            return
        }
        let model = probe.model
        if inner.withLock({ $0.vectors?.model }) != model {
            let index = try await makeIndex("knowledge:\(property):\(model)", probe.vectors[0].count)
            inner.withLock { $0.vectors = (model, index) }
        }
        guard let index = inner.withLock({ $0.vectors?.index }) else { return }
        let orphans = inner.withLock { $0.orphans }
        // Before the new ones are made: what moved to another file has the id of what is gone.
        try await index.remove(Array(orphans))
        inner.withLock { $0.orphans.subtract(orphans) }
        var last = ""
        while true {
            // From where the last portion ended: looking from the beginning each time takes minutes in a large collection.
            let after = last
            let batch = try await engine.read { reader in
                try reader.rows(
                    """
                    SELECT id, title, questions, text, keywords FROM knowledge
                    WHERE property = :property AND id > :after AND (embedding IS NULL OR embedding <> :model) ORDER BY id LIMIT 64
                    """, ["property": property.sql, "after": after.sql, "model": model.sql]
                ).map { row in
                    // How guests ask for it belongs to its meaning as much as what the hotel says.
                    let parts = try ["title", "questions", "text", "keywords"].map { try row.string($0) }
                    return (id: try row.string("id"), text: parts.filter { !$0.isEmpty }.joined(separator: "\n"))
                }
            }
            guard let end = batch.last?.id else { break }
            last = end
            let vectors = try await embed(batch.map(\.text), .document, nil).vectors
            try await index.put(zip(batch, vectors).map { ($0.id, $1) })
            try await engine.write { transaction in
                for piece in batch {
                    try transaction.run(
                        "UPDATE knowledge SET embedding = :model WHERE id = :id AND property = :property",
                        ["model": model.sql, "id": piece.id.sql, "property": property.sql])
                }
            }
        }
        inner.withLock { ($0.lacksVectors, $0.saidSo) = (false, false) }
        // Reads the vectors into memory now, so that the first guest who asks does not wait for it.
        if let vector = probe.vectors.first { _ = try await index.nearest(to: vector, limit: 1) }
    }

    /// How many pieces are stored.
    public func count() async throws -> Int {
        let property = property
        return try await engine.read {
            try $0.row("SELECT COUNT(*) AS n FROM knowledge WHERE property = :property", ["property": property.sql])?.int("n") ?? 0
        }
    }
}
