import Foundation
import PluginAPI
import TwilioWire

/// What a call says of a page: kept from the moment of calling until Twilio asks for it.
struct SpokenPage: Codable, Sendable, Hashable {
    /// What nobody listens to at night is left out.
    private static let longest = 400

    var summary: String
    var severity: AlertSeverity
    var count: Int
    var mayRepeat: Bool

    /// - Throws: ``PluginFailure`` permanent where the page holds no alert.
    init(_ page: AlertPage) throws {
        // The worst one speaks for the others.
        guard let worst = page.alerts.max(by: { $0.severity < $1.severity }) else {
            throw PluginFailure.permanent(.invalidRequest, "the page holds no alert: there is nothing to say")
        }
        summary = TextSplitter.shortened(worst.summary, limit: Self.longest)
        severity = page.severity
        count = page.alerts.count
        mayRepeat = page.mayRepeat
    }

    /// The words, once.
    func sentences(_ words: SpokenWords, hotel: String) -> String {
        let opening = words.opening.replacing("{hotel}", with: hotel).replacing("{severity}", with: words.severities[severity] ?? severity.rawValue)
        let several = count > 1 ? words.several.replacing("{count}", with: "\(count)") : nil
        // A full stop makes a pause before the keys.
        let end = summary.last.map { ".!?".contains($0) } ?? true
        return [opening, mayRepeat ? words.repeated : nil, several, summary + (end ? "" : "."), words.keys].compactMap(\.self).joined(separator: " ")
    }
}

/// Writes what Twilio is to do in a call.
struct CallScript: Sendable {
    let words: SpokenWords
    let voice: String?
    let hotel: String

    /// Says a page twice, and waits for a key; `keyURL` is told of it.
    func tell(_ page: SpokenPage, keyURL: String) -> PluginResponse {
        let text = page.sentences(words, hotel: hotel)
        return TwiML.response(
            "<Gather input=\"dtmf\" numDigits=\"1\" timeout=\"5\" method=\"POST\" action=\"\(TwiML.escaped(keyURL))\">"
                + say(text) + "<Pause length=\"1\"/>" + say("\(words.again) \(text)") + "</Gather>" + say(words.nothing) + "<Hangup/>")
    }

    func end(_ text: String) -> PluginResponse { TwiML.response(say(text) + "<Hangup/>") }

    var hangUp: PluginResponse { TwiML.response("<Hangup/>") }

    private func say(_ text: String) -> String {
        let voice = voice.map { " voice=\"\(TwiML.escaped($0))\"" } ?? ""
        return "<Say language=\"\(TwiML.escaped(words.tag))\"\(voice)>\(TwiML.escaped(text))</Say>"
    }
}
