/// The languages that the lexicon and the stemmers know.
enum Language: Int, CaseIterable, Sendable {
    case english, german, spanish, french

    var code: String {
        switch self {
        case .english: "en"
        case .german: "de"
        case .spanish: "es"
        case .french: "fr"
        }
    }

    /// The language of a BCP 47 tag, by its primary part.
    init?(tag: String?) {
        guard let tag, let language = Self.allCases.first(where: { $0.code == LanguageTag.primary(tag) }) else { return nil }
        self = language
    }
}

enum LanguageTag {
    /// `de` of `de-AT`.
    static func primary(_ tag: String) -> String { tag.split { $0 == "-" || $0 == "_" }.first.map { $0.lowercased() } ?? "" }
}

/// A set of ``Language``s.
struct Languages: OptionSet, Sendable, Hashable {
    let rawValue: UInt8
    init(rawValue: UInt8) { self.rawValue = rawValue }
    init(_ language: Language) { rawValue = 1 << UInt8(language.rawValue) }

    static let all = Languages(rawValue: 0b1111)
}

/// Words that carry grammar rather than meaning.
enum FunctionWords {
    static func contains(_ hash: UInt64) -> Bool { all.contains(hash) }

    private static let all: Set<UInt64> = Set(
        lists.split { $0 == " " || $0 == "\n" }.map { FeatureHash.of($0.utf8) })

    private static let lists = """
        the a an and or of to in on at for with from by is are was were be been am do does did have has had i you he she it we they me my our your us
        this that these those there here what which who how if so as but not no yes please can could would will shall may might must some any all just
        also too than then out up down into over about only very s t re ll ve m d u pls get got
        der die das ein eine einen einem einer und oder zu im in am an auf fur mit von bei ist sind war waren sein ich sie er es wir ihr mein meine
        meinen meinem unser unsere unserem uns mir mich ihnen den dem des dass nicht kein keine bitte kann konnen konnte konnten haben hat hatte habe
        was wie wo wenn so als auch nur noch sehr da hier zum zur um man wird werden gibt
        el la los las un una unos unas y o de del al en con por para es son era estar esta estan ser yo usted ustedes nos me mi mis su sus nuestro
        nuestra nuestros se lo le que como si no por favor puede pueden podria podemos puedo hay he ha han tengo tiene muy mas pero donde
        le la les un une des et ou de du a au aux en avec pour par est sont etait etre je tu il elle nous vous ils me moi mon ma mes notre nos votre
        vos ce cette ces c j l d n s t qu que qui ne pas plus s il plait svp peut pouvez puis avez ai a ont dans sur y on si mais
        """
}

/// Light stemmers: they take endings off and never build anything. What they return is not a word, only the same for a word's forms.
enum Stemmer {
    /// The length of the stem of a folded word.
    static func stemLength(_ word: ArraySlice<UInt8>, _ language: Language) -> Int {
        for suffix in suffixes[language.rawValue] where word.count - suffix.count >= 3 && word.suffix(suffix.count).elementsEqual(suffix) {
            return word.count - suffix.count
        }
        return word.count
    }

    /// By language, longest first: of two endings that fit, the longer one goes.
    private static let suffixes: [[[UInt8]]] = [
        "ations ation ings ing edly ed ies ers er es ly s e y",
        "ungen ungs ung lichen liche lich isch heiten heit keiten keit erinnen erin ern eren em en er es e n s",
        "aciones acion amientos amiento adores adora ador aremos eremos iremos ando iendo ados adas idos idas ado ada ido ida "
            + "ar er ir os as es o a e s",
        "ations ation ements ement euses euse eurs eur ees es ez er ait ent ant ives ive ifs if e s",
    ].map { list in list.split(separator: " ").map { Array($0.utf8) }.sorted { $0.count > $1.count } }
}
