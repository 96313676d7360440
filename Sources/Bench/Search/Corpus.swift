import Butler
import Foundation
import PluginAPI

/// Random numbers that are the same in every run (SplitMix64).
struct SteadyRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// Knowledge that nobody wrote: words as rare and as common as in real text (Zipf's law), texts about topics, vectors that follow from the words.
struct Corpus: Sendable {
    static let dimensions = 384
    private static let vocabulary = 30_000
    private static let topics = 500
    private static let wordsPerTopic = 60

    let words: [String]
    private let places: [String: Int]
    /// How likely a word is no rarer than this place.
    private let cumulative: [Double]
    private let meanings: [Float]

    init() {
        var random = SteadyRandom(7)
        let consonants = Array("bcdfghjklmnprstvwz").map(String.init), vowels = ["a", "e", "i", "o", "u", "ai", "ou", "ee"]
        var words: [String] = [], known: Set<String> = []
        while words.count < Self.vocabulary {
            // Common words are short.
            let syllables = 1 + min(3, Int(Double(words.count + 1).squareRoot() / 50)) + Int.random(in: 0...1, using: &random)
            let word =
                (0..<syllables).map { _ in consonants.randomElement(using: &random)! + vowels.randomElement(using: &random)! }.joined()
                + (consonants.randomElement(using: &random) ?? "")
            if known.insert(word).inserted { words.append(word) }
        }
        self.words = words
        places = Dictionary(uniqueKeysWithValues: words.enumerated().map { ($1, $0) })
        var sum = 0.0
        cumulative = words.indices.map { place in
            sum += 1 / pow(Double(place) + 2.7, 1.05)
            return sum
        }
        meanings = (0..<Self.vocabulary * Self.dimensions).map { _ in Float(Int64(bitPattern: random.next()) >> 40) / Float(1 << 23) }
    }

    private func word(_ random: inout SteadyRandom) -> String {
        let wanted = Double.random(in: 0..<cumulative[cumulative.count - 1], using: &random)
        var low = 0, high = cumulative.count - 1
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return words[low]
    }

    private func word(of topic: Int, _ random: inout SteadyRandom) -> String {
        var own = SteadyRandom(UInt64(topic) &* 7919 &+ 13)
        let place = Int.random(in: 0..<Self.wordsPerTopic, using: &random)
        var found = 0
        for _ in 0...place { found = Int.random(in: 100..<Self.vocabulary, using: &own) }
        return words[found]
    }

    /// The text of a chunk: 40 to 90 words, two in five of its topic.
    func text(_ number: Int) -> String {
        var random = SteadyRandom(UInt64(number) &+ 1_000_003)
        let topic = Int.random(in: 0..<Self.topics, using: &random)
        var text = ""
        for place in 0..<Int.random(in: 40...90, using: &random) {
            if place > 0 { text += place % 12 == 0 ? ". " : " " }
            text += Int.random(in: 0..<5, using: &random) < 2 ? word(of: topic, &random) : word(&random)
        }
        return text + "."
    }

    /// A question of four to nine words: some common, some of a topic.
    func question(_ number: Int) -> String {
        var random = SteadyRandom(UInt64(bitPattern: Int64(number)) &+ 77_000_077)
        let topic = Int.random(in: 0..<Self.topics, using: &random)
        let common = (0..<Int.random(in: 2...5, using: &random)).map { _ in word(&random) }
        let own = (0..<Int.random(in: 2...4, using: &random)).map { _ in word(of: topic, &random) }
        return (common + own).shuffled(using: &random).joined(separator: " ") + "?"
    }

    /// A vector of length 1: the sum of what the words mean, the rare ones more.
    func vector(_ text: String) -> [Float] {
        var sum = [Float](repeating: 0, count: Self.dimensions)
        for piece in text.split(whereSeparator: { !$0.isLetter }) {
            guard let place = places[String(piece)] else { continue }
            let weight = Float(log(Double(place) + 2))
            for at in 0..<Self.dimensions { sum[at] += meanings[place * Self.dimensions + at] * weight }
        }
        let length = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard length > 0 else {
            sum[0] = 1
            return sum
        }
        return sum.map { $0 / length }
    }
}

/// The corpus as a folder of Markdown files, as a hotel's knowledge is.
struct CorpusFolder: DocumentSource {
    let corpus: Corpus
    let chunks: Int
    private static let chunksPerFile = 1_000

    func files(in folder: String) throws -> [String: DocumentStamp] {
        let count = (chunks + Self.chunksPerFile - 1) / Self.chunksPerFile
        return Dictionary(uniqueKeysWithValues: (0..<count).map { ("part-\($0).md", DocumentStamp(modified: .distantPast, size: 1)) })
    }

    func text(_ path: String, _ diagnostics: inout Diagnostics) -> String? {
        guard let number = path.split(separator: "/").last.flatMap({ Int($0.filter(\.isNumber)) }) else { return nil }
        let first = number * Self.chunksPerFile
        return (first..<min(chunks, first + Self.chunksPerFile)).map { "## Entry \($0)\n\(corpus.text($0))\n" }.joined(separator: "\n")
    }

    func document(_ path: String, _ diagnostics: inout Diagnostics) -> ConfigNode? { nil }
    func document(text: String, file: String, firstLine: Int, _ diagnostics: inout Diagnostics) -> ConfigNode? { nil }
}
