import PluginAPI

extension ContactForm {
    /// For people, in Markdown: “`type: phone` with `number`, a number such as +15550100123”.
    var words: String {
        let place =
            switch use {
            case .contact(let type): "`type: \(type)`"
            case .receiver(let key): "a receiver's `\(key)`"
            }
        let what =
            switch shape {
            case .phoneNumber: "a number such as +15550100123"
            case .emailAddress: "an e-mail address"
            case .url: "a URL"
            case .text: "a text"
            }
        let keys = recipientKeys.map { key in
            let terms = [inherits[key].map { "or `\($0)` of `global`" }, needs[key].map { "which asks for `\($0)`" }].compactMap(\.self)
            return "`\(key)`" + (terms.isEmpty ? "" : " (\(terms.joined(separator: ", ")))")
        }
        return "\(place) with \(keys.joined(separator: " or ")), \(what)\(isSecret ? " that is never shown" : "")"
    }
}
