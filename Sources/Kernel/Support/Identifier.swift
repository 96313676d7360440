import Crypto
import Foundation

/// Makes ids that sort by the time they were made: `msg_` and 26 characters, 48 bits of milliseconds and 80 random bits in Crockford's base 32.
public enum Identifier {
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    public static func make(_ prefix: String, at date: Date) -> String {
        var generator = SystemRandomNumberGenerator()
        let time = UInt64(max(0, date.timeIntervalSince1970 * 1000)) & 0xFFFF_FFFF_FFFF
        let random = (generator.next() as UInt64, generator.next() as UInt64)
        var bytes = Array(prefix.utf8)
        bytes.append(UInt8(ascii: "_"))
        for shift in stride(from: 45, through: 0, by: -5) { bytes.append(alphabet[Int(time >> UInt64(shift) & 31)]) }
        for shift in stride(from: 0, to: 40, by: 5) { bytes.append(alphabet[Int(random.0 >> UInt64(shift) & 31)]) }
        for shift in stride(from: 0, to: 40, by: 5) { bytes.append(alphabet[Int(random.1 >> UInt64(shift) & 31)]) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The id of what its maker has named: always the same one, which does not sort by time. Whoever does not know the name does not guess it from the id.
    public static func of(_ prefix: String, named name: String) -> String {
        let digits = SHA256.hash(data: Array(name.utf8)).prefix(26).map { alphabet[Int($0 & 31)] }
        return prefix + "_" + String(decoding: digits, as: UTF8.self)
    }
}
