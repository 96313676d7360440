import Foundation
import PluginAPI

/// What is posted: the page's own fields, and the event beside them, where the signature covers it too.
struct WebhookBody: Encodable {
    let event: String
    let page: AlertPage

    private enum Key: String, CodingKey { case event, severity }

    func encode(to encoder: any Encoder) throws {
        try page.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(event, forKey: .event)
        try container.encode(page.severity, forKey: .severity)
    }

    /// The JSON; the same page always gives the same bytes.
    func bytes() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(date.iso8601)
        }
        return try [UInt8](encoder.encode(self))
    }

    /// The id that a receiver may give what it was told, as `{"id": "…"}`; nil where the answer is anything else.
    static func id(in answer: [UInt8]) -> String? {
        guard let id = try? JSONDecoder().decode(JSONValue.self, from: Data(answer))["id"] else { return nil }
        return id.stringValue ?? id.intValue.map { "\($0)" }
    }
}
