import Foundation

/// Lines and searches over a mail's bytes. Everything is linear in what it reads.
enum MIMEBytes {
    /// The end of the line that begins at `start`: where its text ends, and where the next line begins.
    static func line(_ bytes: [UInt8], from start: Int, to limit: Int) -> (end: Int, next: Int) {
        guard start < limit else { return (limit, limit) }
        let feed = bytes.withUnsafeBytes { buffer -> Int? in
            guard let base = buffer.baseAddress, let found = memchr(base + start, 10, limit - start) else { return nil }
            return UnsafeRawPointer(found) - base
        }
        guard let feed else { return (bytes[limit - 1] == 13 ? limit - 1 : limit, limit) }
        return (feed > start && bytes[feed - 1] == 13 ? feed - 1 : feed, feed + 1)
    }

    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isBlank = { (byte: UInt8) in byte == 32 || byte == 9 || byte == 13 || byte == 10 }
        let head = bytes.drop(while: isBlank)
        return head.prefix((head.lastIndex { !isBlank($0) } ?? head.startIndex - 1) - head.startIndex + 1)
    }

    static func lowercased(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.map { (65...90).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
    }

    static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}

/// Undoes content transfer encodings (RFC 2045, 6). What is broken is read as far as it makes sense.
enum TransferEncoding {
    static func decode(_ bytes: ArraySlice<UInt8>, _ encoding: String) -> [UInt8] {
        switch encoding {
        case "base64", "b": base64(bytes)
        case "quoted-printable": quotedPrintable(bytes)
        default: Array(bytes)
        }
    }

    private static let base64Values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, byte) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8.enumerated() { values[Int(byte)] = UInt8(value) }
        // Some programs write the URL's alphabet.
        (values[45], values[95]) = (62, 63)
        return values
    }()

    /// What is not in the alphabet is skipped; padding ends a group and not the text, because some programs join encoded pieces.
    static func base64(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count / 4 * 3 + 3)
        base64Values.withUnsafeBufferPointer { values in
            bytes.withUnsafeBufferPointer { bytes in
                var group: UInt32 = 0, count = 0
                func flush() {
                    if count >= 2 { result.append(UInt8(truncatingIfNeeded: group >> (count == 2 ? 4 : 10))) }
                    if count == 3 { result.append(UInt8(truncatingIfNeeded: group >> 2)) }
                    (group, count) = (0, 0)
                }
                for byte in bytes {
                    if byte == 61 {
                        flush()
                        continue
                    }
                    let value = values[Int(byte)]
                    if value == 255 { continue }
                    group = group << 6 | UInt32(value)
                    count += 1
                    if count == 4 {
                        result.append(UInt8(truncatingIfNeeded: group >> 16))
                        result.append(UInt8(truncatingIfNeeded: group >> 8))
                        result.append(UInt8(truncatingIfNeeded: group))
                        (group, count) = (0, 0)
                    }
                }
                flush()
            }
        }
        return result
    }

    static func quotedPrintable(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        // Up to here nothing is white space that a gateway may have added.
        var meant = 0
        var index = bytes.startIndex
        let end = bytes.endIndex
        while index < end {
            let byte = bytes[index]
            if byte == 61 {
                if index + 2 < end, let high = MIMEBytes.hex(bytes[index + 1]), let low = MIMEBytes.hex(bytes[index + 2]) {
                    result.append(high << 4 | low)
                    meant = result.count
                    index += 3
                    continue
                }
                // A soft line break, with white space that a gateway may have put behind it.
                var next = index + 1
                while next < end, bytes[next] == 32 || bytes[next] == 9 { next += 1 }
                if next < end, bytes[next] == 13 { next += 1 }
                if next < end, bytes[next] == 10 {
                    index = next + 1
                    continue
                }
                if next >= end { break }
            }
            // White space at a line's end that is not encoded was not written by the sender.
            if byte == 10 || (byte == 13 && index + 1 < end && bytes[index + 1] == 10) {
                while result.count > meant, let last = result.last, last == 32 || last == 9 { result.removeLast() }
            }
            result.append(byte)
            if byte == 10 { meant = result.count }
            index += 1
        }
        return result
    }

    /// The `Q` encoding of headers (RFC 2047, 4.2).
    static func q(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = [], index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == 61, index + 2 < bytes.endIndex, let high = MIMEBytes.hex(bytes[index + 1]), let low = MIMEBytes.hex(bytes[index + 2]) {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(bytes[index] == 95 ? 32 : bytes[index])
                index += 1
            }
        }
        return result
    }
}
