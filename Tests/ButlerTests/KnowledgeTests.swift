import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import Butler

@Suite struct KnowledgeReaderTests {
    private let documents = Documents()

    private func read(_ name: String, _ text: String) -> (entries: [KnowledgeEntry], diagnostics: [Diagnostic]) {
        documents[name] = text
        var diagnostics = Diagnostics()
        return (KnowledgeReader(documents: documents).read(name, name: name, &diagnostics), diagnostics.sorted)
    }

    @Test(arguments: ["\n", "\r\n"])
    func markdown(end: String) {
        let text = """
            ---
            title: Rooms
            language: de
            category: room_type
            keywords: [bed, view]
            ---
            # Our rooms
            All rooms are **quiet**.

            ## Sea View!
            See [the page](https://example.com/rooms).
            - a `safe`
            - a kettle

            ### Balcony
            It has two chairs.
            ## Empty
            """
        let (entries, diagnostics) = read("rooms.md", text.replacing("\n", with: end))
        #expect(diagnostics.isEmpty)
        #expect(entries.map(\.id) == ["rooms.md#rooms", "rooms.md#sea-view"])
        #expect(
            entries.map(\.text) == [
                "All rooms are quiet.", "See the page (https://example.com/rooms).\na safe\na kettle\nBalcony\nIt has two chairs.",
            ])
        #expect(entries.map(\.title) == ["Rooms", "Sea View!"])
        #expect(entries.allSatisfy { $0.language == "de" && $0.category == "room_type" && $0.keywords == ["bed", "view"] })
    }

    @Test func markdownWithoutFrontMatter() {
        let (entries, diagnostics) = read("pool.md", "\u{FEFF}The pool is warm.\n## Hours\nFrom 8 to 20.\n")
        #expect(diagnostics.isEmpty)
        #expect(entries.map(\.id) == ["pool.md#pool-md", "pool.md#hours"])
        #expect(entries.allSatisfy { $0.language == "en" && $0.category == "other" })
    }

    @Test func mistakesInFrontMatterHaveTheLineOfTheFile() {
        let (entries, diagnostics) = read("rooms.md", "---\ntitle: Rooms\nlangauge: de\n---\n## A\nText.\n")
        #expect(entries.isEmpty)
        #expect(diagnostics.first?.mark == SourceMark(file: "rooms.md", line: 3, column: 1))
        #expect(diagnostics.first?.description.contains("language") == true)
    }

    @Test func frontMatterThatDoesNotEndIsSaid() {
        let (entries, diagnostics) = read("rooms.md", "---\ntitle: Rooms\n## A\nText.\n")
        #expect(entries.isEmpty && diagnostics.first?.mark?.line == 1)
    }

    @Test func yaml() {
        let (entries, diagnostics) = read(
            "dining.yaml",
            """
            language: en
            category: dining
            entries:
              - id: bar
                title: The bar
                questions: ["Is there a bar?"]
                answer: The bar opens at six.
                keywords: [drinks]
              - {id: menu, title: Speisekarte, answer: Es gibt Fisch., language: de, category: food}
            """)
        #expect(diagnostics.isEmpty)
        #expect(entries.map(\.id) == ["bar", "menu"])
        #expect(entries[0].questions == ["Is there a bar?"] && entries[0].keywords == ["drinks"] && entries[0].category == "dining")
        #expect(entries[1].language == "de" && entries[1].category == "food" && entries[1].file == "dining.yaml")
    }

    @Test func mistakesInYAMLHaveTheirLine() {
        let (entries, diagnostics) = read("dining.yaml", "entries:\n  - id: bar\n    title: The bar\n    anwser: At six.\n")
        #expect(entries.isEmpty)
        #expect(diagnostics.contains { $0.code == .unknownKey && $0.mark?.line == 4 })
        #expect(diagnostics.contains { $0.code == .missing && $0.message.contains("answer") })
    }

    @Test func longEntriesAreCutAtSentences() {
        let sentence = "The pool is open from eight in the morning until eight in the evening."
        let entry = KnowledgeEntry(
            id: "pool", file: "f", title: "Pool", category: "c", language: "en", text: Array(repeating: sentence, count: 10).joined(separator: " "))
        let pieces = KnowledgePiece.cut(entry, length: 200)
        #expect(pieces.count == 5 && pieces.allSatisfy { $0.text.count <= 200 && $0.text.hasSuffix(".") })
        #expect(pieces.map(\.id) == (1...5).map { "en/pool~\($0)" })
        #expect(pieces.map(\.text).joined(separator: " ") == entry.text)
        var short = entry
        short.text = "One line.\nAnother line."
        #expect(KnowledgePiece.cut(short, length: 200).map(\.text) == ["One line.\nAnother line."])
    }

    @Test func theSampleHotelReadsWithoutAMistake() throws {
        try documents.addSampleKnowledge()
        var diagnostics = Diagnostics(), entries: [KnowledgeEntry] = []
        for name in try documents.files(in: "knowledge").keys {
            entries += KnowledgeReader(documents: documents).read("knowledge/\(name)", name: name, &diagnostics)
        }
        #expect(diagnostics.all.isEmpty)
        #expect(entries.count { $0.language == "en" } >= 60)
        #expect(Set(entries.map(\.language)) == ["en", "de", "es", "fr"])
        #expect(Set(entries.map { "\($0.language)/\($0.id)" }).count == entries.count)
    }
}

@Suite struct KnowledgeBaseTests {
    /// Vectors that count letters: alike texts are near each other.
    private final class Model: Sendable {
        private let state = Mutex<(name: String, texts: [String], failure: PluginFailure?)>(("letters-1", [], nil))

        /// The documents it was given since this was last asked, the probe left out.
        var embedded: [String] {
            state.withLock { state in
                defer { state.texts = [] }
                return state.texts.filter { $0 != "hotel" }
            }
        }
        func become(_ name: String) { state.withLock { $0.name = name } }
        func fail(_ failure: PluginFailure?) { state.withLock { $0.failure = failure } }

        func embed(_ texts: [String], _ use: EmbeddingUse) throws -> AIEmbeddings {
            try state.withLock { state in
                if let failure = state.failure { throw failure }
                if use == .document { state.texts += texts }
                let vectors = texts.map { text in
                    let letters = "abcdefghijklmnopqrstuvwxyz".map { letter in Float(text.lowercased().count { $0 == letter }) }
                    let length = letters.reduce(0) { $0 + $1 * $1 }.squareRoot()
                    return letters.map { length == 0 ? 0 : $0 / length }
                }
                return AIEmbeddings(vectors: vectors, model: state.name)
            }
        }
    }

    private func withBase(_ body: (KnowledgeBase, Documents, Model, SQLiteEngine) async throws -> Void) async throws {
        let engine = try await SQLiteEngine.open(path: nil), documents = Documents(), model = Model()
        try await engine.migrate(KernelSchema.migrations + ButlerSchema.migrations)
        documents["k/a.yaml"] =
            "entries:\n  - {id: pool, title: Pool, answer: Swim on the roof.}\n  - {id: bar, title: Bar, answer: Drinks are served at six.}\n"
        documents["k/b.md"] = "---\nlanguage: de\n---\n## Frühstück\nBis zehn Uhr.\n"
        documents["k/notes.txt"] = "not knowledge"
        try await body(Self.base(engine, documents, model), documents, model, engine)
        await engine.close()
    }

    private static func base(_ engine: SQLiteEngine, _ documents: Documents, _ model: Model) -> KnowledgeBase {
        KnowledgeBase(
            engine: engine, property: "main", settings: KnowledgeSettings(), folder: "k", documents: documents, clock: VirtualClock(),
            logger: LogRecorder().logger(),
            embed: { texts, use, _ in try model.embed(texts, use) }, makeIndex: { engine.vectorIndex(collection: $0, dimensions: $1) })
    }

    @Test func onlyWhatChangedIsReadAndWritten() async throws {
        try await withBase { base, documents, model, _ in
            let first = try await base.refresh()
            #expect(first.filesRead == 2 && first.piecesWritten == 3 && first.piecesRemoved == 0 && first.problems.isEmpty)
            #expect(model.embedded.count == 3)
            #expect(try await base.refresh() == KnowledgeBase.Refresh())
            documents["k/a.yaml"] =
                "entries:\n  - {id: pool, title: Pool, answer: Swim in the garden.}\n  - {id: bar, title: Bar, answer: Drinks are served at six.}\n"
            let second = try await base.refresh()
            #expect(second.filesRead == 1 && second.piecesWritten == 1)
            #expect(model.embedded == ["Pool\nSwim in the garden."])
            #expect(try await base.search("swim", limit: 1).first?.text == "Swim in the garden.")
            #expect(try await base.search("roof", limit: 3).allSatisfy { !$0.text.contains("roof") })
        }
    }

    @Test func whatIsRemovedIsForgotten() async throws {
        try await withBase { base, documents, _, engine in
            try await base.refresh()
            documents["k/b.md"] = nil
            documents["k/a.yaml"] = "entries:\n  - {id: bar, title: Bar, answer: Drinks are served at six.}\n"
            let refresh = try await base.refresh()
            #expect(refresh.piecesRemoved == 2)
            #expect(try await base.count() == 1)
            #expect(try await base.search("Frühstück swim pool", limit: 5).map(\.entry) == ["bar"])
            #expect(await engine.vectorIndex(collection: "knowledge:main:letters-1", dimensions: 26).count == 1)
        }
    }

    @Test func whatWasRemovedWhileJackWasOffIsForgottenToo() async throws {
        try await withBase { base, documents, model, engine in
            try await base.refresh()
            documents["k/b.md"] = nil
            let next = Self.base(engine, documents, model)
            _ = model.embedded
            try await next.refresh()
            #expect(model.embedded.isEmpty)
            #expect(await engine.vectorIndex(collection: "knowledge:main:letters-1", dimensions: 26).count == 2)
        }
    }

    @Test func anEntryThatMovesToAnotherFileStays() async throws {
        try await withBase { base, documents, _, _ in
            try await base.refresh()
            documents["k/a.yaml"] = "entries:\n  - {id: bar, title: Bar, answer: Drinks are served at six.}\n"
            documents["k/c.yaml"] = "entries:\n  - {id: pool, title: Pool, answer: Swim on the roof.}\n"
            try await base.refresh()
            #expect(try await base.count() == 3)
            let hit = try #require(try await base.search("swim on the roof", limit: 1).first)
            #expect(hit.entry == "pool" && hit.similarity ?? 0 > 0.9)
        }
    }

    @Test func halfAnEditMakesJackForgetNothing() async throws {
        try await withBase { base, documents, _, _ in
            try await base.refresh()
            documents["k/a.yaml"] = "entries:\n  - {id: pool, title: Po"
            let refresh = try await base.refresh()
            #expect(refresh.problems.count == 1 && refresh.problems[0].hasPrefix("k/a.yaml:"))
            #expect(refresh.piecesRemoved == 0)
            #expect(try await base.count() == 3)
            documents["k/a.yaml"] = "entries:\n  - {id: pool, title: Pool, answer: Closed today.}\n"
            #expect(try await base.refresh().piecesRemoved == 1)
            #expect(try await base.search("pool", limit: 1).first?.text == "Closed today.")
        }
    }

    @Test func theSameNameTwiceIsSaid() async throws {
        try await withBase { base, documents, _, _ in
            documents["k/c.yaml"] = "entries:\n  - {id: pool, title: Other, answer: Another pool.}\n"
            let problems = try await base.refresh().problems
            #expect(problems.count == 1 && problems[0].contains("pool") && problems[0].contains("a.yaml"))
        }
    }

    @Test func anotherModelMakesAllVectorsAnew() async throws {
        try await withBase { base, documents, model, engine in
            try await base.refresh()
            _ = model.embedded
            model.become("letters-2")
            let next = Self.base(engine, documents, model)
            #expect(try await next.refresh().piecesWritten == 0)
            #expect(model.embedded.count == 3)
            #expect(try await next.search("swim", limit: 1).first?.similarity != nil)
        }
    }

    @Test func vectorsThatCouldNotBeMadeAreMadeLater() async throws {
        try await withBase { base, _, model, _ in
            model.fail(.notReady(.unreachable, "not yet"))
            try await base.refresh()
            #expect(try await base.search("swim", limit: 1).first?.entry == "pool")
            #expect(try await base.search("swim", limit: 1).first?.similarity == nil)
            model.fail(nil)
            try await base.refresh()
            #expect(model.embedded.count == 3)
            #expect(try await base.search("swim", limit: 1).first?.similarity != nil)
        }
    }

    @Test func wordsAndMeaningAreFused() async throws {
        try await withBase { base, documents, _, _ in
            documents["k/a.yaml"] = """
                entries:
                  - {id: both, title: Zebra, answer: zebra}
                  - {id: words, title: Zebra, answer: zebra and very many other quite unrelated things follow here now}
                  - {id: meaning, title: Braze, answer: braze}
                """
            documents["k/b.md"] = nil
            try await base.refresh()
            let hits = try await base.search("zebra", limit: 3)
            #expect(hits.map(\.entry).first == "both" && Set(hits.map(\.entry)) == ["both", "words", "meaning"])
            #expect(hits.map(\.score) == hits.map(\.score).sorted(by: >))
            // Both lists put it first: the best meaning counts 1, and its words come on top.
            #expect(hits.first?.score ?? 0 > 1)
            #expect(try await base.search("zebra", limit: 1).count == 1)
        }
    }

    @Test func theGuestsLanguageIsPreferredAmongWhatFitsAlike() async throws {
        try await withBase { base, documents, _, _ in
            documents["k/a.yaml"] = "entries:\n  - {id: spa, title: Spa, answer: Sauna.}\n  - {id: spa, title: Spa, answer: Sauna., language: fr}\n"
            try await base.refresh()
            #expect(try await base.search("spa", language: "fr", limit: 1).first?.language == "fr")
            #expect(try await base.search("spa", language: "en", limit: 1).first?.language == "en")
        }
    }

    @Test func aQuestionWithoutWordsFindsNothingByWords() async throws {
        try await withBase { base, _, model, _ in
            try await base.refresh()
            model.fail(.notReady(.unreachable, "away"))
            #expect(try await base.search("?! *", limit: 3).isEmpty)
        }
    }
}
