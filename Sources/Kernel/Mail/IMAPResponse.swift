import Foundation

/// A piece of an IMAP response.
indirect enum IMAPValue: Equatable {
    case atom(String)
    case string([UInt8])
    case list([IMAPValue])

    var text: String? {
        switch self {
        case .atom(let text): text
        case .string(let bytes): String(decoding: bytes, as: UTF8.self)
        case .list: nil
        }
    }

    var number: UInt32? { text.flatMap { UInt32($0) } }
    var elements: [IMAPValue]? { if case .list(let elements) = self { elements } else { nil } }
}

/// A line of an IMAP server's, with the literals in it (RFC 3501, 7).
struct IMAPResponse {
    enum Segment {
        case text([UInt8])
        case literal([UInt8])
    }

    var segments: [Segment]

    /// `*`, `+`, or a command's tag.
    var tag: String { String(first.prefix { $0 != " " }) }
    /// The word after the tag, in upper case: `OK`, `FETCH` is the second one where this is a number.
    var words: [String] { first.split(separator: " ", maxSplits: 3).dropFirst().prefix(2).map { $0.uppercased() } }
    /// What stands after tag and condition, such as `[UIDNEXT 7] ready`.
    var condition: String { first.split(separator: " ", maxSplits: 2).dropFirst(2).first.map(String.init) ?? "" }

    private var first: String { if case .text(let bytes)? = segments.first { String(decoding: bytes, as: UTF8.self) } else { "" } }

    /// The number in a response code such as `[UIDVALIDITY 17]`.
    func code(_ name: String) -> UInt32? {
        let text = condition.uppercased()
        guard text.hasPrefix("[\(name) ") else { return nil }
        return UInt32(text.dropFirst(name.count + 2).prefix { $0.isNumber })
    }

    /// The response as values; nil where brackets and quotes do not pair, or nest more than a server's would.
    func values() -> [IMAPValue]? {
        var stack: [[IMAPValue]] = [[]]
        for segment in segments {
            switch segment {
            case .literal(let bytes): stack[stack.count - 1].append(.string(bytes))
            case .text(let bytes): guard Self.read(bytes, &stack) else { return nil }
            }
        }
        return stack.count == 1 ? stack[0] : nil
    }

    private static func read(_ bytes: [UInt8], _ stack: inout [[IMAPValue]]) -> Bool {
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case 32: index += 1
            case 40:
                guard stack.count < 32 else { return false }
                stack.append([])
                index += 1
            case 41:
                guard stack.count > 1, let list = stack.popLast() else { return false }
                stack[stack.count - 1].append(.list(list))
                index += 1
            case 34:
                var text: [UInt8] = []
                index += 1
                while index < bytes.count, bytes[index] != 34 {
                    if bytes[index] == 92 { index += 1 }
                    guard index < bytes.count else { return false }
                    text.append(bytes[index])
                    index += 1
                }
                guard index < bytes.count else { return false }
                index += 1
                stack[stack.count - 1].append(.string(text))
            default:
                // A section such as BODY[HEADER.FIELDS (DATE)]<0> is one atom, spaces and all.
                let begin = index
                var depth = 0
                while index < bytes.count, depth > 0 || ![32, 40, 41].contains(bytes[index]) {
                    if bytes[index] == 91 { depth += 1 } else if bytes[index] == 93 { depth -= 1 }
                    index += 1
                }
                stack[stack.count - 1].append(.atom(String(decoding: bytes[begin..<index], as: UTF8.self)))
            }
        }
        return true
    }

    /// How many bytes of a literal follow a line, where it ends with `{n}`; a line of words such as `* OK` never announces one.
    static func literal(after line: [UInt8], isFirst: Bool) -> Int? {
        guard line.last == 125, let open = line.lastIndex(of: 123) else { return nil }
        if isFirst {
            let words = String(decoding: line.prefix(16), as: UTF8.self).uppercased().split(separator: " ")
            if words.first != "*" || ["OK", "NO", "BAD", "BYE", "PREAUTH"].contains(words.dropFirst().first ?? "") { return nil }
        }
        let digits = line[(open + 1)..<(line.count - 1)]
        guard !digits.isEmpty, digits.count < 12, digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}

/// How IMAP writes names of mailboxes, texts and dates.
enum IMAPText {
    /// A mailbox's name in modified UTF-7 (RFC 3501, 5.1.3).
    static func mailbox(_ name: String) -> String {
        if name.uppercased() == "INBOX" { return "INBOX" }
        var result = "", run: [UInt16] = []
        func flush() {
            guard !run.isEmpty else { return }
            let text = Data(run.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }).base64EncodedString()
            result += "&" + text.replacing("/", with: ",").prefix { $0 != "=" } + "-"
            run = []
        }
        for scalar in name.unicodeScalars {
            if (0x20...0x7e).contains(scalar.value) {
                flush()
                result += scalar == "&" ? "&-" : String(Character(scalar))
            } else {
                run += Array(String(Character(scalar)).utf16)
            }
        }
        flush()
        return result
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `1-Feb-1994`, in UTC.
    static func day(_ date: Date) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.year, .month, .day], from: date)
        return "\(parts.day ?? 1)-\(months[(parts.month ?? 1) - 1])-\(parts.year ?? 1970)"
    }

    /// From `17-Jul-1996 02:44:25 -0700`.
    static func date(_ text: String) -> Date? {
        let words = text.split(separator: " ")
        guard words.count == 3 else { return nil }
        let day = words[0].split(separator: "-"), time = words[1].split(separator: ":").compactMap { Int($0) }
        guard day.count == 3, time.count == 3, let month = months.firstIndex(where: { $0.lowercased() == day[1].lowercased() }),
            let zone = Int(words[2])
        else { return nil }
        var parts = DateComponents()
        parts.calendar = Calendar(identifier: .gregorian)
        parts.timeZone = TimeZone(secondsFromGMT: (zone / 100 * 60 + zone % 100) * 60)
        (parts.year, parts.month, parts.day) = (Int(day[2]), month + 1, Int(day[0]))
        (parts.hour, parts.minute, parts.second) = (time[0], time[1], time[2])
        return parts.date
    }
}
