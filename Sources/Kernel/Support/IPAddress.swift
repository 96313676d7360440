import Foundation

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
}
