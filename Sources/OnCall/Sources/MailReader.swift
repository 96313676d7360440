import Foundation
import PluginAPI

/// Makes alerts of mails: the subject says what it is about, how bad it is, and whether it is over.
struct MailReader: Sendable {
    /// Words that say that it is over, whatever stands beside them.
    private static let over: Set<String> = ["resolved", "recovered", "recovery", "cleared", "closed", "ended"]
    /// Words that say so unless another says the opposite.
    private static let fine: Set<String> = ["ok", "okay", "up", "normal", "healthy"]
    private static let trouble: Set<String> = [
        "problem", "critical", "down", "failed", "failure", "fail", "error", "alarm", "alert", "warning", "firing", "unreachable", "timeout",
    ]
    private static let negations: Set<String> = ["not", "no", "never", "cannot", "isn't", "wasn't", "nicht", "pas"]
    /// What stands before a subject that is answered or passed on.
    private static let prefixes: Set<String> = ["re", "aw", "fwd", "fw", "wg", "tr", "rv", "sv"]
    private static let states = over.union(fine).union(trouble).union([
        "warn", "info", "notice", "emergency", "fatal", "major", "minor", "triggered", "test", "is", "was", "now",
    ])

    private let settings: AlertSourceSettings
    private let addresses: Set<String>
    private let words: SourceWords
    private let ownOver: Set<String>?

    init(_ settings: AlertSourceSettings) {
        self.settings = settings
        addresses = Set(settings.addresses.map { $0.lowercased() })
        words = SourceWords(settings)
        ownOver = settings.resolved.map { Set($0.map { $0.lowercased() }) }
    }

    /// Whether a mail was sent to an address of the source's own.
    func isNamed(in message: InboundMessage) -> Bool { !addresses.isDisjoint(with: (message.recipients ?? []).map { $0.lowercased() }) }

    /// Whether the source believes a sender. What a mail says of its sender anybody may write: the list keeps mistakes and chance out, and the address that
    /// nobody guesses keeps others out.
    func believes(_ peer: PeerAddress?) -> Bool {
        guard let peer, peer.kind == .email else { return false }
        let sender = peer.value.lowercased()
        return settings.senders.contains { allowed in
            let allowed = allowed.lowercased()
            return allowed.hasPrefix("@") ? sender.hasSuffix(allowed) : sender == allowed
        }
    }

    func read(_ message: InboundMessage, from peer: PeerAddress?, id: String) -> SourcedAlert {
        let text = message.text ?? ""
        let subject = Self.line(message.subject ?? text.split(whereSeparator: \.isNewline).first.map(String.init) ?? "")
        let tokens = Self.tokens(subject)
        let about = Self.about(subject, without: ownOver ?? [])
        let name = settings.alertname ?? (about.isEmpty ? "Mail" : about.cut(to: 120))
        var body = text.trimmingCharacters(in: .whitespacesAndNewlines)
        if body.hasPrefix(subject) { body = String(body.dropFirst(subject.count)).trimmingCharacters(in: .whitespacesAndNewlines) }
        return SourcedAlert(
            key: SourcedAlert.digest([about.lowercased()]), name: name, severity: words.severity(ofSubject: subject, words: tokens),
            summary: subject.isEmpty ? "a mail without a subject" : subject.cut(to: 300), detail: body.isEmpty ? nil : body.cut(to: 4000),
            annotations: ["message": id, "from": peer?.value ?? ""].filter { !$0.value.isEmpty }, isOver: isOver(tokens))
    }

    private func isOver(_ tokens: [String]) -> Bool {
        if let ownOver { return tokens.contains(where: ownOver.contains) }
        guard !tokens.contains(where: Self.negations.contains) else { return false }
        if tokens.contains(where: Self.over.contains) { return true }
        return tokens.contains(where: Self.fine.contains) && !tokens.contains(where: Self.trouble.contains)
    }

    /// What a subject is about: itself, without what says how it stands, so that all mails of one matter have it in common.
    static func about(_ subject: String, without more: Set<String>) -> String {
        var text = Substring(subject)
        while true {
            text = text.drop(while: \.isWhitespace)
            if text.hasPrefix("["), let end = text.firstIndex(of: "]"), tokens(String(text[..<end])).contains(where: states.contains) {
                // `[FIRING:1] …`, `[RESOLVED] …`
                text = text[text.index(after: end)...]
            } else if let colon = text.firstIndex(of: ":"), prefixes.contains(text[..<colon].lowercased()) {
                text = text[text.index(after: colon)...]
            } else {
                break
            }
        }
        let kept = text.split(whereSeparator: \.isWhitespace).filter { word in
            let bare = tokens(String(word))
            return !bare.isEmpty && !bare.allSatisfy { states.contains($0) || more.contains($0) }
        }
        return kept.map { String($0).trimmingCharacters(in: CharacterSet(charactersIn: ":*|,;–—- ")) }.filter { !$0.isEmpty }.joined(
            separator: " ")
    }

    private static func tokens(_ text: String) -> [String] {
        text.lowercased().split { !($0.isLetter || $0.isNumber || $0 == "'") }.map(String.init)
    }

    /// One line, without what steers a terminal.
    private static func line(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(1000).map { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? " " : $0 }))
            .trimmingCharacters(in: .whitespaces)
    }
}
