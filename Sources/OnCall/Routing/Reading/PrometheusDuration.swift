/// Durations as Prometheus and Alertmanager write them: `30s`, `1h30m`, `1d2h`, `2w`, `1y`; units from the largest to the smallest, each once.
public enum PrometheusDuration {
    public enum Fault: Error, Sendable, Hashable {
        case empty
        /// Another text than digits and units.
        case malformed
        /// Longer than about 292 years.
        case tooLong
    }

    private static let units: [(name: String, milliseconds: Int64)] = [
        ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    public static func parse(_ text: String) throws(Fault) -> Duration {
        if text == "0" { return .zero }
        guard !text.isEmpty else { throw .empty }
        var rest = Substring(text), total: Int64 = 0, next = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let unit = rest.dropFirst(digits.count).prefix { $0.isASCII && $0.isLetter }
            guard !digits.isEmpty, let place = units.firstIndex(where: { $0.name == unit }), place >= next else { throw .malformed }
            guard let count = Int64(digits) else { throw .tooLong }
            let (product, overflows) = count.multipliedReportingOverflow(by: units[place].milliseconds)
            // Go counts nanoseconds in 64 bits.
            guard !overflows, product <= Int64.max / 1_000_000 - total else { throw .tooLong }
            total += product
            next = place + 1
            rest = rest.dropFirst(digits.count + unit.count)
        }
        return .milliseconds(total)
    }
}
