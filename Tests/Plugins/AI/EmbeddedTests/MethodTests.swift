import Testing

@testable import EmbeddedAI

@Suite struct FoldedTextTests {
    private func words(_ text: String, collapsing: Bool = true) -> [String] {
        let folded = FoldedText(text, collapsingDigits: collapsing)
        return folded.words.map { String(decoding: folded.bytes[$0], as: UTF8.self) }
    }

    @Test func foldsCaseAccentsAndNumbers() {
        #expect(words("Größe, ÉTÉ & mañana – Œuvre") == ["grosse", "ete", "manana", "oeuvre"])
        #expect(words("e\u{301}te\u{301}") == ["ete"])
        #expect(words("Room 1204 at 5pm") == ["room", "0", "at", "0pm"])
        #expect(words("Room 1204", collapsing: false) == ["room", "1204"])
        #expect(words("Чистые полотенца") == ["чистые", "полотенца"])
        #expect(words("  🙂 … ").isEmpty)
    }

    @Test func everyLetterOfTheTableHasItsOwnFold() {
        #expect(words("ÀÿĀſŽžŁłĲœß") == ["ayaszzllijoess"])
    }

    @Test func knowsQuestionsAndRooms() {
        #expect(FoldedText("¿qué?").isQuestion)
        #expect(!FoldedText("towels to 204").isQuestion)
        #expect(FoldedText("towels to 204").hasRoomNumber && FoldedText("1204").hasRoomNumber)
        #expect(!FoldedText("2 towels in 12345").hasRoomNumber)
    }
}

@Suite struct LanguageTests {
    @Test(arguments: [
        ("When is breakfast served?", "en"), ("Wann gibt es Frühstück?", "de"), ("¿A qué hora es el desayuno?", "es"),
        ("À quelle heure est le petit déjeuner ?", "fr"), ("A que horas é o pequeno almoço?", "pt"), ("A che ora è la colazione?", "it"),
    ])
    func tells(text: String, language: String) { #expect(LanguageIdentifier.builtIn.language(of: text) == language) }

    @Test(arguments: ["", "204", "🙂", "taxi", "Check-in"]) func doesNotGuess(text: String) {
        #expect(LanguageIdentifier.builtIn.language(of: text) == nil)
    }

    @Test func aHintHelpsOnlyTheUndecided() {
        let identifier = LanguageIdentifier.builtIn
        #expect(identifier.candidates(for: "taxi", hint: "fr").contains(Languages(.french)))
        #expect(identifier.candidates(for: "please bring two towels to my room", hint: "fr") == Languages(.english))
    }
}

@Suite struct LexiconTests {
    private func names(_ text: String, _ language: Language, correcting: Bool = true) -> Set<String> {
        let lexicon = Lexicon.builtIn
        return Set(lexicon.concepts(in: FoldedText(text), Languages(language), correcting: correcting).map { lexicon.names[Int($0)] })
    }

    @Test func oneMeaningInFourLanguages() {
        let words: [(String, Language)] = [("towels", .english), ("Handtücher", .german), ("toallas", .spanish), ("serviettes", .french)]
        for (text, language) in words {
            #expect(names(text, language).contains("towel"))
        }
    }

    @Test func phrasesCompoundsAndMisspellings() {
        #expect(names("the morning meal", .english).contains("breakfast"))
        #expect(names("Frühstücksbuffetzeiten", .german).contains("breakfast"))
        #expect(names("brekfast", .english).contains("breakfast"))
        #expect(!names("brekfast", .english, correcting: false).contains("breakfast"))
    }

    @Test func aWordCountsOnlyInItsLanguage() {
        #expect(names("sale", .french).contains("dirty"))
        #expect(!names("sale", .english).contains("dirty"))
    }

    @Test func functionWordsMeanNothing() { #expect(names("the of and is it", .english).isEmpty) }

    @Test func everyConceptHasAWeightAndTheFileIsRead() {
        let lexicon = Lexicon.builtIn
        #expect(lexicon.names.count > 140 && Set(lexicon.names).count == lexicon.names.count)
        #expect(lexicon.weights.allSatisfy { $0 > 0 && $0 <= 1 })
    }
}

@Suite struct EmbedderTests {
    private let embedder = TextEmbedder(lexicon: .builtIn, identifier: .builtIn)

    private func nearness(_ a: String, _ b: String) -> Float { dot(embedder.vector(of: a, as: .query), embedder.vector(of: b, as: .document)) }

    @Test func meaningBeatsWords() {
        for (question, right, wrong) in [
            ("when is the morning meal", "Breakfast is served from seven", "The morning is quiet at the river"),
            ("Wann gibt es Frühstück?", "Breakfast is served from seven", "The pool is open from seven"),
            ("is there somewhere to swim", "The pool is on the roof", "There is a bar on the roof"),
        ] { #expect(nearness(question, right) > nearness(question, wrong)) }
    }

    @Test func aTitleTellsMoreThanTheText() {
        let question = embedder.vector(of: "parking", as: .query)
        let titled = embedder.vector(of: "Parking\nThe garage costs EUR 22.", as: .document)
        let mentioned = embedder.vector(of: "Taxi\nThe taxi stand is by the parking.", as: .document)
        #expect(dot(question, titled) > dot(question, mentioned))
    }
}

@Suite struct ExtractionTests {
    @Test func cutsSentencesWhereTheyEnd() {
        let text =
            "# Pool\nWhen is it open?\nThe pool is 1.40 m deep. It opens at 8 a.m. and is approx. 5 by 10 m. ¿Abre? "
            + "Towels are free!\n- Ask at the desk."
        let sentences = Sentences.of(text, title: "Pool").filter(\.isAnswer).map(\.text)
        #expect(sentences == ["The pool is 1.40 m deep.", "It opens at 8 a.m. and is approx. 5 by 10 m.", "Towels are free!", "Ask at the desk."])
    }

    @Test(arguments: [
        ("When does it open?", QuestionCue.time, "From 07:30.", "It is nice."), ("Um wie viel Uhr?", .time, "Ab 7 Uhr.", "Es ist schön."),
        ("How much is it?", .price, "It costs EUR 5.", "It is on floor 5."), ("Combien ça coûte ?", .price, "C'est gratuit.", "C'est ouvert."),
        ("Where is it?", .place, "It is on floor 5.", "It costs EUR 5."),
    ])
    func knowsWhatKindOfFactIsAsked(question: String, cue: QuestionCue, yes: String, no: String) {
        #expect(QuestionCue.all(in: FoldedText(question)).contains(cue))
        #expect(cue.isAnswered(by: yes))
        #expect(!cue.isAnswered(by: no))
    }

    @Test func choosesTheSentencesOfALongDocument() {
        let extractor = Extractor(embedder: TextEmbedder(lexicon: .builtIn, identifier: .builtIn))
        let filler = (1...12).map { "Curious fact number \($0) about the old tiles of this quarter is told by the staff with pleasure." }
        let text = (filler.prefix(6) + ["The sauna opens at 10:00 and closes at 21:00."] + filler.dropFirst(6)).joined(separator: " ")
        let answer = extractor.answer(
            "when does the sauna open", from: [.init(id: "spa", title: "Spa", text: text, locale: "en", relevance: 1)], locale: "en")
        #expect(answer.text == "The sauna opens at 10:00 and closes at 21:00.")
    }

    @Test func prefersTheGuestsLanguage() {
        let extractor = Extractor(embedder: TextEmbedder(lexicon: .builtIn, identifier: .builtIn))
        let documents = [
            Extractor.Document(id: "en", title: "Breakfast", text: "Breakfast is from 07:00.", locale: "en", relevance: 0.5),
            Extractor.Document(id: "de", title: "Frühstück", text: "Frühstück gibt es ab 07:00 Uhr.", locale: "de", relevance: 0.5),
        ]
        #expect(extractor.answer("Wann gibt es Frühstück?", from: documents, locale: "de-AT").document == "de")
        #expect(extractor.answer("When is breakfast?", from: documents, locale: "en").document == "en")
        #expect(extractor.answer("Wann gibt es Frühstück?", from: [documents[0]], locale: "de").document == "en")
    }

    @Test func aChangedDocumentIsReadAnew() {
        let extractor = Extractor(embedder: TextEmbedder(lexicon: .builtIn, identifier: .builtIn))
        for hour in ["07:00", "08:00"] {
            let document = Extractor.Document(id: "b", title: "Breakfast", text: "Breakfast is from \(hour).", locale: "en", relevance: 1)
            #expect(extractor.answer("When is breakfast?", from: [document], locale: "en").text.contains(hour))
        }
    }
}
