import PluginAPI

/// Looks at what a language model wrote before any guest can: a model may be fooled, or make things up, and what must not leave is found here whatever it was told.
struct ReplyGuard: Sendable {
    /// The rooms of the hotel, in upper case.
    let rooms: Set<String>
    let instructions: String
    private let spoken: SpokenRooms

    init(rooms: Set<String>, instructions: String) {
        self.rooms = rooms
        self.instructions = instructions
        spoken = SpokenRooms(rooms)
    }

    /// Why a text must not be sent; nil where nothing speaks against it.
    /// - Parameters:
    ///   - grounds: what the answer may rest on: the documents, and what the guest wrote.
    func objection(to text: String, grounds: [String]) -> String? {
        let text = ShownText.plain(text), given = ShownText.plain(grounds.joined(separator: "\n"))
        let allowed = Set(RoomDirectory.candidates(in: given) + ShownText.spelledNumbers(in: given) + spoken.named(in: given))
        // Whose a room is nobody may learn from Jack; a number that the guest or the hotel's own text named tells nothing new.
        if let room = (Self.shownNumbers(in: text) + spoken.named(in: text)).first(where: { rooms.contains($0) && !allowed.contains($0) }) {
            return "it names the room \(room), which neither the guest nor the hotel's knowledge named"
        }
        let known = Set(Self.contacts(in: given))
        if Self.contacts(in: text).contains(where: { !known.contains($0) }) {
            return "it names an address, a link or a number to call that the hotel's knowledge does not have"
        }
        if Self.repeats(text, instructions) { return "it repeats the hotel's instructions" }
        return nil
    }

    /// What a reader may take for a room's number, however it is written.
    static func shownNumbers(in text: String) -> [String] {
        let text = ShownText.plain(text), unmarked = ShownText.unmarked(text)
        return roomNumbers(in: text) + roomNumbers(in: unmarked) + ShownText.spelledNumbers(in: unmarked)
    }

    /// What in a text may be a room's number: what stands after a word for a room, and by itself what has three characters or more and is no date, time or amount.
    static func roomNumbers(in text: String) -> [String] {
        spokenRooms(in: text) + RoomDirectory.candidates(in: withoutAmounts(text)).filter { $0.count >= 3 }
    }

    /// What in a text stands after a word for a room, in upper case.
    static func spokenRooms(in text: String) -> [String] {
        text.matches(
            of:
                #/(?i)\b(?:rooms?|suites?|apartments?|zimmer|appartements?|habitaci[oó]n(?:es)?|cuartos?|chambres?|n[oº°]\.?|#)\s*[:#-]?\s*([\p{L}]?\d{1,5}[\p{L}]?)\b/#
        )
        .map { String($0.1).uppercased() }
    }

    /// A text without dates, times, prices and other amounts.
    private static func withoutAmounts(_ text: String) -> String {
        withoutDates(text)
            .replacing(#/\d{1,2}[:.h]\d{2}\b/#, with: " ")
            .replacing(#/(?i)(?:€|\$|£|\b(?:eur|usd|gbp|chf|euros?))\s?\d[\d.,]*/#, with: " ")
            .replacing(
                #/(?i)\d[\d.,]*\s?(?:€|\$|£|%|(?:eur|euros?|usd|dollars?|gbp|pounds?|chf|km|m|metres?|meters?|metros|mètres|min|minutes?|minuten|minutos|hours?)\b)/#,
                with: " ")
    }

    private static func withoutDates(_ text: String) -> String {
        text.replacing(#/\b\d{4}-\d{2}-\d{2}\b/#, with: " ").replacing(#/\b\d{1,2}[.\/]\d{1,2}[.\/]\d{2,4}\b/#, with: " ")
    }

    /// Links, mail addresses and telephone numbers, written in one way.
    static func contacts(in text: String) -> [String] {
        let text = withoutDates(text)
        var found: [String] = []
        for word in text.lowercased().split(whereSeparator: { $0.isWhitespace || "()[]<>\"'“”„«»,;".contains($0) }) {
            let word = word.drop { "*_".contains($0) }
            let trimmed = String(word.reversed().drop { ".!?:*_".contains($0) }.reversed())
            if trimmed.contains("@") || trimmed.contains("://") || trimmed.hasPrefix("www.") || isDomain(trimmed) { found.append(trimmed) }
        }
        // A run of digits with what stands between them in a telephone number; prices and times are shorter.
        var digits = ""
        func finish() {
            if digits.count >= 7 { found.append(digits) }
            digits = ""
        }
        var gap = 0
        for character in text {
            if let digit = character.wholeNumberValue {
                digits.append("\(digit)")
                gap = 0
            } else if !digits.isEmpty, " -/().".contains(character), gap < 2 {
                gap += 1
            } else {
                finish()
                gap = 0
            }
        }
        finish()
        return found
    }

    private static func isDomain(_ word: String) -> Bool {
        let parts = word.split(separator: "/", maxSplits: 1)[...].first.map { $0.split(separator: ".", omittingEmptySubsequences: false) } ?? []
        guard parts.count >= 2, let last = parts.last, (2...12).contains(last.count), last.allSatisfy(\.isLetter) else { return false }
        return parts.dropLast().allSatisfy { part in part.count >= 2 && part.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" } }
    }

    /// True where a text repeats a long stretch of another, whatever its spacing and case.
    private static func repeats(_ text: String, _ other: String) -> Bool {
        func words(_ text: String) -> [Substring] { text.lowercased().split { !($0.isLetter || $0.isNumber) } }
        let length = 10, mine = words(text), theirs = words(other)
        guard mine.count >= length, theirs.count >= length else { return false }
        let runs = Set((0...theirs.count - length).map { theirs[$0..<$0 + length].joined(separator: " ") })
        return (0...mine.count - length).contains { runs.contains(mine[$0..<$0 + length].joined(separator: " ")) }
    }
}
