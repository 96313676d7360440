import Foundation
import PluginAPI

/// A message of Jack's as the messages that WhatsApp can carry: one in most cases, several where a text is long or files come with it.
///
/// The same message always gives the same plan: a retry goes on where the last try ended.
struct MessagePlan: Sendable {
    enum Part: Sendable, Hashable {
        case ready(SendBody.Content)
        /// A file that must be uploaded first; the content names it then.
        case upload(MediaReference, caption: String?)
    }

    static let textLimit = 4096

    var recipient: SendBody.Recipient
    var parts: [Part]

    /// - Throws: ``PluginFailure`` permanent where the message cannot be sent by WhatsApp at all.
    init(_ message: OutboundMessage, settings: WhatsAppSettings, hotelLocale: String) throws {
        recipient = try Self.recipient(message.peer)
        if let template = message.template {
            parts = [.ready(.template(try Self.template(template)))]
            return
        }
        var text = message.text, parts: [Part] = []
        for media in message.media {
            var caption = media.caption
            // A short text belongs to its picture.
            if message.media.count == 1, message.quickReplies.isEmpty, caption?.isEmpty ?? true, Self.canCarryText(media.kind),
                text.utf16.count <= MediaLimits.caption, text.contains(where: { !$0.isWhitespace })
            {
                caption = text
                text = ""
            }
            let pieces = Self.canCarryText(media.kind) ? TextSplitter.split(caption ?? "", limit: MediaLimits.caption) : []
            parts.append(try Self.file(media, caption: pieces.first))
            let rest = Self.canCarryText(media.kind) ? Array(pieces.dropFirst()) : TextSplitter.split(caption ?? "", limit: Self.textLimit)
            parts += rest.map { .ready(Self.text($0, settings)) }
        }
        if let location = message.location { parts.append(.ready(.location(try Self.place(location)))) }
        parts += Self.words(text, message, settings, hotelLocale)
        guard !parts.isEmpty else { throw PluginFailure.permanent(.invalidRequest, "the message is empty") }
        self.parts = parts
    }

    private static func recipient(_ peer: PeerAddress) throws -> SendBody.Recipient {
        switch peer.kind {
        case .phone:
            if let number = WhatsAppID.digits(peer.value) { return .phone(number) }
            throw PluginFailure.permanent(.unknownRecipient, "the recipient is not a phone number in international form")
        case .handle:
            if WhatsAppID.isUserID(peer.value) { return .userID(peer.value) }
            throw PluginFailure.permanent(.unknownRecipient, "the recipient is not a user id of WhatsApp's")
        default: throw PluginFailure.permanent(.unknownRecipient, "WhatsApp reaches phone numbers, not a \(peer.kind.rawValue)")
        }
    }

    private static func template(_ template: MessageTemplate) throws -> SendBody.Template {
        guard !template.name.isEmpty, !template.locale.isEmpty else {
            throw PluginFailure.permanent(.templateRejected, "the template has no name or no language: give it the ones of WhatsApp Manager")
        }
        let parameters = template.parameters.map { SendBody.Template.Parameter(text: plain($0)) }
        return SendBody.Template(
            name: template.name, language: .init(code: template.locale.replacing("-", with: "_")),
            components: parameters.isEmpty ? nil : [.init(type: "body", parameters: parameters)])
    }

    /// A template's parameter may hold no line break, no tab and no more than four spaces in a row.
    private static func plain(_ text: String) -> String { text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }

    private static func canCarryText(_ kind: MediaReference.Kind) -> Bool { kind != .audio && kind != .sticker }

    private static func file(_ media: MediaReference, caption: String?) throws -> Part {
        if DataURL.isOne(media.reference) { return .upload(media, caption: caption) }
        let name = media.kind == .document ? media.fileName : nil
        if media.reference.hasPrefix("https://") {
            guard URLComponents(string: media.reference)?.encodedHost?.isEmpty == false else {
                throw PluginFailure.permanent(.invalidRequest, "the file's URL cannot be read")
            }
            return .ready(.media(kind: media.kind.rawValue, .init(id: nil, link: media.reference, caption: caption, filename: name)))
        }
        guard GraphURL.isID(media.reference) else {
            throw PluginFailure.permanent(.invalidRequest, "WhatsApp takes a file by an https URL, a data URL or its own id")
        }
        return .ready(.media(kind: media.kind.rawValue, .init(id: media.reference, link: nil, caption: caption, filename: name)))
    }

    private static func place(_ location: GeoLocation) throws -> SendBody.Location {
        guard (-90...90).contains(location.latitude), (-180...180).contains(location.longitude) else {
            throw PluginFailure.permanent(.invalidRequest, "the place is not on the map")
        }
        return SendBody.Location(latitude: location.latitude, longitude: location.longitude, name: location.name, address: location.address)
    }

    /// The text, and the quick replies below its end.
    private static func words(_ text: String, _ message: OutboundMessage, _ settings: WhatsAppSettings, _ hotelLocale: String) -> [Part] {
        guard !message.quickReplies.isEmpty else { return TextSplitter.split(text, limit: textLimit).map { .ready(Self.text($0, settings)) } }
        let label = QuickReplyMenu.label(message.locale, settings, hotel: hotelLocale)
        guard let menu = QuickReplyMenu.action(message.quickReplies, label: label) else {
            let whole = text + "\n\n" + QuickReplyMenu.lines(message.quickReplies)
            return TextSplitter.split(whole, limit: textLimit).map { .ready(Self.text($0, settings)) }
        }
        var pieces = TextSplitter.split(text, limit: textLimit)
        var body = pieces.popLast() ?? label
        if body.utf16.count > QuickReplyMenu.bodyLimit {
            var parts = TextSplitter.split(body, limit: QuickReplyMenu.bodyLimit)
            body = parts.popLast() ?? label
            // What stands before the last piece needs no more messages than its length asks for.
            pieces += TextSplitter.split(parts.joined(separator: "\n"), limit: textLimit)
        }
        let interactive = SendBody.Interactive(type: menu.type, body: .init(text: body), action: menu.action)
        return pieces.map { .ready(Self.text($0, settings)) } + [.ready(.interactive(interactive))]
    }

    private static func text(_ body: String, _ settings: WhatsAppSettings) -> SendBody.Content {
        .text(.init(body: body, previewURL: settings.linkPreviews && (body.contains("https://") || body.contains("http://"))))
    }
}

/// Whom WhatsApp means.
enum WhatsAppID {
    /// The digits of an international phone number, with or without `+`, blanks and the like; nil where it is none.
    static func digits(_ text: String) -> String? {
        var digits = ""
        for character in text.unicodeScalars {
            if ("0"..."9").contains(character) {
                digits.unicodeScalars.append(character)
            } else if !("+-(). ".unicodeScalars.contains(character)) {
                return nil
            }
        }
        return (5...15).contains(digits.utf8.count) && !digits.hasPrefix("0") ? digits : nil
    }

    /// Whether a text is a business-scoped user id: a country's two letters, a dot, and letters and digits (with `ENT.` between for linked businesses).
    static func isUserID(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), let country = parts.first, let id = parts.last, country.utf8.count == 2,
            (1...128).contains(id.utf8.count),
            parts.count == 2 || parts.dropFirst().first == "ENT"
        else { return false }
        return (country + id).utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            default: false
            }
        }
    }
}
