import PluginAPI

extension String {
    /// The text as Slack's mrkdwn takes it (“Formatting message text, Escaping text”): a guest's words can mention nobody and link nowhere. At most
    /// `limit` UTF-16 units with their escapes, cut between characters; what was cut shows.
    func slackEscaped(limit: Int) -> String {
        var kept = "", count = 0
        for character in self {
            let piece: String =
                switch character {
                case "&": "&amp;"
                case "<": "&lt;"
                case ">": "&gt;"
                default: String(character)
                }
            count += piece.utf16.count
            // One place is kept for the mark of the cut.
            guard count < limit else { return kept + "…" }
            kept += piece
        }
        return kept
    }

    /// The text on one line; of a very long one the beginning.
    var onOneLine: String { String(cut(to: SlackMessage.textLimit).map { $0.isNewline ? " " : $0 }) }

    /// A link with a name of ours; nil for what is no URL of the web.
    func slackLink(_ name: String) -> String? {
        guard hasPrefix("https://") || hasPrefix("http://"), utf8.count <= 2000, !contains(where: { $0.isWhitespace || $0 == "|" }) else {
            return nil
        }
        return "<\(slackEscaped(limit: 3000))|\(name)>"
    }
}
