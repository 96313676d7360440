import Foundation

/// What the classifier sees of a text: three blocks of features, each scaled to length 1 later, so that none drowns another.
struct IntentFeatures: Sendable {
    /// A feature and how often it occurs.
    typealias Counted = (hash: UInt64, count: Float)

    /// Words and pairs of neighbouring words.
    private(set) var words: [Counted] = []
    /// Three to five letters in a row, word boundaries included: what a misspelt word still shares with the right one.
    private(set) var letters: [Counted] = []
    /// Concepts of the lexicon, pairs of them, and the shape of the sentence.
    private(set) var concepts: [Counted] = []

    var blocks: [[Counted]] { [words, letters, concepts] }

    init(_ text: FoldedText, lexicon: Lexicon, languages: Languages, common: Set<UInt64>) {
        let bytes = text.bytes
        var hashes: [UInt64] = []
        hashes.reserveCapacity(text.words.count * 12)

        for (place, word) in text.words.enumerated() {
            hashes.append(FeatureHash.of(bytes[word], kind: 1))
            if place > 0 { hashes.append(FeatureHash.of(bytes[text.words[place - 1].lowerBound..<word.upperBound], kind: 1)) }
        }
        words = Self.counted(&hashes)

        for word in text.words {
            for start in (word.lowerBound - 1)..<word.upperBound {
                var hash = FeatureHash(2)
                for end in start..<min(start + 5, word.upperBound + 1) {
                    hash.add(bytes[end])
                    if end - start >= 2 { hashes.append(hash.value) }
                }
            }
        }
        letters = Self.counted(&hashes)

        let found = lexicon.concepts(in: text, languages, common: common)
        for (place, concept) in found.enumerated() {
            hashes.append(FeatureHash.pair(UInt64(concept), 0, kind: 3))
            for other in found.dropFirst(place + 1) { hashes.append(FeatureHash.pair(UInt64(concept) + 1, UInt64(other) + 1, kind: 4)) }
        }
        hashes.append(FeatureHash.pair(text.isQuestion ? 1 : 0, 0, kind: 5))
        if text.hasRoomNumber { hashes.append(FeatureHash.pair(2, 0, kind: 5)) }
        hashes.append(FeatureHash.pair(UInt64(min(4, text.words.count / 3)), 0, kind: 6))
        if let first = text.words.first {
            hashes.append(FeatureHash.of(bytes[first], kind: 7))
            hashes.append(FeatureHash.of(bytes[first.lowerBound..<text.words[min(1, text.words.count - 1)].upperBound], kind: 8))
        }
        concepts = Self.counted(&hashes)
    }

    /// Empties the list into features with their counts.
    private static func counted(_ hashes: inout [UInt64]) -> [Counted] {
        hashes.sort()
        var result: [Counted] = []
        result.reserveCapacity(hashes.count)
        for hash in hashes {
            if result.last?.hash == hash { result[result.count - 1].count += 1 } else { result.append((hash, 1)) }
        }
        hashes.removeAll(keepingCapacity: true)
        return result
    }
}
