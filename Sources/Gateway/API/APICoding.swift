import Foundation
import PluginAPI

/// JSON as the API writes and reads it.
public enum APICoding {
    /// A new encoder: snake case, ISO 8601 in UTC with milliseconds.
    public static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .custom { path in Key(snake(path.last?.stringValue ?? "", path)) }
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(date.iso8601)
        }
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    public static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in Key(camel(path.last?.stringValue ?? "")) }
        decoder.dateDecodingStrategy = .custom { decoder in
            let text = try decoder.singleValueContainer().decode(String.self)
            for style in [Date.ISO8601FormatStyle(includingFractionalSeconds: true), Date.ISO8601FormatStyle()] {
                if let date = try? style.parse(text) { return date }
            }
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "is no moment as 2026-05-01T14:00:00Z"))
        }
        return decoder
    }

    /// `{ … }` decoded, or a ``GatewayError`` that says what is wrong with which field. An absent body is an empty object.
    static func read<T: APIInput>(_ type: T.Type, from bytes: [UInt8]) throws -> T {
        let data = bytes.isEmpty ? Data("{}".utf8) : Data(bytes.withoutLoneSurrogates)
        let raw: JSONValue
        do {
            raw = try JSONDecoder().decode(JSONValue.self, from: data)
        } catch {
            throw GatewayError.badRequest("invalid_json", "the body is not JSON")
        }
        guard let members = raw.objectValue else { throw GatewayError.badRequest("invalid_json", "the body is not a JSON object") }
        let unknown = members.keys.filter { !T.fields.contains($0) }
        guard unknown.isEmpty else {
            let known = Array(T.fields)
            throw GatewayError.invalid(
                Dictionary(uniqueKeysWithValues: unknown.map { ($0, Suggestion.remedy(for: $0, among: known) ?? "is not known here") }))
        }
        do {
            let value = try decoder.decode(type, from: data)
            let problems = value.problems()
            guard problems.isEmpty else { throw GatewayError.invalid(problems) }
            return value
        } catch let error as DecodingError {
            throw invalid(error)
        }
    }

    private static func invalid(_ error: DecodingError) -> GatewayError {
        func name(_ path: [any CodingKey]) -> String {
            path.isEmpty ? "body" : path.map { $0.intValue.map(String.init) ?? snake($0.stringValue, []) }.joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context): return .invalid([name(context.codingPath + [key]): "is missing"])
        case .typeMismatch(let type, let context): return .invalid([name(context.codingPath): "is not of the type \(word(type))"])
        case .valueNotFound(_, let context): return .invalid([name(context.codingPath): "is null"])
        case .dataCorrupted(let context):
            let text = context.debugDescription
            return .invalid([name(context.codingPath): text.hasPrefix("is ") ? text : "has a value that is not allowed"])
        @unknown default: return .badRequest("invalid_json", "the body cannot be read")
        }
    }

    private static func word(_ type: Any.Type) -> String {
        switch type {
        case is String.Type: "string"
        case is Bool.Type: "boolean"
        case is Int.Type, is Double.Type: "number"
        default: "object"
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    /// Settings and ledger details are documents of their own; their names are left as they are, since they are written in snake case already.
    private static func snake(_ name: String, _ path: [any CodingKey]) -> String {
        guard name.utf8.contains(where: { (0x41...0x5A).contains($0) }) else { return name }
        if path.dropLast().contains(where: { ["settings", "details"].contains($0.stringValue) }) { return name }
        var result = "", previousIsLower = false
        for character in name {
            if character.isUppercase, previousIsLower { result += "_" }
            previousIsLower = !character.isUppercase
            result += character.lowercased()
        }
        return result
    }

    private static func camel(_ name: String) -> String {
        guard name.contains("_") else { return name }
        let words = name.split(separator: "_")
        return words.dropFirst().reduce(String(words.first ?? "")) { $0 + ($1 == "id" ? "ID" : $1.prefix(1).uppercased() + $1.dropFirst()) }
    }
}
