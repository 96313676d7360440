import Foundation
import PluginAPI
import TwilioWire

/// Sends a message as the parts that Twilio takes.
struct SMSSender: Sendable {
    /// The longest text of one request (“Message resource, Body”).
    static let partLimit = 1_600
    /// The most files of one message.
    static let mostFiles = 10
    /// How long it is remembered which parts have left: longer than the kernel tries a message.
    private static let memory = Duration.seconds(2 * 86_400)

    let settings: TwilioSMSSettings
    let client: TwilioClient
    let storage: any KeyValueStore
    /// Where Twilio reports what becomes of a message; nil where it cannot.
    let statusURL: String?

    /// What has left of a message in several parts.
    private struct Progress: Codable {
        var ids: [String] = []
        var segments = 0
    }

    /// Each part that has left is written down before the next one goes, so that a retry does not send it again.
    func send(_ message: OutboundMessage) async throws -> SendResult {
        let recipient = try recipient(message.peer), parts = try parts(message)
        let key = "sent/\(message.id)", isOne = parts.count == 1
        var progress = isOne ? Progress() : try await storage.get(key, as: Progress.self) ?? Progress()
        for (text, files) in parts.dropFirst(progress.ids.count) {
            let answer = try await client.create("Messages.json", try form(to: recipient, text, files))
            // Refused at once, though the request was taken.
            if let status = answer["status"]?.stringValue, ["failed", "undelivered", "canceled"].contains(status) {
                throw answer["error_code"]?.intValue.flatMap { code in TwilioMeaning.of(code)?.failure(code) }
                    ?? PluginFailure.permanent(.vendorFault, "Twilio says that the message has failed, and does not say why")
            }
            progress.ids.append(answer["sid"]?.stringValue ?? "")
            // A messaging service has not chosen the number yet, and says 0.
            let said = answer["num_segments"]?.stringValue.flatMap { Int($0) } ?? 0
            progress.segments += said > 0 ? said : SMSText.segments(text)
            if !isOne { try await storage.set(key, json: progress, lifetime: Self.memory) }
        }
        return SendResult(vendorIDs: progress.ids, state: .queued, billedUnits: progress.segments)
    }

    private func recipient(_ peer: PeerAddress) throws -> String {
        guard peer.kind == .phone else { throw PluginFailure.permanent(.unknownRecipient, "SMS reaches phone numbers, not a \(peer.kind.rawValue)") }
        guard TwilioID.isPhoneNumber(peer.value) else {
            throw PluginFailure.permanent(.unknownRecipient, "the recipient is not a phone number in international form")
        }
        return peer.value
    }

    private func form(to recipient: String, _ text: String, _ files: [String]) throws -> TwilioForm {
        var form = TwilioForm([.init("To", recipient)])
        guard settings.messagingServiceSID != nil || settings.from != nil else {
            throw PluginFailure.permanent(.configuration, "neither from nor messaging_service_sid is set: nothing can be sent")
        }
        if let service = settings.messagingServiceSID { form.add("MessagingServiceSid", service) }
        if let from = settings.from { form.add("From", from) }
        if !text.isEmpty { form.add("Body", text) }
        for file in files { form.add("MediaUrl", file) }
        if settings.smartEncoding { form.add("SmartEncoded", "true") }
        if let statusURL { form.add("StatusCallback", statusURL) }
        return form
    }

    /// The texts and files of a message; files go with the first text.
    private func parts(_ message: OutboundMessage) throws -> [(text: String, files: [String])] {
        let files = message.media.map(\.reference)
        guard files.allSatisfy({ $0.hasPrefix("https://") && !$0.contains(where: \.isWhitespace) }) else {
            throw PluginFailure.permanent(.invalidRequest, "a file must be at a public https URL, from where Twilio fetches it")
        }
        var text = message.text
        for media in message.media {
            let lines = [media.caption].compactMap { $0 } + (settings.mms ? [] : [media.reference])
            for line in lines where !line.isEmpty { text += (text.isEmpty ? "" : "\n") + line }
        }
        if let place = message.location {
            guard (-90...90).contains(place.latitude), (-180...180).contains(place.longitude) else {
                throw PluginFailure.permanent(.invalidRequest, "the place is not on the map")
            }
            let words = [place.name, place.address, "https://maps.google.com/?q=\(place.latitude),\(place.longitude)"].compactMap { $0 }
            text += (text.isEmpty ? "" : "\n") + words.joined(separator: "\n")
        }
        for reply in message.quickReplies { text += (text.isEmpty ? "" : "\n") + "- \(reply.title)" }
        let sent = settings.mms ? files : []
        guard sent.count <= Self.mostFiles else { throw PluginFailure.permanent(.invalidRequest, "a message holds at most ten files") }
        // A text that fits goes as it is; cutting takes white space away.
        let texts = text.utf16.count <= Self.partLimit ? [text] : TextSplitter.split(text, limit: Self.partLimit)
        guard texts.contains(where: { $0.contains { !$0.isWhitespace } }) || !sent.isEmpty else {
            throw PluginFailure.permanent(.invalidRequest, "the message is empty")
        }
        return texts.enumerated().map { ($1, $0 == 0 ? sent : []) }
    }
}
