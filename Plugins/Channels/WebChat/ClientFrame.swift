import Foundation
import PluginAPI

/// What a browser says. Unknown fields are ignored; a field of the wrong type counts as absent.
enum ClientFrame: Sendable, Equatable {
    case hello(token: String?, locale: String?)
    case message(id: String?, text: String?)
    case typing
    case ping
    /// A type that is not known, or none.
    case unknown(String?)

    /// Nil where the text is not a JSON object.
    static func parse(_ text: String) -> ClientFrame? {
        guard let fields = try? JSONDecoder().decode(Fields.self, from: Data(text.utf8.withoutLoneSurrogates)) else { return nil }
        switch fields.type {
        case "hello": return .hello(token: fields.token, locale: fields.locale)
        case "message": return .message(id: fields.id, text: fields.text)
        case "typing": return .typing
        case "ping": return .ping
        case let other: return .unknown(other)
        }
    }

    private struct Fields: Decodable {
        var type: String?
        var id: String?
        var text: String?
        var token: String?
        var locale: String?

        enum CodingKeys: String, CodingKey { case type, id, text, token, locale }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            func text(_ key: CodingKeys) -> String? { (try? container.decodeIfPresent(String.self, forKey: key)) ?? nil }
            type = text(.type)
            id = text(.id)
            self.text = text(.text)
            token = text(.token)
            locale = text(.locale)
        }
    }
}

/// What is allowed in what a browser says.
enum FrameRules {
    static let maximumID = 128

    /// True for 1 to 128 characters of which none is a control, a format mark or unassigned.
    static func isPrintable(_ id: String) -> Bool {
        guard (1...maximumID).contains(id.unicodeScalars.prefix(maximumID + 1).count) else { return false }
        return id.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        }
    }
}
