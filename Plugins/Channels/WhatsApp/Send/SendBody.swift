/// The body of `POST /{phone-number-id}/messages` (“Cloud API, Messages”).
struct SendBody: Encodable, Sendable {
    var recipient: Recipient
    var content: Content
    /// The vendor's id of the message that this one answers.
    var context: String?
    /// Comes back with each status (“Status messages webhook reference”); Meta does nothing else with it.
    var callbackData: String?

    /// Who gets it: a phone number, or the id of a guest who shows the business no number.
    enum Recipient: Sendable, Hashable {
        case phone(String)
        case userID(String)
    }

    /// One message's content; its name is the message's type.
    enum Content: Sendable, Hashable {
        case text(Text)
        case media(kind: String, Media)
        case location(Location)
        case interactive(Interactive)
        case template(Template)

        var type: String {
            switch self {
            case .text: "text"
            case .media(let kind, _): kind
            case .location: "location"
            case .interactive: "interactive"
            case .template: "template"
            }
        }
    }

    struct Text: Encodable, Sendable, Hashable {
        var body: String
        var previewURL: Bool
        private enum CodingKeys: String, CodingKey {
            case body
            case previewURL = "preview_url"
        }
    }

    /// A file: by the id of an upload, or by a public URL.
    struct Media: Encodable, Sendable, Hashable {
        var id: String?
        var link: String?
        var caption: String?
        var filename: String?
    }

    struct Location: Encodable, Sendable, Hashable {
        var latitude: Double
        var longitude: Double
        var name: String?
        var address: String?
    }

    struct Interactive: Encodable, Sendable, Hashable {
        struct Body: Encodable, Sendable, Hashable { var text: String }
        struct Action: Encodable, Sendable, Hashable {
            var button: String?
            var buttons: [Button]?
            var sections: [Section]?
        }
        struct Button: Encodable, Sendable, Hashable {
            struct Reply: Encodable, Sendable, Hashable {
                var id: String
                var title: String
            }
            var type = "reply"
            var reply: Reply
        }
        struct Section: Encodable, Sendable, Hashable {
            var rows: [Row]
        }
        struct Row: Encodable, Sendable, Hashable {
            var id: String
            var title: String
            var description: String?
        }

        var type: String
        var body: Body
        var action: Action
    }

    struct Template: Encodable, Sendable, Hashable {
        struct Language: Encodable, Sendable, Hashable { var code: String }
        struct Component: Encodable, Sendable, Hashable {
            var type: String
            var parameters: [Parameter]
        }
        struct Parameter: Encodable, Sendable, Hashable {
            var type = "text"
            var text: String
        }

        var name: String
        var language: Language
        var components: [Component]?
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode("whatsapp", forKey: Key("messaging_product"))
        try values.encode("individual", forKey: Key("recipient_type"))
        switch recipient {
        case .phone(let number): try values.encode(number, forKey: Key("to"))
        case .userID(let id): try values.encode(id, forKey: Key("recipient"))
        }
        try values.encodeIfPresent(context.map { ["message_id": $0] }, forKey: Key("context"))
        try values.encodeIfPresent(callbackData, forKey: Key("biz_opaque_callback_data"))
        try values.encode(content.type, forKey: Key("type"))
        let key = Key(content.type)
        switch content {
        case .text(let text): try values.encode(text, forKey: key)
        case .media(_, let media): try values.encode(media, forKey: key)
        case .location(let location): try values.encode(location, forKey: key)
        case .interactive(let interactive): try values.encode(interactive, forKey: key)
        case .template(let template): try values.encode(template, forKey: key)
        }
    }
}

/// The body that marks a message as read, and says that an answer is being written (“Cloud API, Typing indicators”).
struct ReadBody: Encodable, Sendable {
    struct Indicator: Encodable, Sendable { var type = "text" }

    var messageID: String
    var typing: Indicator?
    private var product = "whatsapp"
    private var status = "read"

    init(messageID: String, isTyping: Bool) {
        self.messageID = messageID
        typing = isTyping ? Indicator() : nil
    }

    private enum CodingKeys: String, CodingKey {
        case status
        case product = "messaging_product"
        case messageID = "message_id"
        case typing = "typing_indicator"
    }
}

/// What Meta answers to a message.
struct SendAnswer: Decodable, Sendable {
    struct Message: Decodable, Sendable { var id: String }

    var messages: [Message]
}
