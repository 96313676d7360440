import Foundation
import PluginAPI
import TwilioWire

/// Turns what Twilio posts into events. Pure but for what it counts.
struct SMSReader: Sendable {
    let context: PluginContext

    /// A message that arrived (“Twilio's request to your webhook URL”).
    func message(_ form: TwilioForm) throws -> [InboundEvent] {
        let (id, sender) = (try id(form), try sender(form))
        let peer = PeerAddress(.phone, sender), text = form["Body"] ?? ""
        let media = self.media(form)
        // Where the messaging service has words of its own, Twilio says what it made of the text.
        let said: (meaning: OptOutWords.Meaning, isMessage: Bool)? =
            switch form["OptOutType"]?.uppercased() {
            case "STOP": (.leaves, OptOutWords.read(text)?.isMessage ?? false)
            case "START": (.returns, OptOutWords.read(text)?.isMessage ?? false)
            // Twilio answers HELP by itself; in a hotel it is a cry all the same.
            case "HELP": nil
            default: media.isEmpty ? OptOutWords.read(text) : nil
            }
        var events: [InboundEvent] = []
        if let said { events.append(InboundEvent(vendorID: "\(id):consent", peer: peer, .consent(said.meaning == .returns))) }
        guard said?.isMessage ?? true else { return events }
        let message = InboundMessage(
            text: text.isEmpty ? nil : text, media: media, location: place(form), displayName: form.text("ProfileName"))
        return events + [InboundEvent(vendorID: id, peer: peer, sender: .proven("the telephone network names the number"), .message(message))]
    }

    /// What became of a message (“Outbound message status in status callbacks”).
    func status(_ form: TwilioForm) throws -> [InboundEvent] {
        let id = try id(form)
        guard let status = form["MessageStatus"] ?? form["SmsStatus"] else {
            throw PluginFailure.permanent(.invalidRequest, "the form holds no status")
        }
        guard let state = Self.states[status] else {
            context.metrics.count("twilio_ignored_total", [("what", "status")])
            return []
        }
        var receipt = DeliveryReceipt(vendorMessageID: id, state: state)
        if state == .failed {
            let code = form["ErrorCode"].flatMap { Int($0) } ?? 0, meaning = TwilioMeaning.of(code)
            receipt.reason = (meaning?.reason ?? .vendorFault).rawValue
            receipt.detail = meaning?.failure(code).message ?? (code > 0 ? "Twilio \(code): see its error dictionary" : "Twilio does not say why")
        }
        let peer = form["To"].flatMap { TwilioID.isPhoneNumber($0) ? PeerAddress(.phone, $0) : nil }
        return [InboundEvent(vendorID: "\(id):\(status)", peer: peer, .receipt(receipt))]
    }

    private static let states: [String: DeliveryState] = [
        "accepted": .queued, "scheduled": .queued, "queued": .queued, "sending": .queued, "sent": .sent, "delivered": .delivered, "read": .read,
        "undelivered": .failed, "failed": .failed, "canceled": .failed,
    ]

    /// `SM…`, or `MM…` with files.
    private func id(_ form: TwilioForm) throws -> String {
        guard let id = form.text("MessageSid") ?? form.text("SmsSid"), TwilioID.isSID(id, "SM") || TwilioID.isSID(id, "MM") else {
            throw PluginFailure.permanent(.invalidRequest, "the form holds no message's id")
        }
        return id
    }

    /// A number, a short code, or a name; not the address of another of Twilio's channels.
    private func sender(_ form: TwilioForm) throws -> String {
        guard let sender = form.text("From"), sender.utf8.count <= 32, !sender.contains(":"), !sender.contains(where: \.isNewline) else {
            throw PluginFailure.permanent(.invalidRequest, "the form holds no sender of an SMS")
        }
        return sender
    }

    private func media(_ form: TwilioForm) -> [MediaReference] {
        let count = min(max(0, form["NumMedia"].flatMap { Int($0) } ?? 0), 50)
        return (0..<count).compactMap { index in
            guard let url = form.text("MediaUrl\(index)") else { return nil }
            let type = form.text("MediaContentType\(index)")?.lowercased()
            return MediaReference(kind: Self.kind(type), reference: url, mimeType: type)
        }
    }

    private static func kind(_ type: String?) -> MediaReference.Kind {
        switch type?.prefix(while: { $0 != "/" }) {
        case "image": .image
        case "audio": .audio
        case "video": .video
        default: .document
        }
    }

    private func place(_ form: TwilioForm) -> GeoLocation? {
        guard let latitude = form["Latitude"].flatMap(Double.init), let longitude = form["Longitude"].flatMap(Double.init),
            (-90...90).contains(latitude), (-180...180).contains(longitude)
        else { return nil }
        return GeoLocation(latitude: latitude, longitude: longitude, name: form.text("Label"), address: form.text("Address"))
    }
}
