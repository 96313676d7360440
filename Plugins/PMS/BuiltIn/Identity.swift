import Foundation

/// A day as `yyyy-MM-dd`.
enum CalendarDay {
    /// True for a day that the Gregorian calendar has.
    static func isValid(_ text: String) -> Bool {
        guard text.wholeMatch(of: /\d{4}-\d\d-\d\d/) != nil, text.utf8.count == 10 else { return false }
        let parts = text.split(separator: "-").compactMap { Int($0) }
        guard parts.count == 3, (1...12).contains(parts[1]), parts[0] > 0 else { return false }
        let isLeap = parts[0] % 4 == 0 && (parts[0] % 100 != 0 || parts[0] % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][parts[1] - 1]
        return (1...days).contains(parts[2])
    }
}

/// A telephone number, whatever the way in which a person wrote it.
struct PhoneNumber {
    let digits: String
    var e164: String { "+" + digits }

    /// Nil where the text is no international number and cannot be made one with the country's code.
    init?(_ text: String, countryCode: String?) {
        var digits = text.filter(\.isWholeNumber)
        guard text.allSatisfy({ $0.isASCII && ($0.isWholeNumber || " +-().\u{2f}".contains($0)) }), text.dropFirst().allSatisfy({ $0 != "+" }) else {
            return nil
        }
        // `+49 (0)30 …`: the zero is for calls within the country.
        if text.hasPrefix("+") || text.hasPrefix("00") {
            digits = text.replacing("(0)", with: "").filter(\.isWholeNumber)
            if text.hasPrefix("00") { digits.removeFirst(2) }
        } else if let countryCode, digits.hasPrefix("0") {
            digits = countryCode + digits.dropFirst()
        } else {
            return nil
        }
        guard (7...15).contains(digits.count), !digits.hasPrefix("0") else { return nil }
        self.digits = digits
    }
}

/// Texts as they are compared.
enum Folding {
    /// Without case, accents and what is no letter or digit, in each of the ways that a name may be written: Müller is Muller and Mueller.
    static func names(_ name: String) -> Set<String> {
        let lower = name.lowercased()
        let german = lower.replacing("ä", with: "ae").replacing("ö", with: "oe").replacing("ü", with: "ue")
        return Set([lower, german].map(plain).filter { !$0.isEmpty })
    }

    static func plain(_ text: String) -> String {
        let letters = ["ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"]
        let folded = text.lowercased().folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil)
        return String(folded.map { letters[String($0)] ?? String($0) }.joined().filter { $0.isLetter || $0.isNumber })
    }
}

/// One guest over several reservations.
enum GuestIdentity {
    /// The same for the same mail address, or else telephone number. A hash, since an id may be logged and an address may not.
    static func id(email: String?, phone: String?, confirmation: String) -> String {
        if let email { return "e" + hash(email.lowercased()) }
        if let phone { return "p" + hash(phone) }
        return "c-" + confirmation
    }

    /// FNV-1a, 64 bits: spreads well, and is the same in every run, as Swift's own hash is not.
    private static func hash(_ text: String) -> String {
        let value = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(value, radix: 16)
    }
}
