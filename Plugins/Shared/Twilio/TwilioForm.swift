import Foundation
import PluginAPI

/// Names and values as `application/x-www-form-urlencoded` carries them: what Twilio posts, and what it is posted.
public struct TwilioForm: Sendable, Hashable {
    public struct Field: Sendable, Hashable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// More fields than any request of Twilio's has.
    private static let mostFields = 1_000

    /// In the order of the body. A name may stand several times.
    public var fields: [Field]

    public init(_ fields: [Field] = []) { self.fields = fields }

    /// Reads a body; nil where it is none of UTF-8 and sound percent-encoding.
    public init?(_ body: [UInt8]) {
        var fields: [Field] = []
        for pair in body.split(separator: UInt8(ascii: "&")) {
            guard fields.count < Self.mostFields else { return nil }
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(parts[0]), let value = Self.decoded(parts.count > 1 ? parts[1] : []) else { return nil }
            fields.append(Field(name, value))
        }
        self.fields = fields
    }

    /// The first value of a name; nil where there is none.
    public subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// The first value of a name, where it is not empty.
    public func text(_ name: String) -> String? { self[name].flatMap { $0.isEmpty ? nil : $0 } }

    public mutating func add(_ name: String, _ value: String) { fields.append(Field(name, value)) }

    /// The body.
    public var bytes: [UInt8] {
        Array(fields.map { "\(Self.encoded($0.name))=\(Self.encoded($0.value))" }.joined(separator: "&").utf8)
    }

    /// A text for a form or a URL's query: all but RFC 3986's unreserved characters are percent-encoded.
    public static func encoded(_ text: String) -> String {
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                out.append(byte)
            default: out += [UInt8(ascii: "%")] + Hex.text([byte]).uppercased().utf8
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func decoded(_ bytes: ArraySlice<UInt8>) -> String? {
        var out: [UInt8] = [], rest = bytes
        out.reserveCapacity(rest.count)
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): out.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let value = Hex.bytes(rest.prefix(2)), value.count == 1 else { return nil }
                out += value
                rest = rest.dropFirst(2)
            default: out.append(byte)
            }
        }
        return String(validating: out, as: UTF8.self)
    }
}
