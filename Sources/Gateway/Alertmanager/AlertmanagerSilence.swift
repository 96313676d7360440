import Foundation
import OnCall

/// Reads `POST /api/v2/silences`.
enum AlertmanagerSilence {
    private struct Posted: Decodable {
        struct Matcher: Decodable {
            var name: String?
            var value: String?
            var isRegex: Bool?
            var isEqual: Bool?
        }

        var id: String?
        var matchers: [Matcher]?
        var startsAt: String?
        var endsAt: String?
        var createdBy: String?
        var comment: String?
    }

    /// Texts that people write into a silence, in characters.
    static let longestText = 4000
    static let maximumMatchers = 100

    /// - Throws: ``AlertmanagerError``.
    static func read(_ body: [UInt8], at now: Date) throws -> Silence {
        guard !body.isEmpty else { throw AlertmanagerError.missing("silence") }
        let posted: Posted
        do {
            posted = try JSONDecoder().decode(Posted.self, from: Data(body))
        } catch is DecodingError {
            throw AlertmanagerError.unreadable("parsing silence body from \"\" failed, because json: it is no silence")
        }
        // In the order of their names, so that who mends one is told of the next.
        guard let comment = posted.comment else { throw AlertmanagerError.missing("comment") }
        guard let author = posted.createdBy else { throw AlertmanagerError.missing("createdBy") }
        let ends = try date(posted.endsAt, "endsAt")
        guard let matchers = posted.matchers else { throw AlertmanagerError.missing("matchers") }
        guard !matchers.isEmpty else { throw AlertmanagerError.tooFew("matchers") }
        let starts = try date(posted.startsAt, "startsAt")
        let read = try matchers.enumerated().map { index, matcher in
            guard let isRegex = matcher.isRegex else { throw AlertmanagerError.missing("matchers.\(index).isRegex") }
            guard let name = matcher.name else { throw AlertmanagerError.missing("matchers.\(index).name") }
            guard let value = matcher.value else { throw AlertmanagerError.missing("matchers.\(index).value") }
            let isEqual = matcher.isEqual ?? true
            return LabelMatcher(name, isRegex ? (isEqual ? .fits : .fitsNot) : isEqual ? .equal : .notEqual, value)
        }
        guard starts < ends else { throw AlertmanagerError.bad("Failed to create silence: start time must be before end time") }
        guard ends >= now else { throw AlertmanagerError.bad("Failed to create silence: end time can't be in the past") }
        try check(read)
        for (name, text) in [("comment", comment), ("createdBy", author)] where text.count > longestText {
            throw AlertmanagerError.bad("silence invalid: \(name) is longer than \(longestText) characters")
        }
        return Silence(id: posted.id ?? "", matchers: read, startsAt: starts, endsAt: ends, createdBy: author, comment: comment)
    }

    private static func date(_ text: String?, _ name: String) throws -> Date {
        guard let text, !text.isEmpty else { throw AlertmanagerError.missing(name) }
        guard let date = AlertmanagerText.date(text) else {
            throw AlertmanagerError.unreadable(
                "parsing silence body from \"\" failed, because \(name) \(AlertmanagerText.quoted(text)) is no time as 2026-05-01T14:00:00Z")
        }
        return date
    }

    private static func check(_ matchers: [LabelMatcher]) throws {
        guard matchers.count <= maximumMatchers else { throw AlertmanagerError.bad("silence invalid: more than \(maximumMatchers) matchers") }
        let limits = OnCallLimits()
        for (index, matcher) in matchers.enumerated() {
            let place = "silence invalid: invalid label matcher \(index)"
            guard !matcher.name.isEmpty, !matcher.name.contains(where: \.isNewline), matcher.name.utf8.count <= limits.labelName else {
                throw AlertmanagerError.bad("\(place): invalid label name \(AlertmanagerText.quoted(matcher.name))")
            }
            guard matcher.value.utf8.count <= limits.labelValue else {
                throw AlertmanagerError.bad("\(place): a value of \(matcher.value.utf8.count) bytes")
            }
            if !matcher.isSound {
                throw AlertmanagerError.bad("\(place): invalid regular expression \(AlertmanagerText.quoted(matcher.value))")
            }
        }
        // Else it would silence everything that lacks the labels, which is nearly everything.
        guard matchers.contains(where: { !$0.matches([:]) }) else {
            throw AlertmanagerError.bad("silence invalid: at least one matcher must not match the empty string")
        }
    }
}
