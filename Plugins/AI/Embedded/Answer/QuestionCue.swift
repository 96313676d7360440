/// What kind of fact a question asks for, and whether a sentence has one.
enum QuestionCue: Sendable, CaseIterable {
    case time, price, place

    /// What the question asks for; empty where its words do not say.
    static func all(in question: FoldedText) -> Set<QuestionCue> {
        Set(allCases.filter { cue in phrases[cue]?.contains(where: question.contains) == true })
    }

    /// The phrases that ask for each kind of fact, as a ``FoldedText`` has them.
    private static let phrases = Dictionary(uniqueKeysWithValues: allCases.map { ($0, $0.askingPhrases.map { Array(" \($0) ".utf8) }) })

    private var askingPhrases: [String] {
        switch self {
        case .time:
            [
                "when", "what time", "what hour", "hours", "opening times", "how late", "until when", "how early", "by when", "wann", "uhrzeit",
                "um wie viel uhr",
                "offnungszeiten", "bis wann", "ab wann", "wie lange", "cuando", "a que hora", "horario", "hasta que hora", "quand",
                "quelle heure", "horaires",
                "jusqu a quelle heure",
            ]
        case .price:
            [
                "how much", "price", "prices", "cost", "costs", "fee", "charge", "free", "expensive", "wie viel", "wieviel", "preis", "kostet",
                "kosten",
                "kostenlos", "gratis", "cuanto", "cuesta", "precio", "gratuito", "incluido", "combien", "prix", "coute", "gratuit", "payant", "tarif",
            ]
        case .place:
            [
                "where", "which floor", "how far", "wo", "wohin", "welchem stock", "wie weit", "donde", "a que distancia", "en que planta",
                "ou est", "ou se trouve",
                "ou puis", "ou peut", "quel etage", "a quelle distance",
            ]
        }
    }

    /// True where a sentence has a fact of this kind.
    func isAnswered(by sentence: String) -> Bool {
        let text = FoldedText(sentence, collapsingDigits: false)
        switch self {
        case .time:
            return Self.hasClockTime(sentence)
                || Self.has(["noon", "midnight", "hours", "uhr", "stunden", "horas", "heures", "am", "pm", "24", "mittag", "mediodia", "midi"], text)
        case .price:
            return sentence.utf8.contains(0x24) || sentence.contains("€") || sentence.contains("£")
                || Self.has(
                    [
                        "eur", "euro", "euros", "usd", "gbp", "chf", "free", "included", "kostenlos", "gratis", "kostenfrei", "inklusive",
                        "incluido", "incluida",
                        "gratuito", "gratuita", "gratuit", "gratuite", "inclus",
                    ], text)
        case .place:
            return Self.has(
                [
                    "floor", "street", "rua", "lobby", "next to", "near", "behind", "opposite", "metres", "km", "minutes", "at reception",
                    "stock", "etage",
                    "erdgeschoss", "neben", "meter", "minuten", "planta", "calle", "junto", "metros", "minutos", "etage", "rez de chaussee",
                    "rue", "metres",
                ], text)
        }
    }

    /// True where digits, one of `:.h` and two digits stand together, as in 7:30, 07.30 and 7h30.
    private static func hasClockTime(_ sentence: String) -> Bool {
        let bytes = Array(sentence.utf8)
        func isDigit(_ place: Int) -> Bool { bytes.indices.contains(place) && (0x30...0x39).contains(bytes[place]) }
        return bytes.indices.contains { place in
            let isHour = bytes[place] == 0x68
            return (isHour || bytes[place] == 0x3A || bytes[place] == 0x2E) && isDigit(place - 1) && isDigit(place + 1)
                && (isHour || isDigit(place + 2)) && !isDigit(place + 3)
        }
    }

    private static func has(_ phrases: [String], _ text: FoldedText) -> Bool { phrases.contains { text.contains(Array(" \($0) ".utf8)) } }
}
