import Foundation
import HTTPTypes
import Kernel
import OnCall
import PluginAPI

/// What is wrong with a request, as Alertmanager says it: a bare text for what its own code refuses, `{"code","message"}` for what its schema refuses.
struct AlertmanagerError: Error, Sendable, Hashable {
    var status: HTTPResponse.Status
    /// The schema's code (`602`: something is missing); nil for a bare text.
    var code: Int?
    var message: String

    static func bad(_ message: String) -> AlertmanagerError { AlertmanagerError(status: .badRequest, code: nil, message: message) }
    static func unreadable(_ message: String) -> AlertmanagerError { AlertmanagerError(status: .badRequest, code: 400, message: message) }
    static func missing(_ path: String) -> AlertmanagerError {
        AlertmanagerError(status: .unprocessableContent, code: 602, message: "\(path) in body is required")
    }
    static func tooFew(_ path: String) -> AlertmanagerError {
        AlertmanagerError(status: .unprocessableContent, code: 612, message: "\(path) in body should have at least 1 items")
    }
    static func wrongType(_ path: String, in place: String, _ type: String, _ text: String) -> AlertmanagerError {
        AlertmanagerError(
            status: .unprocessableContent, code: 601, message: "\(path) in \(place) must be of type \(type): \(AlertmanagerText.quoted(text))")
    }

    /// What another layer's error means to the caller.
    static func of(_ error: any Error) -> (error: AlertmanagerError, headers: HTTPFields) {
        switch error {
        case let error as AlertmanagerError: return (error, [:])
        case let error as OnCallError:
            let status: HTTPResponse.Status =
                switch error.code {
                case .notFound: .notFound
                case .tooMany: .tooManyRequests
                case .invalid: .badRequest
                }
            return (AlertmanagerError(status: status, code: nil, message: error.description), [:])
        default:
            let known = GatewayError.of(error)
            var headers = known.headers
            if known.status == .unauthorized { headers[.wwwAuthenticate] = #"Bearer realm="jack""# }
            return (AlertmanagerError(status: known.status, code: Int(known.status.code), message: known.message), headers)
        }
    }

    func response(_ headers: HTTPFields = [:]) -> PluginResponse {
        var headers = headers
        headers[.contentType] = "application/json"
        headers[.cacheControl] = "no-store"
        let document: JSONValue = code.map { ["code": .int($0), "message": .string(message)] } ?? .string(message)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return PluginResponse(status, headers: headers, body: (try? encoder.encode(document)).map { [UInt8]($0) + [0x0A] } ?? [])
    }
}

extension PluginResponse {
    static func alertmanager(_ value: some Encodable) throws -> PluginResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return PluginResponse(
            .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"], body: [UInt8](try encoder.encode(value)) + [0x0A])
    }
}

/// Texts as Go's programs write and read them.
enum AlertmanagerText {
    /// Between quotes; long ones are cut, since nobody reads a megabyte in an error.
    static func quoted(_ text: String) -> String {
        let shown = text.count > 200 ? text.prefix(200) + "…" : text[...]
        return "\"" + shown.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
    }

    /// `true`, `1`, `yes` and their like; everything else is false, a misspelt word too: that is how the API has always been.
    static func flag(_ text: String) -> Bool {
        ["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"].contains(text.lowercased())
    }

    /// A moment as RFC 3339 has it, to the nanosecond and with any offset; nil where it is none.
    static func date(_ text: String) -> Date? {
        var rest = Array(text.utf8)[...]
        func number(_ digits: Int) -> Int? {
            guard rest.count >= digits else { return nil }
            let part = rest.prefix(digits)
            guard part.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            rest = rest.dropFirst(digits)
            return part.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        func skip(_ allowed: String) -> Bool {
            guard let first = rest.first, allowed.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2), skip("Tt "), let hour = number(2), skip(":"),
            let minute = number(2), skip(":"), let second = number(2)
        else { return nil }
        guard (1...12).contains(month), (1...Self.days(month, of: year)).contains(day), hour < 24, minute < 60, second <= 60 else { return nil }
        var fraction = 0.0
        if skip(".") {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty, digits.count <= 9 else { return nil }
            fraction = digits.reversed().reduce(0.0) { ($0 + Double($1 - 0x30)) / 10 }
            rest = rest.dropFirst(digits.count)
        }
        var offset = 0
        if !skip("Zz") {
            let isEast = rest.first == 0x2B
            guard skip("+-"), let hours = number(2), hours < 24 else { return nil }
            _ = skip(":")
            guard let minutes = number(2), minutes < 60 else { return nil }
            offset = (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
        }
        guard rest.isEmpty else { return nil }
        let seconds = Self.daysSince1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
        return Date(timeIntervalSince1970: Double(seconds) + fraction)
    }

    private static func days(_ month: Int, of year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// The day's number, by counting from March so that the leap day is the year's last.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400, yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
