import EmbeddedAIResources
import PluginAPI

/// Which concepts a text speaks of: `towel*`, `Handtuch*`, `toalla*` and `serviette*` are one.
///
/// The plugin brings a lexicon of hotel words in four languages; a hotel may add its own words.
struct Lexicon: Sendable {
    /// A concept, by its place in the lexicon.
    typealias Concept = UInt16

    /// A word's meaning, and the languages in which it has it.
    private struct Sense: Sendable {
        var concept: Concept
        var languages: Languages
    }

    private(set) var names: [String] = []
    /// How much a concept says about what a text is about, 0 to 1: `have` says little, `towel` says all.
    private(set) var weights: [Float] = []
    private var exact: [UInt64: [Sense]] = [:]
    private var beginnings: [UInt64: [Sense]] = [:]
    /// Concepts from here on are the hotel's own.
    private let ownConcepts: Int
    /// Changes when the lexicon's content changes.
    private(set) var fingerprint = FeatureHash.seed

    /// The lexicon that comes with the plugin.
    static let builtIn = Lexicon(parsing: [UInt8](embedded: jack_lexicon_txt))

    /// Reads the plugin's own format; see the file's head.
    init(parsing bytes: [UInt8]) {
        var names: [String] = [], weights: [Float] = []
        var entries: [(word: [UInt8], concept: Concept, language: Language)] = []
        for line in bytes.split(separator: 0x0A) where line.first != 0x23 {
            if line.first != 0x20 {
                let head = line.split(separator: 0x20)
                names.append(String(decoding: head[0], as: UTF8.self))
                weights.append(head.count > 1 ? Float(String(decoding: head[1], as: UTF8.self)) ?? 1 : 1)
            } else {
                let parts = line.split(separator: 0x20)
                guard let language = Language(tag: String(decoding: parts[0], as: UTF8.self)) else { continue }
                for word in parts.dropFirst() { entries.append((word.map { $0 == 0x5F ? 0x20 : $0 }, Concept(names.count - 1), language)) }
            }
        }
        self.names = names
        self.weights = weights
        ownConcepts = names.count
        exact.reserveCapacity(entries.count)
        beginnings.reserveCapacity(entries.count / 2)
        for entry in entries { add(entry.word, entry.concept, Languages(entry.language)) }
    }

    private mutating func add(_ word: [UInt8], _ concept: Concept, _ languages: Languages) {
        let isBeginning = word.last == 0x2A
        let hash = FeatureHash.of(isBeginning ? word.dropLast() : word[...])
        func merge(_ senses: inout [Sense]) {
            if let known = senses.firstIndex(where: { $0.concept == concept }) {
                senses[known].languages.formUnion(languages)
            } else {
                senses.append(Sense(concept: concept, languages: languages))
            }
        }
        if isBeginning { merge(&beginnings[hash, default: []]) } else { merge(&exact[hash, default: []]) }
        fingerprint = FeatureHash.pair(fingerprint, hash, kind: UInt8(truncatingIfNeeded: concept))
    }

    /// Adds words of one language that mean the same, as a concept of its own beside the built-in ones, which are coarser.
    /// - Parameter language: nil where the words may be of any.
    mutating func add(synonyms words: [String], language: Language?) {
        let languages = language.map(Languages.init) ?? .all
        addConcept(words.map { (Self.entry($0), languages) })
    }

    /// Adds one meaning in several languages, and lets it join the synonyms that any of its words is among. Call after the synonyms.
    /// - Parameter words: in the order English, German, Spanish, French where there are four; in any languages otherwise.
    mutating func add(translation words: [String]) {
        let entries = words.enumerated().map { place, word in
            (Self.entry(word), words.count == Language.allCases.count ? Languages(Language.allCases[place]) : .all)
        }
        var joined: Set<Concept> = []
        for (word, languages) in entries {
            let hash = FeatureHash.of(word.last == 0x2A ? word.dropLast() : word[...])
            for sense in (exact[hash] ?? []) + (beginnings[hash] ?? [])
            where Int(sense.concept) >= ownConcepts && !sense.languages.isDisjoint(with: languages) { joined.insert(sense.concept) }
        }
        for concept in joined.sorted() { for (word, languages) in entries where !word.isEmpty { add(word, concept, languages) } }
        if joined.isEmpty { addConcept(entries) }
    }

    private mutating func addConcept(_ entries: [([UInt8], Languages)]) {
        guard entries.count(where: { !$0.0.isEmpty }) > 1, names.count < Int(Concept.max) else { return }
        names.append("hotel \(names.count)")
        weights.append(1)
        for (word, languages) in entries where !word.isEmpty { add(word, Concept(names.count - 1), languages) }
    }

    /// A word or phrase as the lexicon keeps it; longer words stand for their forms too. Empty for what means nothing by itself.
    private static func entry(_ word: String) -> [UInt8] {
        let text = FoldedText(word, collapsingDigits: false)
        guard let only = text.words.first, text.words.count <= 4 else { return [] }
        let bytes = Array(text.bytes.dropFirst().dropLast())
        guard text.words.count == 1 else { return bytes }
        return FunctionWords.contains(FeatureHash.of(bytes)) ? [] : only.count >= 6 ? bytes + [0x2A] : bytes
    }

    /// The concepts of a text, each once, in order.
    /// - Parameters:
    ///   - languages: the languages that the text may be in.
    ///   - common: words known to be spelt right, which are not read as a misspelling of another.
    ///   - correcting: reads an unknown word as a misspelling of a known one.
    func concepts(in text: FoldedText, _ languages: Languages, common: Set<UInt64> = [], correcting: Bool = true) -> [Concept] {
        var found: [Concept] = []
        func take(_ senses: [Sense]?) -> Bool {
            guard let senses else { return false }
            var any = false
            for sense in senses where !sense.languages.isDisjoint(with: languages) {
                any = true
                if !found.contains(sense.concept) { found.append(sense.concept) }
            }
            return any
        }
        for (place, word) in text.words.enumerated() {
            // Phrases of up to four words that begin here.
            var hash = FeatureHash()
            var phrase: [Sense]?
            for index in word.lowerBound..<text.words[min(place + 3, text.words.count - 1)].upperBound {
                hash.add(text.bytes[index])
                guard index >= word.upperBound else { continue }
                if let senses = beginnings[hash.value] { phrase = senses }
                if text.bytes[index + 1] == 0x20 { _ = take(exact[hash.value]) }
            }
            _ = take(phrase)

            let letters = text.bytes[word], identity = FeatureHash.of(letters)
            if FunctionWords.contains(identity) { continue }
            if lookUp(letters, take) { continue }
            if languages.contains(Languages(.german)), letters.count >= 8, splitCompound(letters, take) { continue }
            if correcting, letters.count >= 5, !common.contains(identity) {
                for concept in misspelt(letters, languages) where !found.contains(concept) { found.append(concept) }
            }
        }
        return found.sorted()
    }

    /// How much a word tells about a text: the least weight among the concepts that it has by itself, 1 where it has none.
    func weight(of word: ArraySlice<UInt8>, _ languages: Languages) -> Float {
        var least: Float = 1
        _ = lookUp(word) { senses in
            for sense in senses ?? [] where !sense.languages.isDisjoint(with: languages) { least = min(least, weights[Int(sense.concept)]) }
            return senses != nil
        }
        return least
    }

    /// A word as it stands, without its plural, and by its longest known beginning.
    private func lookUp(_ word: ArraySlice<UInt8>, _ take: ([Sense]?) -> Bool) -> Bool {
        var hash = FeatureHash(), shorter: UInt64 = 0, longest: [Sense]?
        for (count, byte) in word.enumerated() {
            shorter = hash.value
            hash.add(byte)
            if count >= 2, let senses = beginnings[hash.value] { longest = senses }
        }
        var any = take(exact[hash.value])
        if word.count > 4, word.last == 0x73 || word.last == 0x6E { any = take(exact[shorter]) || any }
        return take(longest) || any
    }

    /// The longest known part at the end and at the beginning of a German compound.
    private func splitCompound(_ word: ArraySlice<UInt8>, _ take: ([Sense]?) -> Bool) -> Bool {
        var any = false
        for count in stride(from: word.count - 3, through: 4, by: -1) where lookUp(word.suffix(count), take) {
            any = true
            break
        }
        for count in stride(from: word.count - 3, through: 4, by: -1) where take(exact[FeatureHash.of(word.prefix(count))]) {
            any = true
            break
        }
        return any
    }

    /// The concepts of words that differ from this one by one letter, two swapped letters, or a letter too many or too few; never in the first.
    private func misspelt(_ word: ArraySlice<UInt8>, _ languages: Languages) -> Set<Concept> {
        let letters = Array(word)
        var found: Set<Concept> = []
        func ask(_ change: (inout FeatureHash, Int) -> Int, at place: Int, _ start: FeatureHash) {
            var hash = start
            var index = change(&hash, place)
            while index < letters.count {
                hash.add(letters[index])
                index += 1
            }
            for senses in [exact[hash.value], beginnings[hash.value]] {
                for sense in senses ?? [] where !sense.languages.isDisjoint(with: languages) { found.insert(sense.concept) }
            }
        }
        var start = FeatureHash()
        start.add(letters[0])
        for place in 1...letters.count {
            for letter in UInt8(0x61)...0x7A {
                ask(
                    {
                        $0.add(letter); return $1
                    }, at: place, start)
                if place < letters.count {
                    ask(
                        {
                            $0.add(letter); return $1 + 1
                        }, at: place, start)
                }
            }
            guard place < letters.count else { break }
            ask({ $1 + 1 }, at: place, start)
            if place + 1 < letters.count {
                ask(
                    {
                        $0.add(letters[$1 + 1]); $0.add(letters[$1]); return $1 + 2
                    }, at: place, start)
            }
            start.add(letters[place])
        }
        return found.count > 2 ? [] : found
    }
}
