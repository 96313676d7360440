import Foundation

extension Notification {
    /// A guest's message (“Cloud API, messages webhook reference”). Only its id must be there.
    struct Message: Decodable, Sendable {
        struct Text: Decodable, Sendable { var body: String }

        struct Media: Decodable, Sendable {
            var id: String
            var mimeType: String?
            var caption: String?
            var filename: String?
            var size: Int?
            private enum CodingKeys: String, CodingKey {
                case id, caption, filename
                case mimeType = "mime_type"
                case size = "file_size"
            }
        }

        struct Location: Decodable, Sendable {
            var latitude: Double
            var longitude: Double
            var name: String?
            var address: String?
        }

        struct Card: Decodable, Sendable {
            struct Name: Decodable, Sendable {
                var formatted: String?
                private enum CodingKeys: String, CodingKey { case formatted = "formatted_name" }
            }
            struct Phone: Decodable, Sendable { var phone: String? }
            struct Email: Decodable, Sendable { var email: String? }
            var name: Name?
            var phones: [Lenient<Phone>]?
            var emails: [Lenient<Email>]?
        }

        struct Interactive: Decodable, Sendable {
            struct Reply: Decodable, Sendable {
                var id: String?
                var title: String?
                /// Of a form that the guest filled in.
                var body: String?
            }
            var type: String?
            var button: Reply?
            var list: Reply?
            var form: Reply?
            private enum CodingKeys: String, CodingKey {
                case type
                case button = "button_reply"
                case list = "list_reply"
                case form = "nfm_reply"
            }
        }

        struct Button: Decodable, Sendable {
            var text: String?
            var payload: String?
        }

        struct Reaction: Decodable, Sendable {
            var emoji: String?
            var messageID: String
            private enum CodingKeys: String, CodingKey {
                case emoji
                case messageID = "message_id"
            }
        }

        struct Order: Decodable, Sendable { var text: String? }
        struct Context: Decodable, Sendable { var id: String? }
        struct System: Decodable, Sendable { var type: String? }

        /// What a message holds under the name of its type.
        enum Body: Sendable {
            case text(String)
            case media(kind: String, Media)
            case location(Location)
            case contacts([Card])
            case interactive(Interactive)
            case button(Button)
            case reaction(Reaction)
            case order(Order)
            case system(System)
            /// Meta carries no content of it, or none that Jack knows.
            case unreadable
        }

        var id: String
        /// The guest's number; missing where the guest shows the business a user name alone.
        var from: String?
        var fromUserID: String?
        var groupID: String?
        var timestamp: LenientText?
        var type: String
        var context: Context?
        var body: Body
        var errors: [Lenient<GraphError>]?

        private enum Key: String, CodingKey {
            case id, from, timestamp, type, context, errors
            case fromUserID = "from_user_id"
            case groupID = "group_id"
            case text, image, audio, video, document, sticker, location, contacts, interactive, button, reaction, order, system
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: Key.self)
            id = try values.decode(String.self, forKey: .id)
            from = try? values.decodeIfPresent(String.self, forKey: .from)
            fromUserID = try? values.decodeIfPresent(String.self, forKey: .fromUserID)
            groupID = try? values.decodeIfPresent(String.self, forKey: .groupID)
            timestamp = try? values.decodeIfPresent(LenientText.self, forKey: .timestamp)
            context = try? values.decodeIfPresent(Context.self, forKey: .context)
            errors = try? values.decodeIfPresent([Lenient<GraphError>].self, forKey: .errors)
            type = (try? values.decodeIfPresent(String.self, forKey: .type)) ?? ""
            body = (try? Self.body(type, values)) ?? .unreadable
        }

        private static func body(_ type: String, _ values: KeyedDecodingContainer<Key>) throws -> Body {
            guard let key = Key(rawValue: type) else { return .unreadable }
            switch key {
            case .text: return .text(try values.decode(Text.self, forKey: key).body)
            case .image, .audio, .video, .document, .sticker: return .media(kind: type, try values.decode(Media.self, forKey: key))
            case .location: return .location(try values.decode(Location.self, forKey: key))
            case .contacts: return .contacts(try values.decode([Lenient<Card>].self, forKey: key).compactMap(\.value))
            case .interactive: return .interactive(try values.decode(Interactive.self, forKey: key))
            case .button: return .button(try values.decode(Button.self, forKey: key))
            case .reaction: return .reaction(try values.decode(Reaction.self, forKey: key))
            case .order: return .order(try values.decode(Order.self, forKey: key))
            case .system: return .system((try? values.decode(System.self, forKey: key)) ?? System())
            default: return .unreadable
            }
        }
    }
}
