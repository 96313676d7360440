import Foundation

/// What Meta posts (“Cloud API, messages webhook reference”). What Jack does not read is left out; what may be missing or odd is optional, so that one
/// strange member of a batch takes none of the others with it.
struct Notification: Decodable, Sendable {
    struct Entry: Decodable, Sendable {
        var changes: [Lenient<Change>]?
    }

    struct Change: Decodable, Sendable {
        var field: String?
        var value: Value?

        private enum CodingKeys: String, CodingKey { case field, value }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            field = try? values.decodeIfPresent(String.self, forKey: .field)
            // Other fields have values of other forms.
            value = field == "messages" ? try? values.decodeIfPresent(Value.self, forKey: .value) : nil
        }
    }

    struct Value: Decodable, Sendable {
        struct Metadata: Decodable, Sendable {
            var phoneNumberID: String?
            private enum CodingKeys: String, CodingKey { case phoneNumberID = "phone_number_id" }
        }

        var metadata: Metadata?
        var contacts: [Lenient<Contact>]?
        var messages: [Lenient<Message>]?
        var statuses: [Lenient<Status>]?
        var errors: [Lenient<GraphError>]?

        private enum CodingKeys: String, CodingKey { case metadata, contacts, messages, statuses, errors }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            metadata = try? values.decodeIfPresent(Metadata.self, forKey: .metadata)
            contacts = try? values.decodeIfPresent([Lenient<Contact>].self, forKey: .contacts)
            messages = try? values.decodeIfPresent([Lenient<Message>].self, forKey: .messages)
            statuses = try? values.decodeIfPresent([Lenient<Status>].self, forKey: .statuses)
            errors = try? values.decodeIfPresent([Lenient<GraphError>].self, forKey: .errors)
        }
    }

    struct Contact: Decodable, Sendable {
        struct Profile: Decodable, Sendable {
            var name: String?
        }

        var profile: Profile?
        var waID: String?
        var userID: String?
        private enum CodingKeys: String, CodingKey {
            case profile
            case waID = "wa_id"
            case userID = "user_id"
        }
    }

    /// How far a message of Jack's has come.
    struct Status: Decodable, Sendable {
        var id: String
        var status: String
        var timestamp: LenientText?
        var recipientID: String?
        var recipientType: String?
        var recipientUserID: String?
        /// What went along with the message.
        var callbackData: String?
        var errors: [Lenient<GraphError>]?

        private enum CodingKeys: String, CodingKey {
            case id, status, timestamp, errors
            case callbackData = "biz_opaque_callback_data"
            case recipientID = "recipient_id"
            case recipientType = "recipient_type"
            case recipientUserID = "recipient_user_id"
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            id = try values.decode(String.self, forKey: .id)
            status = try values.decode(String.self, forKey: .status)
            timestamp = try? values.decodeIfPresent(LenientText.self, forKey: .timestamp)
            recipientID = try? values.decodeIfPresent(String.self, forKey: .recipientID)
            recipientType = try? values.decodeIfPresent(String.self, forKey: .recipientType)
            recipientUserID = try? values.decodeIfPresent(String.self, forKey: .recipientUserID)
            callbackData = try? values.decodeIfPresent(String.self, forKey: .callbackData)
            errors = try? values.decodeIfPresent([Lenient<GraphError>].self, forKey: .errors)
        }
    }

    var object: String
    var entry: [Lenient<Entry>]
}

/// A member of a list that is nil where it cannot be read.
struct Lenient<Value: Decodable & Sendable>: Decodable, Sendable {
    var value: Value?
    init(from decoder: any Decoder) { value = try? Value(from: decoder) }
}

/// A text that may also come as a number.
struct LenientText: Decodable, Sendable {
    var text: String
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) { self.text = text } else { text = "\(try container.decode(Int64.self))" }
    }

    /// Unix seconds; nil for what is no moment between 2001 and 2286.
    var date: Date? {
        guard let seconds = Int64(text), (1_000_000_000...9_999_999_999).contains(seconds) else { return nil }
        return Date(timeIntervalSince1970: Double(seconds))
    }
}
