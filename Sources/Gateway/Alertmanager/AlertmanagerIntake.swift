import Foundation
import OnCall
import PluginAPI

/// Reads `POST /api/v2/alerts`.
///
/// Sound alerts of a request are taken whatever is wrong with the others, as Alertmanager does it.
enum AlertmanagerIntake {
    /// What a request came to.
    struct Result: Sendable {
        var alerts: [PostedAlert]
        /// What is wrong with those that were left out.
        var problems: [String]

        /// All problems as one text; a flood of them is summed up.
        var message: String {
            problems.prefix(10).joined(separator: "; ") + (problems.count > 10 ? "; and \(problems.count - 10) more" : "")
        }
    }

    /// The most labels that one alert may have.
    static let maximumLabels = 128
    /// The longest name of a label, in bytes of UTF-8.
    static let maximumName = 1024
    /// The longest value of a label: it is part of what the alert is, so it is refused and not cut.
    static let maximumValue = 16 << 10
    /// Annotations are for people: longer ones are cut, and the alert stands.
    static let maximumAnnotation = 16 << 10

    private struct Posted: Decodable {
        var labels: [String: String?]?
        var annotations: [String: String?]?
        var startsAt: String?
        var endsAt: String?
        var generatorURL: String?
    }

    /// - Throws: ``AlertmanagerError`` where nothing of the body can be used.
    static func read(_ body: [UInt8]) throws -> Result {
        guard !body.isEmpty else { throw AlertmanagerError.missing("alerts") }
        let posted: [Posted]
        do {
            guard let all = try JSONDecoder().decode([Posted]?.self, from: Data(body)) else { throw AlertmanagerError.missing("alerts") }
            posted = all
        } catch let error as DecodingError {
            throw AlertmanagerError.unreadable("parsing alerts body from \"\" failed, because \(reason(error))")
        }
        var result = Result(alerts: [], problems: [])
        for (index, alert) in posted.enumerated() {
            // What the schema asks for is asked of all, before any is taken.
            guard alert.labels != nil else { throw AlertmanagerError.missing("\(index).labels") }
            if let url = alert.generatorURL, !url.isEmpty, !isURI(url) {
                throw AlertmanagerError.wrongType("\(index).generatorURL", in: "body", "uri", url)
            }
        }
        let dates = try posted.map { alert in
            func date(_ text: String?) throws -> Date? {
                guard let text, !text.isEmpty else { return nil }
                guard let date = AlertmanagerText.date(text) else {
                    throw AlertmanagerError.unreadable(
                        "parsing alerts body from \"\" failed, because \(AlertmanagerText.quoted(text)) is no time as 2026-05-01T14:00:00Z")
                }
                // Go's programs send their zero for what is not set: the first second of the year 1.
                return date.timeIntervalSince1970 <= -62_135_596_800 ? nil : date
            }
            return (starts: try date(alert.startsAt), ends: try date(alert.endsAt))
        }
        for (alert, dates) in zip(posted, dates) {
            // A label without a value is no label.
            let labels = (alert.labels ?? [:]).compactMapValues { $0?.isEmpty == false ? $0 : nil }
            if let problem = problem(labels, starts: dates.starts, ends: dates.ends) {
                result.problems.append(problem)
                continue
            }
            result.alerts.append(
                PostedAlert(
                    labels: labels, annotations: (alert.annotations ?? [:]).compactMapValues { $0.map(cut) },
                    // Who only says that it is over means that it began then at the latest.
                    startsAt: dates.starts ?? dates.ends, endsAt: dates.ends,
                    generatorURL: alert.generatorURL.flatMap { $0.isEmpty ? nil : $0 }))
        }
        return result
    }

    private static func problem(_ labels: [String: String], starts: Date?, ends: Date?) -> String? {
        if labels.isEmpty { return "at least one label pair required" }
        if labels.count > maximumLabels { return "invalid label set: \(labels.count) labels, at most \(maximumLabels) are taken" }
        for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
            if name.isEmpty || name.utf8.contains(0) { return "invalid label set: invalid name \(AlertmanagerText.quoted(name))" }
            if name.utf8.count > maximumName { return "invalid label set: a name of \(name.utf8.count) bytes, at most \(maximumName) are taken" }
            if value.utf8.count > maximumValue {
                return
                    "invalid label set: the value of \(AlertmanagerText.quoted(name)) has \(value.utf8.count) bytes, at most \(maximumValue) are taken"
            }
        }
        if let starts, let ends, ends < starts { return "start time must be before end time" }
        return nil
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > maximumAnnotation else { return text }
        // A cut through a letter leaves a replacement mark, which is taken off again.
        var part = String(decoding: text.utf8.prefix(maximumAnnotation), as: UTF8.self)
        while part.hasSuffix("\u{FFFD}") { part.removeLast() }
        return part + "…"
    }

    private static func isURI(_ text: String) -> Bool {
        guard text.utf8.count <= 16 << 10, !text.contains(" "), let parts = URLComponents(string: text) else { return false }
        return parts.scheme != nil || text.hasPrefix("/")
    }

    private static func reason(_ error: DecodingError) -> String {
        func path(_ context: DecodingError.Context) -> String {
            context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        }
        switch error {
        case .typeMismatch(let type, let context):
            let name = path(context)
            let wanted = type is String.Type ? "a string" : type is [Any].Type || name.isEmpty ? "a list of alerts" : "an object"
            return "json: \(name.isEmpty ? "the body" : name) is not \(wanted)"
        case .valueNotFound(_, let context): return "json: \(path(context)) is null"
        case .keyNotFound(let key, _): return "json: \(key.stringValue) is missing"
        default: return "json: it is no JSON document"
        }
    }
}
