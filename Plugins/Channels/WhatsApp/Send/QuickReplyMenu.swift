import PluginAPI

/// How quick replies are shown: as buttons, as a list, or in the text where neither can hold them.
enum QuickReplyMenu {
    static let buttonLimit = 20
    static let rowLimit = 24
    static let rowDescriptionLimit = 72
    static let bodyLimit = 1024
    private static let labels = ["en": "Options", "de": "Auswahl", "es": "Opciones", "fr": "Options"]

    /// The action and its type; nil where the replies do not fit and must be written out.
    static func action(_ replies: [QuickReply], label: String) -> (type: String, action: SendBody.Interactive.Action)? {
        // Meta refuses titles that repeat or are empty, and ids that repeat.
        guard (1...10).contains(replies.count), Set(replies.map(\.id)).count == replies.count,
            replies.allSatisfy({ !$0.id.isEmpty && $0.title.contains { !$0.isWhitespace } })
        else { return nil }
        let isShort = Set(replies.map(\.title)).count == replies.count && replies.allSatisfy { $0.title.utf16.count <= buttonLimit }
        if replies.count <= 3, isShort, replies.allSatisfy({ $0.id.utf16.count <= 256 }) {
            let buttons = replies.map { SendBody.Interactive.Button(reply: .init(id: $0.id, title: $0.title)) }
            return ("button", .init(button: nil, buttons: buttons, sections: nil))
        }
        let rows = replies.map { reply in
            // What the title cannot show whole stands whole below it.
            let isLong = reply.title.utf16.count > rowLimit
            return SendBody.Interactive.Row(
                id: reply.id, title: TextSplitter.shortened(reply.title, limit: rowLimit),
                description: isLong ? TextSplitter.shortened(reply.title, limit: rowDescriptionLimit) : nil)
        }
        guard Set(rows.map { $0.title + ($0.description ?? "") }).count == rows.count, replies.allSatisfy({ $0.id.utf16.count <= 200 }) else {
            return nil
        }
        return ("list", .init(button: label, buttons: nil, sections: [.init(rows: rows)]))
    }

    /// The replies as numbered lines.
    static func lines(_ replies: [QuickReply]) -> String {
        replies.filter { $0.title.contains { !$0.isWhitespace } }.enumerated().map { "\($0.offset + 1). \($0.element.title)" }.joined(separator: "\n")
    }

    /// What stands on the button that opens a list.
    static func label(_ locale: String?, _ settings: WhatsAppSettings, hotel: String) -> String {
        for tag in [locale, hotel].compactMap({ $0 }) {
            let language = tag.prefix { $0 != "-" && $0 != "_" }.lowercased()
            if let label = settings.listButton[tag] ?? settings.listButton[language] ?? labels[language] { return label }
        }
        return "Options"
    }
}
