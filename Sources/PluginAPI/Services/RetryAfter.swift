import Foundation

/// The `Retry-After` header in its two forms (RFC 9110, 10.2.3).
public enum RetryAfter {
    /// The time to wait, at most a day; nil where the value is neither form or lies in the past.
    public static func parse(_ value: String, now: Date) -> Duration? {
        let day = 86_400.0
        if let seconds = Double(value.trimmingCharacters(in: .whitespaces)) {
            return seconds >= 0 ? .milliseconds(Int64(min(seconds, day) * 1000)) : nil
        }
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
        guard let date = formatter.date(from: value) else { return nil }
        let seconds = date.timeIntervalSince(now)
        return seconds > 0 ? .milliseconds(Int64(min(seconds, day) * 1000)) : nil
    }
}
