import Foundation

/// A mailbox as a header names it.
struct MailAddress: Hashable, Sendable {
    var name: String?
    /// `local@domain`; the domain in lower case.
    var address: String

    var local: String { String(address[..<(address.lastIndex(of: "@") ?? address.endIndex)]) }
    var domain: String { address.lastIndex(of: "@").map { String(address[address.index(after: $0)...]) } ?? "" }
    /// What tells two addresses apart in practice: no server in use tells local parts by their case.
    var key: String { address.lowercased() }

    init(name: String? = nil, address: String) {
        self.name = name
        self.address = address
    }

    /// The addresses of a field such as `From` or `To`, without what is none.
    static func parse(_ bytes: [UInt8], limit: Int = 100) -> [MailAddress] {
        var found: [MailAddress] = [], item = Item()
        var isQuoted = false, isAngle = false, depth = 0, index = 0
        func flush() {
            if let address = item.address { found.append(address) }
            item = Item()
            isAngle = false
        }
        while index < bytes.count, found.count < limit {
            let byte = bytes[index]
            index += 1
            if byte == 92, isQuoted || depth > 0, index < bytes.count {
                if depth > 0 { item.comment.append(bytes[index]) } else { item.append(bytes[index], isAngle, isQuoted: true) }
                index += 1
            } else if depth > 0 {
                if byte == 40 { depth += 1 } else if byte == 41 { depth -= 1 }
                if depth > 0 { item.comment.append(byte) }
            } else if byte == 34 {
                isQuoted.toggle()
                if isAngle { item.inner.append(34) }
            } else if isQuoted {
                item.append(byte, isAngle, isQuoted: true)
            } else {
                switch byte {
                case 40: depth = 1
                case 60:
                    // A second one: what looked like an address before was a name.
                    if !item.inner.isEmpty { item.outer += item.inner }
                    item.inner = []
                    isAngle = true
                    item.hasAngle = true
                case 62: isAngle = false
                case 44, 59: flush()
                case 58 where !isAngle && !item.outer.contains(64): item = Item()
                default: item.append(byte, isAngle, isQuoted: false)
                }
            }
        }
        flush()
        return found
    }

    private struct Item {
        var outer: [UInt8] = [], inner: [UInt8] = [], comment: [UInt8] = []
        var hasAngle = false

        mutating func append(_ byte: UInt8, _ isAngle: Bool, isQuoted: Bool) {
            if isAngle { inner.append(byte) } else { outer.append(byte) }
        }

        var address: MailAddress? {
            var text = String(decoding: hasAngle ? inner : outer.filter { $0 != 32 && $0 != 9 }, as: UTF8.self)
            // A route (`@a,@b:user@c`) is of another age.
            if text.hasPrefix("@"), let colon = text.lastIndex(of: ":") { text = String(text[text.index(after: colon)...]) }
            text = text.trimmingCharacters(in: .whitespaces)
            if text.lowercased().hasPrefix("mailto:") { text.removeFirst(7) }
            guard let at = text.lastIndex(of: "@"), at != text.startIndex, text.utf8.count <= 320 else { return nil }
            let domain = text[text.index(after: at)...].lowercased().trimmingCharacters(in: ["."])
            let isSound = { (text: String) in
                text.unicodeScalars.allSatisfy { $0.value > 32 && $0.value != 127 && $0 != "<" && $0 != ">" && $0 != "\u{fffd}" }
            }
            guard !domain.isEmpty, isSound(domain), isSound(String(text[..<at])), !domain.contains("@") else { return nil }
            let name = HeaderText.decode(hasAngle ? outer : comment).trimmingCharacters(in: [" ", "'", "\""])
            return MailAddress(name: name.isEmpty ? nil : String(name.prefix(200)), address: "\(text[..<at])@\(domain)")
        }
    }
}

/// `Date` fields (RFC 5322, 3.3) in the forms that programs write.
enum MailDate {
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let zones = [
        "gmt": 0, "ut": 0, "utc": 0, "z": 0, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
        "cet": 60, "cest": 120,
    ]

    static func parse(_ text: String) -> Date? {
        let plain = text.split(separator: "(").first.map(String.init) ?? ""
        var words = plain.split { " ,-\t".contains($0) && !($0 == "-") }.flatMap { word in
            // `17-Jul-1996` is three words; `-0700` is one.
            word.first == "-" ? [Substring(word)] : word.split(separator: "-").map { $0 }
        }
        if let first = words.first, first.first?.isLetter == true { words.removeFirst() }
        guard words.count >= 4, let day = Int(words[0]), let month = months.firstIndex(of: words[1].prefix(3).lowercased()), var year = Int(words[2])
        else { return nil }
        if year < 50 { year += 2000 } else if year < 1000 { year += 1900 }
        let time = words[3].split { ":.".contains($0) }.compactMap { Int($0) }
        guard (1...31).contains(day), (1970...9999).contains(year), time.count >= 2 else { return nil }
        var offset = 0
        if words.count > 4 {
            if let number = Int(words[4]), abs(number) < 1500 {
                offset = number / 100 * 60 + number % 100
            } else {
                offset = zones[words[4].lowercased()] ?? 0
            }
        }
        var parts = DateComponents()
        parts.calendar = Calendar(identifier: .gregorian)
        parts.timeZone = .gmt
        (parts.year, parts.month, parts.day) = (year, month + 1, day)
        (parts.hour, parts.minute, parts.second) = (time[0], time[1], time.count > 2 ? min(time[2], 59) : 0)
        return parts.date?.addingTimeInterval(-Double(offset) * 60)
    }

    /// In UTC.
    static func format(_ date: Date) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second, .weekday], from: date)
        func two(_ number: Int?) -> String { let number = number ?? 0; return number < 10 ? "0\(number)" : "\(number)" }
        let month = months[(parts.month ?? 1) - 1].capitalized, day = days[(parts.weekday ?? 1) - 1]
        return "\(day), \(two(parts.day)) \(month) \(parts.year ?? 1970) \(two(parts.hour)):\(two(parts.minute)):\(two(parts.second)) +0000"
    }
}
