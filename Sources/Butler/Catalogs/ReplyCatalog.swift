import Foundation
import PluginAPI

/// The file of fixed replies: what Jack says where no AI is asked.
public struct ReplyCatalog: PluginSettings {
    @Setting(help: "Texts by name and language; {{name}} is filled in.") public var replies: [String: [String: String]]

    public init() {}
}

/// The fixed replies that the pipeline needs. Each must be in the file in the hotel's first language.
public enum FixedReply: String, CaseIterable, Sendable {
    case greeting, farewell, thanks
    /// A task was made: `{{department}}`, `{{room}}`.
    case taskCreated = "task_created"
    /// As above, without a room: asks for it.
    case taskNeedsRoom = "task_needs_room"
    case complaint
    /// Acting needs a known guest.
    case identityNeeded = "identity_needed"
    case handedOver = "handed_over"
    case held
    /// Nothing was understood, and staff was asked.
    case notUnderstood = "not_understood"
    /// What follows is in another language than the guest's: `{{language}}`.
    case otherLanguage = "other_language"
    /// A message without text.
    case noText = "no_text"
}

/// Looks up fixed replies.
public struct Replies: Sendable {
    private let texts: [String: [String: String]]
    private let fallback: String

    public init(_ catalog: ReplyCatalog, fallback: String) {
        texts = catalog.replies
        self.fallback = fallback
    }

    /// The text in the guest's language, else in the hotel's, filled in.
    public func text(_ reply: FixedReply, locale: String?, _ values: [String: String] = [:]) -> String {
        let byLanguage = texts[reply.rawValue] ?? [:]
        let language = locale.map { String($0.prefix(2)).lowercased() } ?? fallback
        var text = byLanguage[language] ?? byLanguage[fallback] ?? byLanguage["en"] ?? ""
        for (name, value) in values { text = text.replacing("{{\(name)}}", with: value) }
        return text
    }

    /// The department's name as a guest reads it: `department.housekeeping`.
    public func department(_ id: String, locale: String?) -> String {
        let byLanguage = texts["department.\(id)"] ?? [:]
        return byLanguage[locale.map { String($0.prefix(2)) } ?? fallback] ?? byLanguage[fallback] ?? id.replacing("_", with: " ")
    }

    /// Texts that are missing in the hotel's first language.
    static func missing(in catalog: ReplyCatalog, language: String) -> [String] {
        FixedReply.allCases.map(\.rawValue).filter { catalog.replies[$0]?[language] == nil }
    }
}
