#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// An IP address as bytes. An IPv4 address that came mapped into IPv6 is an IPv4 address.
public struct IPAddress: Sendable, Hashable {
    /// 4 or 16 bytes.
    public let bytes: [UInt8]

    /// Reads an address without port or brackets; a zone (`%eth0`) is dropped.
    public init?(_ text: some StringProtocol) {
        let plain = String(text.prefix { $0 != "%" })
        var buffer = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, plain, &buffer) == 1 {
            bytes = Array(buffer[..<4])
        } else if inet_pton(AF_INET6, plain, &buffer) == 1 {
            let mapped = buffer[..<10].allSatisfy { $0 == 0 } && buffer[10] == 0xFF && buffer[11] == 0xFF
            bytes = mapped ? Array(buffer[12...]) : buffer
        } else {
            return nil
        }
    }

    /// What limits are counted by: an IPv4 address, or the /64 network that one IPv6 customer has to itself.
    var limitKey: [UInt8] { bytes.count == 4 ? bytes : Array(bytes[..<8]) }
}

/// A range of IP addresses in CIDR notation.
public struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    private let base: [UInt8]
    private let prefix: Int

    /// Reads `10.0.0.0/8`, `::1/128` or a single address; nil where it is none.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(parts[0]) else { return nil }
        let bits = address.bytes.count * 8
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...bits).contains(given) else { return nil }
            prefix = given
        } else {
            prefix = bits
        }
        base = address.bytes
    }

    public func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == base.count else { return false }
        let whole = prefix / 8, rest = prefix % 8
        guard address.bytes[..<whole] == base[..<whole] else { return false }
        return rest == 0 || (address.bytes[whole] ^ base[whole]) >> (8 - UInt8(rest)) == 0
    }

    public var description: String {
        let address =
            base.count == 4
            ? base.map(String.init).joined(separator: ".")
            : stride(from: 0, to: 16, by: 2).map { String(Int(base[$0]) << 8 | Int(base[$0 + 1]), radix: 16) }.joined(separator: ":")
        return "\(address)/\(prefix)"
    }
}
