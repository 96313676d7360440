/// Reads comma-separated values (RFC 4180) as spreadsheets write them: a byte-order mark, CRLF, `;` or tabs instead of commas, line breaks inside
/// quotes.
struct CSVReader {
    /// One record and the line on which it begins.
    struct Record {
        var line: Int
        var fields: [String]
    }

    private(set) var records: [Record] = []
    /// What is wrong, and on which line.
    private(set) var problems: [(line: Int, message: String)] = []

    private let bytes: ArraySlice<UInt8>
    private var position: Int
    private var line = 1
    private var separator = UInt8(ascii: ",")

    init(_ bytes: [UInt8]) {
        self.bytes = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
        position = self.bytes.startIndex
        separator = detectedSeparator()
        while position < self.bytes.endIndex { readRecord() }
    }

    /// Whichever of the three the first line has most of, outside quotes.
    private func detectedSeparator() -> UInt8 {
        var counts: [UInt8: Int] = [:], isQuoted = false
        for byte in bytes {
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if !isQuoted, Self.isBreak(byte) { break }
            if !isQuoted { counts[byte, default: 0] += 1 }
        }
        let candidates = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]
        return candidates.max { counts[$0, default: 0] < counts[$1, default: 0] } ?? candidates[0]
    }

    /// Reads one record. Where it is broken, only its first line is given up: a quote that somebody forgot must not swallow the lines below.
    private mutating func readRecord() {
        let start = (position, line)
        do throws(Broken) {
            let fields = try readFields()
            if fields == [""] { return }
            if let expected = records.first?.fields.count, fields.count != expected {
                // Spreadsheets leave empty fields at the end.
                guard fields.count > expected, fields[expected...].allSatisfy(\.isEmpty) else {
                    throw Broken(message: "has \(fields.count) fields where the first line has \(expected)")
                }
            }
            records.append(Record(line: start.1, fields: records.isEmpty ? fields : Array(fields.prefix(records[0].fields.count))))
        } catch {
            problems.append((start.1, error.message))
            (position, line) = start
            while position < bytes.endIndex, !Self.isBreak(bytes[position]) { position += 1 }
            takeBreak()
        }
    }

    /// In bytes. Nobody writes more into a cell, and a quote that is never closed ends somewhere.
    private static let longestField = 64 << 10

    private struct Broken: Error { let message: String }

    private mutating func readFields() throws(Broken) -> [String] {
        var fields: [String] = []
        while true {
            fields.append(try readField())
            guard position < bytes.endIndex, bytes[position] == separator else { break }
            position += 1
        }
        takeBreak()
        return fields
    }

    private mutating func readField() throws(Broken) -> String {
        guard position < bytes.endIndex, bytes[position] == UInt8(ascii: "\"") else {
            let start = position
            while position < bytes.endIndex, bytes[position] != separator, !Self.isBreak(bytes[position]) { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }
        var field: [UInt8] = []
        position += 1
        while position < bytes.endIndex, field.count < Self.longestField {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") {
                if position < bytes.endIndex, bytes[position] == byte {
                    position += 1
                } else if position == bytes.endIndex || bytes[position] == separator || Self.isBreak(bytes[position]) {
                    return String(decoding: field, as: UTF8.self)
                } else {
                    throw Broken(message: "has text after a closing quote")
                }
            } else if byte == 10 || (byte == 13 && (position == bytes.endIndex || bytes[position] != 10)) {
                line += 1
            }
            field.append(byte)
        }
        throw Broken(message: "has a quote that is not closed")
    }

    /// Takes one line break: CRLF, LF or CR.
    private mutating func takeBreak() {
        guard position < bytes.endIndex else { return }
        if bytes[position] == 13, position + 1 < bytes.endIndex, bytes[position + 1] == 10 { position += 1 }
        position += 1
        line += 1
    }

    private static func isBreak(_ byte: UInt8) -> Bool { byte == 10 || byte == 13 }
}
