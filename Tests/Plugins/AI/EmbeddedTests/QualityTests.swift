import PluginAPI
import PluginTestKit
import Testing

@testable import EmbeddedAI

/// Measures the methods on the sample hotel's held-out files and prints the figures that the README quotes. The floors lie a little under them.
@Suite struct QualityTests {
    @Test func intents() async throws {
        let plugin = try TestContext().make(EmbeddedProvider.self)
        let labels = try SampleHotel.labels(), phrases = try SampleHotel.phrases()
        #expect(labels.count >= 40 && phrases.count >= 400)

        var outcomes: [(phrase: SampleHotel.Phrase, answer: Classification)] = []
        for phrase in phrases {
            let request = ClassificationRequest(text: phrase.text, labels: labels, labelSet: "sample")
            outcomes.append((phrase, try await plugin.classify(request)))
        }
        let right = outcomes.map { $0.answer.best?.label == $0.phrase.intent }
        let confidences = outcomes.map { $0.answer.best?.confidence ?? 0 }
        let accuracy = share(right)
        var byLanguage: [String: Double] = [:]
        for language in ["en", "de", "es", "fr"] {
            byLanguage[language] = share(zip(outcomes, right).filter { $0.0.phrase.language == language }.map(\.1))
        }
        let macroF1 =
            labels.map { label in
                let hits = outcomes.count { $0.phrase.intent == label.id && $0.answer.best?.label == label.id }
                let others = outcomes.count { ($0.phrase.intent == label.id) != ($0.answer.best?.label == label.id) }
                return hits == 0 ? 0 : Double(2 * hits) / Double(2 * hits + others)
            }.reduce(0, +) / Double(labels.count)
        let error = calibrationError(confidences, right)
        print("intents: \(phrases.count) phrases, accuracy \(accuracy), by language \(byLanguage), macro-F1 \(macroF1), ECE \(error)")
        for (place, bin) in bins(confidences, right).enumerated() where bin.count > 0 {
            print("  confidence \(Double(place) / 10): \(bin.count) phrases, right \(bin.right)")
        }

        #expect(accuracy >= 0.83)
        #expect(byLanguage["en"] ?? 0 >= 0.82)
        #expect(byLanguage.values.allSatisfy { $0 >= 0.78 })
        #expect(macroF1 >= 0.82)
        #expect(error <= 0.08)

        let told = outcomes.filter { $0.answer.language != nil }
        let wrong = told.count { $0.answer.language != $0.phrase.language }
        print("language: told \(told.count) of \(outcomes.count), wrong \(wrong)")
        #expect(told.count * 100 >= outcomes.count * 95)
        #expect(wrong * 100 <= outcomes.count * 2)
    }

    @Test func retrieval() throws {
        let entries = try SampleHotel.knowledge(), questions = try SampleHotel.questions()
        #expect(entries.count >= 60 && questions.count >= 60)
        let texts = entries.map { $0.title + "\n" + $0.answer }

        let embedder = TextEmbedder(lexicon: try SampleHotel.lexicon(), identifier: .builtIn)
        let vectors = texts.map { embedder.vector(of: $0, as: .document) }
        let own = ranks(entries, questions) { question in
            let wanted = embedder.vector(of: question, as: .query)
            return vectors.map { Double(dot($0, wanted)) }
        }
        let bare = TextEmbedder(lexicon: .builtIn, identifier: .builtIn)
        let bareVectors = texts.map { bare.vector(of: $0, as: .document) }
        let builtIn = ranks(entries, questions) { question in
            let wanted = bare.vector(of: question, as: .query)
            return bareVectors.map { Double(dot($0, wanted)) }
        }
        let wordSets = texts.map(words)
        let overlap = ranks(entries, questions) { question in
            let wanted = words(question)
            return wordSets.map { Double(wanted.intersection($0).count) / Double(max(1, wanted.count * $0.count)).squareRoot() }
        }
        print("retrieval of \(entries.count) entries by \(questions.count) questions")
        print("  with the hotel's lexicon \(own), without \(builtIn), word overlap \(overlap)")

        #expect(own.recall3 >= 0.7)
        #expect(own.reciprocal >= 0.62)
        #expect(builtIn.recall3 >= 0.58)
        #expect(own.recall3 >= overlap.recall3 + 0.3)
        #expect(builtIn.reciprocal >= overlap.reciprocal + 0.2)
    }

    @Test func answers() throws {
        let entries = try SampleHotel.knowledge(), questions = try SampleHotel.questions()
        let embedder = TextEmbedder(lexicon: try SampleHotel.lexicon(), identifier: .builtIn), extractor = Extractor(embedder: embedder)
        let vectors = entries.map { embedder.vector(of: $0.title + "\n" + $0.answer, as: .document) }
        func answer(_ text: String, language: String?) -> Extractor.Answer {
            let wanted = embedder.vector(of: text, as: .query)
            let found = vectors.indices.map { (place: $0, score: dot(vectors[$0], wanted)) }.sorted { $0.score > $1.score }.prefix(5)
            let documents = found.map { hit in
                let entry = entries[hit.place]
                return Extractor.Document(
                    id: entry.id, title: entry.title, text: entry.answer, locale: entry.language, relevance: Double(max(0, hit.score)))
            }
            return extractor.answer(text, from: documents, locale: language)
        }
        var confidences: [Double] = [], right: [Bool] = []
        for question in questions {
            let answer = answer(question.text, language: question.language)
            confidences.append(answer.confidence)
            right.append(answer.document.map(question.entries.contains) ?? false)
        }
        let correct = share(right)
        // Chat that asks nothing has no right answer.
        for phrase in try SampleHotel.phrases() where ["greeting", "farewell", "unknown"].contains(phrase.intent) {
            confidences.append(answer(phrase.text, language: phrase.language).confidence)
            right.append(false)
        }
        let sure = zip(confidences, right).filter { $0.0 >= 0.5 }.map(\.1)
        let unsure = zip(confidences, right).filter { $0.0 < 0.5 }.map(\.1)
        print("answers: right \(correct) of \(questions.count) questions")
        print("  at 0.5 and more \(sure.count), right \(share(sure)); below \(unsure.count), right \(share(unsure))")
        for (place, bin) in bins(confidences, right).enumerated() where bin.count > 0 {
            print("  confidence \(Double(place) / 10): \(bin.count) answers, right \(bin.right)")
        }
        #expect(correct >= 0.56)
        #expect(share(sure) >= 0.66)
        #expect(share(unsure) <= 0.4)
        #expect(calibrationError(confidences, right) <= 0.15)
    }

    // MARK: Measures

    struct Ranks: CustomStringConvertible {
        var recall3: Double
        var reciprocal: Double
        var description: String { "recall@3 \(recall3), MRR \(reciprocal)" }
    }

    private func ranks(_ entries: [SampleHotel.Entry], _ questions: [SampleHotel.Question], _ score: (String) -> [Double]) -> Ranks {
        var within3 = 0, reciprocal = 0.0
        for question in questions {
            let scores = score(question.text)
            let order = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
            guard let rank = order.firstIndex(where: { question.entries.contains(entries[$0].id) }) else {
                Issue.record("no entry \(question.entries) for “\(question.text)”")
                continue
            }
            if rank < 3 { within3 += 1 }
            reciprocal += 1 / Double(rank + 1)
        }
        return Ranks(recall3: Double(within3) / Double(questions.count), reciprocal: reciprocal / Double(questions.count))
    }

    private func words(_ text: String) -> Set<Substring> { Set(text.lowercased().split { !$0.isLetter && !$0.isNumber }) }

    private func share(_ values: [Bool]) -> Double { values.isEmpty ? 0 : Double(values.count { $0 }) / Double(values.count) }

    private func bins(_ confidences: [Double], _ right: [Bool]) -> [(count: Int, right: Double, confidence: Double)] {
        (0..<10).map { bin in
            let members = confidences.indices.filter { min(9, Int(confidences[$0] * 10)) == bin }
            return (members.count, share(members.map { right[$0] }), members.reduce(0) { $0 + confidences[$1] } / Double(max(1, members.count)))
        }
    }

    /// The expected calibration error over ten bins.
    private func calibrationError(_ confidences: [Double], _ right: [Bool]) -> Double {
        bins(confidences, right).reduce(0) { $0 + abs($1.right - $1.confidence) * Double($1.count) } / Double(confidences.count)
    }
}

func dot(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
