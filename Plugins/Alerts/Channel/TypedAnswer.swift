import PluginAPI

/// An answer to a page as people write it: `ACK 123456`, `123456`, `resolve #123456`, `123456 ack`, on the first line that is not empty. What
/// follows the two words is for colleagues: whoever wakes up and writes a sentence has answered.
struct TypedAnswer: Sendable, Hashable {
    var action: PageAcknowledgement.Action
    /// Nil where a word alone was written, by which nobody knows what is meant.
    var code: String?
    /// True where nothing but the code was written, which may as well be a guest's number of something.
    var isBare: Bool

    private static let verbs: [String: PageAcknowledgement.Action] = [
        "ack": .acknowledge, "acknowledge": .acknowledge, "acknowledged": .acknowledge, "resolve": .resolve, "resolved": .resolve, "done": .resolve,
        "escalate": .escalate, "escalated": .escalate,
    ]

    /// The words that mean an answer also where they stand alone: “done” may be said of anything.
    private static let plainVerbs: Set<String> = ["ack", "acknowledge", "acknowledged", "escalate", "resolve"]

    /// Nil for what is no answer.
    init?(_ text: String) {
        guard let line = text.split(whereSeparator: \.isNewline).first(where: { $0.contains { !$0.isWhitespace } }) else { return nil }
        // A third word tells only that there are more.
        let words = line.split(maxSplits: 2) { $0.isWhitespace || ",;:".contains($0) }.map {
            $0.prefix(100).drop { $0 == "#" }.lowercased().trimmingSuffix { ".!?,;: ".contains($0) }
        }.filter { !$0.isEmpty }
        guard let first = words.first else { return nil }
        let second = words.count > 1 ? words[1] : nil
        if let action = Self.verbs[first], let second, Self.isCode(second) {
            self.init(action: action, code: second, isBare: false)
        } else if Self.isCode(first), let second, let action = Self.verbs[second] {
            self.init(action: action, code: first, isBare: false)
        } else if Self.isCode(first), words.count == 1 {
            self.init(action: .acknowledge, code: first, isBare: true)
        } else if let action = Self.verbs[first], Self.plainVerbs.contains(first), words.count == 1 {
            self.init(action: action, code: nil, isBare: false)
        } else {
            return nil
        }
    }

    private init(action: PageAcknowledgement.Action, code: String?, isBare: Bool) {
        self.action = action
        self.code = code
        self.isBare = isBare
    }

    private static func isCode(_ word: String) -> Bool {
        (PageCode.minimumDigits...PageCode.maximumDigits).contains(word.utf8.count) && word.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ isTrimmed: (Character) -> Bool) -> String {
        var text = self
        while let last = text.last, isTrimmed(last) { text.removeLast() }
        return text
    }
}
