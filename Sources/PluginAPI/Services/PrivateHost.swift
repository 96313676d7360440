import Foundation

/// Tells a URL that stays on this machine or in the house from one that leads outside. Reads the URL alone: no name is resolved.
public enum PrivateHost {
    /// True where the URL's host is a loopback, private or link-local address (RFC 6890), or a name that no public host can have: one without a dot, or
    /// under `localhost`, `local` (RFC 6762), `internal` or `home.arpa` (RFC 8375). What is not known for sure counts as outside.
    public static func isNamed(by url: String) -> Bool {
        guard var host = URLComponents(string: url)?.encodedHost?.lowercased(), !host.isEmpty else { return false }
        if host.hasPrefix("[") {
            return isPrivateSix(host.dropFirst().prefix { $0 != "]" })
        }
        if host.hasSuffix(".") { host.removeLast() }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        // A host whose last label is a number is an address, in one of several spellings; only the usual one is read.
        if labels.last?.allSatisfy({ $0.isASCII && $0.isNumber }) ?? true {
            let numbers = labels.compactMap { UInt8($0) }
            return labels.count == 4 && numbers.count == 4 && isPrivateFour(numbers[0], numbers[1])
        }
        if labels.count == 1 { return !host.hasPrefix("0x") && !host.contains("%") }
        return ["localhost", "local", "internal"].contains(labels.last) || host.hasSuffix(".home.arpa")
    }

    private static func isPrivateFour(_ first: UInt8, _ second: UInt8) -> Bool {
        switch (first, second) {
        case (127, _), (10, _), (172, 16...31), (192, 168), (169, 254): true
        default: false
        }
    }

    private static func isPrivateSix(_ address: Substring) -> Bool {
        if address == "::1" { return true }
        guard let group = address.split(separator: ":", omittingEmptySubsequences: false).first, group.count == 4,
            let first = UInt16(group, radix: 16)
        else { return false }
        return first & 0xFE00 == 0xFC00 || first & 0xFFC0 == 0xFE80
    }
}
