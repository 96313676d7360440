import Foundation
import PluginAPI

/// A range of IP addresses in CIDR form, such as `10.0.0.0/8` or `::1`.
public struct AddressRange: SettingValue, Hashable, CustomStringConvertible {
    private let base: IPAddress
    /// The number of leading bits that must agree.
    public let prefixLength: Int

    /// A range from its text; a single address is a range of one. Nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let base = IPAddress(parts[0]) else { return nil }
        var length = base.bytes.count * 8
        if parts.count == 2 {
            guard parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let given = Int(parts[1]), given <= length else { return nil }
            length = given
        }
        self.base = base
        prefixLength = length
    }

    /// True where `address` lies in the range.
    public func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == base.bytes.count else { return false }
        let whole = prefixLength / 8
        let bits = prefixLength % 8
        guard base.bytes.prefix(whole).elementsEqual(address.bytes.prefix(whole)) else { return false }
        return bits == 0 || (base.bytes[whole] ^ address.bytes[whole]) >> (8 - UInt8(bits)) == 0
    }

    /// True where `address`, a numeric IPv4 or IPv6 address, lies in the range. An IPv4 address that is mapped into IPv6 counts as IPv4.
    public func contains(_ address: String) -> Bool { IPAddress(address).map { contains($0) } ?? false }

    public static var shape: SettingShape { .string(format: "an address range such as 10.0.0.0/8") }

    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> AddressRange? {
        guard let text = node.text, !node.isNull else { return mismatch(node, &diagnostics) }
        if let range = AddressRange(text) { return range }
        diagnostics.error(.invalidValue, "“\(text)” is not an address range", remedy: "write for example 10.0.0.0/8 or ::1", at: node.mark)
        return nil
    }

    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(base.bytes.count == 4 ? AF_INET : AF_INET6, base.bytes, &text, socklen_t(text.count)) != nil else { return "" }
        let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(address)/\(prefixLength)"
    }

    public var printed: JSONValue { .string(description) }
}
