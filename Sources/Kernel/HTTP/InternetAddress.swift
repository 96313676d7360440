import Foundation

/// An IPv4 or IPv6 address, for deciding whether it is a public one.
struct InternetAddress {
    /// 4 or 16 bytes in network order.
    let bytes: [UInt8]

    /// From its text, or nil.
    init?(_ text: String) {
        var four = in_addr(), six = in6_addr()
        // A scope (`fe80::1%eth0`) is no part of the address.
        let text = String(text.prefix { $0 != "%" })
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: &four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            bytes = withUnsafeBytes(of: &six) { Array($0) }
        } else {
            return nil
        }
    }

    /// From a socket address, or nil where it is of another family.
    init?(_ address: UnsafePointer<sockaddr>, length: Int) {
        switch Int32(address.pointee.sa_family) {
        case AF_INET where length >= MemoryLayout<sockaddr_in>.size:
            bytes = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { withUnsafeBytes(of: $0.pointee.sin_addr) { Array($0) } }
        case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size:
            bytes = address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { withUnsafeBytes(of: $0.pointee.sin6_addr) { Array($0) } }
        default:
            return nil
        }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// False for what IANA's special-purpose registries keep from the public Internet: loopback, private, link-local, shared, reserved and multicast
    /// addresses (RFC 6890), also where an IPv6 address carries an IPv4 one inside.
    var isPublic: Bool { bytes.count == 4 ? isPublicFour : isPublicSix }

    private var isPublicFour: Bool {
        switch (bytes[0], bytes[1], bytes[2]) {
        case (0, _, _), (10, _, _), (127, _, _), (224..., _, _): false
        case (100, 64...127, _), (169, 254, _), (172, 16...31, _), (192, 168, _), (198, 18...19, _): false
        case (192, 0, 0), (192, 0, 2), (198, 51, 100), (203, 0, 113), (192, 88, 99): false
        default: true
        }
    }

    private var isPublicSix: Bool {
        let isZero = { (range: Range<Int>) in bytes[range].allSatisfy { $0 == 0 } }
        // ::ffff:a.b.c.d (mapped), ::a.b.c.d (compatible; :: and ::1 too), 64:ff9b::a.b.c.d (NAT64) and 2002:ab:cd:: (6to4).
        if isZero(0..<10), bytes[10] == 0xff, bytes[11] == 0xff { return InternetAddress(bytes: Array(bytes[12...])).isPublicFour }
        if isZero(0..<12) { return InternetAddress(bytes: Array(bytes[12...])).isPublicFour }
        if bytes[0..<4] == [0, 0x64, 0xff, 0x9b] { return isZero(4..<12) && InternetAddress(bytes: Array(bytes[12...])).isPublicFour }
        if bytes[0..<2] == [0x20, 0x02] { return InternetAddress(bytes: Array(bytes[2..<6])).isPublicFour }
        // 2000::/3 is all that is given out; 2001::/23 (Teredo and others), 2001:db8::/32 and 3fff::/20 (documentation) in it are not.
        guard bytes[0] & 0xe0 == 0x20 else { return false }
        if bytes[0..<2] == [0x20, 0x01], bytes[2] < 2 || (bytes[2] == 0x0d && bytes[3] == 0xb8) { return false }
        if bytes[0..<2] == [0x3f, 0xff], bytes[2] < 0x10 { return false }
        return true
    }
}
