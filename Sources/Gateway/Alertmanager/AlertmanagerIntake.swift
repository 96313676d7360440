import Foundation
import HTTPTypes
import OnCall
import PluginAPI

/// Reads `POST /api/v2/alerts`.
///
/// What cannot be read of one alert costs the others nothing; how large an alert may be is the board's to say.
enum AlertmanagerIntake {
    /// What a request came to.
    struct Reading: Sendable {
        var alerts: [PostedAlert] = []
        /// Which one of the request each of them was, counted from 0.
        var places: [Int] = []
        /// What is wrong with those that were left out.
        var faults: [(place: Int, error: AlertmanagerError)] = []

        /// Adds what the board did not take.
        mutating func add(_ refusals: [AlertRefusal]) {
            faults += refusals.map { refusal in
                let status: HTTPResponse.Status = refusal.error.code == .tooMany ? .tooManyRequests : .badRequest
                return (places[refusal.place], AlertmanagerError(status: status, code: nil, message: refusal.error.description))
            }
            faults.sort { $0.place < $1.place }
        }

        /// The answer, where any was left out: what the schema refuses is told alone, as Alertmanager does it, and all the rest in one text.
        var refusal: AlertmanagerError? {
            if let first = faults.first(where: { $0.error.code != nil }) { return first.error }
            guard !faults.isEmpty else { return nil }
            let status = faults.contains { $0.error.status == .tooManyRequests } ? HTTPResponse.Status.tooManyRequests : .badRequest
            return AlertmanagerError(status: status, code: nil, message: message)
        }

        /// All faults as one text; a flood of them is summed up.
        var message: String {
            faults.prefix(10).map(\.error.message).joined(separator: "; ") + (faults.count > 10 ? "; and \(faults.count - 10) more" : "")
        }
    }

    private struct Posted: Decodable {
        var labels: [String: String?]?
        var annotations: [String: String?]?
        var startsAt: String?
        var endsAt: String?
        var generatorURL: String?
    }

    /// One element of the list, or why it cannot be read.
    private struct Element: Decodable {
        var posted: Result<Posted, DecodingError>

        init(from decoder: any Decoder) throws {
            do { posted = .success(try Posted(from: decoder)) } catch let error as DecodingError { posted = .failure(error) }
        }
    }

    /// - Throws: ``AlertmanagerError`` where the body is no list of alerts.
    static func read(_ body: [UInt8]) throws -> Reading {
        guard !body.isEmpty else { throw AlertmanagerError.missing("alerts") }
        let elements: [Element]
        do {
            guard let all = try JSONDecoder().decode([Element]?.self, from: Data(body.withoutLoneSurrogates)) else {
                throw AlertmanagerError.missing("alerts")
            }
            elements = all
        } catch let error as DecodingError {
            throw unreadable(reason(error))
        }
        var reading = Reading()
        for (place, element) in elements.enumerated() {
            do {
                reading.alerts.append(try alert(element, place))
                reading.places.append(place)
            } catch let error as AlertmanagerError {
                reading.faults.append((place, error))
            }
        }
        return reading
    }

    private static func alert(_ element: Element, _ place: Int) throws -> PostedAlert {
        let posted: Posted
        do { posted = try element.posted.get() } catch { throw unreadable(reason(error)) }
        guard let labels = posted.labels else { throw AlertmanagerError.missing("\(place).labels") }
        if let url = posted.generatorURL, !url.isEmpty, !isURI(url) {
            throw AlertmanagerError.wrongType("\(place).generatorURL", in: "body", "uri", url)
        }
        let starts = try date(posted.startsAt), ends = try date(posted.endsAt)
        return PostedAlert(
            // A label without a value is no label.
            labels: labels.compactMapValues { $0?.isEmpty == false ? $0 : nil }, annotations: (posted.annotations ?? [:]).compactMapValues(\.self),
            // Who only says that it is over means that it began then at the latest.
            startsAt: starts ?? ends, endsAt: ends, generatorURL: posted.generatorURL.flatMap { $0.isEmpty ? nil : $0 })
    }

    private static func unreadable(_ reason: String) -> AlertmanagerError {
        .unreadable("parsing alerts body from \"\" failed, because \(reason)")
    }

    private static func date(_ text: String?) throws -> Date? {
        guard let text, !text.isEmpty else { return nil }
        guard let date = AlertmanagerText.date(text) else {
            throw unreadable("\(AlertmanagerText.quoted(text)) is no time as 2026-05-01T14:00:00Z")
        }
        // Go's programs send their zero for what is not set: the first second of the year 1.
        return date.timeIntervalSince1970 <= -62_135_596_800 ? nil : date
    }

    private static func isURI(_ text: String) -> Bool {
        guard !text.contains(" "), let parts = URLComponents(string: text) else { return false }
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
