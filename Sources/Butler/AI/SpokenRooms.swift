import Foundation
import Synchronization

/// Rooms by the words in which their numbers are said: `two hundred and four`, `two oh four`, `zweihundertvier`. A model that was told to name no number
/// may spell it.
///
/// Words are those of Unicode's rules for spelling numbers (ICU, “RuleBasedNumberFormat”), in ``languages``.
struct SpokenRooms: Sendable {
    /// In which numbers are recognised, whatever language the hotel and the guest use.
    static let languages = ["en", "de", "es", "fr", "pt", "it", "nl"]

    private struct Meaning {
        var room: String
        /// Whether a word for a room must stand before it: by itself it is more likely a time, or a small number.
        var needsRoomWord: Bool
    }

    private let meanings: [String: Meaning]
    private let longest: Int

    init(_ rooms: Set<String>) {
        var meanings: [String: Meaning] = [:]
        for (room, forms) in Self.forms(of: rooms.sorted()) {
            for form in forms where meanings[form.text]?.needsRoomWord != false {
                meanings[form.text] = Meaning(room: room, needsRoomWord: form.needsRoomWord)
            }
        }
        self.meanings = meanings
        longest = meanings.keys.map(\.utf8.count).max() ?? 0
    }

    /// The rooms that a text names in words.
    func named(in text: String) -> [String] {
        let words = Self.words(in: text)
        var found: [String] = []
        for start in words.indices {
            var said = ""
            for end in start..<words.endIndex {
                said += words[end]
                guard said.utf8.count <= longest else { break }
                guard let meaning = meanings[said] else { continue }
                if meaning.needsRoomWord, start == 0 || !Self.roomWords.contains(words[start - 1]) { continue }
                if end + 1 < words.endIndex, Self.units.contains(words[end + 1]) { continue }
                found.append(meaning.room)
            }
        }
        return found
    }

    private static let roomWords: Set<String> = [
        "room", "rooms", "number", "suite", "suites", "apartment", "zimmer", "nummer", "habitacion", "cuarto", "chambre", "numero", "quarto",
        "camera",
        "stanza", "kamer",
    ]
    private static let units: Set<String> = [
        "eur", "euro", "euros", "dollar", "dollars", "pound", "pounds", "percent", "prozent", "km", "m", "metre", "metres", "meter", "meters",
        "metro",
        "metros", "metri", "minute", "minutes", "minuten", "minuto", "minutos", "minuti", "hour", "hours",
    ]
    /// What stands between the parts of a number, and not in all of its spellings.
    private static let connectors: Set<String> = ["and", "und", "y", "et", "e", "en"]

    /// Words in one spelling: without case, accents and hyphens, without what only connects.
    private static func words(in text: String) -> [String] {
        ShownText.unmarked(ShownText.plain(text)).folding(options: [.diacriticInsensitive, .caseInsensitive], locale: nil)
            .split { !$0.isLetter }.map(String.init).filter { !connectors.contains($0) }
    }

    // MARK: Spelling

    private typealias Form = (text: String, needsRoomWord: Bool)
    private static let known = Mutex<[String: [Form]]>([:])

    /// All the ways in which rooms are said, the words joined. A hotel's rooms are spelled once.
    private static func forms(of rooms: [String]) -> [(room: String, forms: [Form])] {
        known.withLock { known in
            let speller = rooms.allSatisfy { known[$0] != nil } ? nil : Speller(languages)
            return rooms.map { room in
                if let forms = known[room] { return (room, forms) }
                let forms = speller.map { spelled(room, by: $0) } ?? []
                if known.count < 10_000 { known[room] = forms }
                return (room, forms)
            }
        }
    }

    private static func spelled(_ room: String, by speller: Speller) -> [Form] {
        let letters = room.prefix { $0.isLetter }.lowercased(), digits = room.drop { $0.isLetter }
        guard (1...5).contains(digits.count), digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits) else { return [] }
        let isBare = letters.isEmpty && digits.count >= 3
        var forms: [Form] = []
        func add(_ text: String, _ needsRoomWord: Bool = false) {
            forms.append((words(in: letters + " " + text).joined(), needsRoomWord || !isBare))
        }
        for language in languages {
            func spell(_ number: Int) -> String { speller.spell(number, in: language) }
            let whole = spell(number)
            add(whole)
            if language == "en", whole.hasPrefix("one hundred") {
                for start in ["a hundred", "hundred"] { add(start + whole.dropFirst("one hundred".count)) }
            }
            if language == "de" { add(ShownText.plain(whole).replacing("hundert", with: "hundertund")) }
            for zero in language == "en" ? [spell(0), "oh", "o"] : [spell(0)] {
                add(digits.map { $0 == "0" ? zero : spell($0.wholeNumberValue ?? 0) }.joined(separator: " "))
                guard digits.count >= 3, let front = Int(digits.dropLast(2)), let back = Int(digits.suffix(2)) else { continue }
                // `ten thirty` is a time of day before it is a room.
                let mayBeTime = (1...12).contains(front) && back % 5 == 0 && back < 60
                add("\(spell(front)) \(back < 10 ? "\(zero) \(spell(back))" : spell(back))", mayBeTime)
            }
        }
        return forms
    }

    /// Spells numbers; made for a list of them, since making it takes longer than spelling.
    private struct Speller {
        private let formatters: [String: NumberFormatter]

        init(_ languages: [String]) {
            formatters = Dictionary(
                uniqueKeysWithValues: languages.map { language in
                    let formatter = NumberFormatter()
                    formatter.locale = Locale(identifier: language)
                    formatter.numberStyle = .spellOut
                    return (language, formatter)
                })
        }

        func spell(_ number: Int, in language: String) -> String { formatters[language]?.string(from: NSNumber(value: number)) ?? "" }
    }
}
