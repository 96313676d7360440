import Foundation
import PluginAPI

/// A range of IP addresses in CIDR form, such as `10.0.0.0/8` or `::1`.
public struct AddressRange: SettingValue, Hashable, CustomStringConvertible {
    private let bytes: [UInt8]
    /// The number of leading bits that must agree.
    public let prefixLength: Int

    /// A range from its text; a single address is a range of one. Nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let bytes = Self.bytes(of: String(parts[0])) else { return nil }
        var length = bytes.count * 8
        if parts.count == 2 {
            guard parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let given = Int(parts[1]), given <= length else { return nil }
            length = given
        }
        self.bytes = bytes
        prefixLength = length
    }

    /// True where `address`, a numeric IPv4 or IPv6 address, lies in the range. An IPv4 address that is mapped into IPv6 counts as IPv4.
    public func contains(_ address: String) -> Bool {
        guard let other = Self.bytes(of: address), other.count == bytes.count else { return false }
        let whole = prefixLength / 8
        let bits = prefixLength % 8
        guard bytes.prefix(whole).elementsEqual(other.prefix(whole)) else { return false }
        return bits == 0 || (bytes[whole] ^ other[whole]) >> (8 - UInt8(bits)) == 0
    }

    private static func bytes(of text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
        // A zone such as %eth0 says on which link the address is, not which address it is.
        guard inet_pton(AF_INET6, String(text.prefix { $0 != "%" }), &bytes) == 1 else { return nil }
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        return isMapped ? Array(bytes.suffix(4)) : bytes
    }

    public static var shape: SettingShape { .string(format: "an address range such as 10.0.0.0/8") }

    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> AddressRange? {
        guard let text = node.text, !node.isNull else { return mismatch(node, &diagnostics) }
        if let range = AddressRange(text) { return range }
        diagnostics.error(.invalidValue, "“\(text)” is not an address range", remedy: "write for example 10.0.0.0/8 or ::1", at: node.mark)
        return nil
    }

    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "" }
        let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(address)/\(prefixLength)"
    }

    public var printed: JSONValue { .string(description) }
}
