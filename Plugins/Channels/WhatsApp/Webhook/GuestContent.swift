import PluginAPI

/// What a guest wrote, in Jack's terms.
struct GuestContent {
    var text: String?
    var media: [MediaReference] = []
    var location: GeoLocation?
    var quickReplyID: String?

    /// Nil for what is not written by the guest and asks for no answer.
    static func read(_ body: Notification.Message.Body) -> GuestContent? {
        switch body {
        case .text(let text): return GuestContent(text: text)
        case .media(let kind, let media): return file(kind, media)
        case .location(let place):
            // A place that is none is like a message whose content is not known.
            guard (-90...90).contains(place.latitude), (-180...180).contains(place.longitude) else { return GuestContent() }
            return GuestContent(
                location: GeoLocation(latitude: place.latitude, longitude: place.longitude, name: place.name, address: place.address))
        case .contacts(let cards): return GuestContent(text: cards.prefix(20).map(line).joined(separator: "\n"))
        case .button(let button): return GuestContent(text: button.text, quickReplyID: button.payload)
        case .interactive(let interactive): return choice(interactive)
        case .order(let order): return GuestContent(text: order.text)
        case .unreadable: return GuestContent()
        case .reaction, .system: return nil
        }
    }

    private static func file(_ kind: String, _ media: Notification.Message.Media) -> GuestContent {
        guard let kind = MediaReference.Kind(rawValue: kind), GraphURL.isID(media.id) else { return GuestContent(text: media.caption) }
        let reference = MediaReference(
            kind: kind, reference: media.id, mimeType: media.mimeType, fileName: media.filename.flatMap(name), caption: media.caption,
            size: media.size.flatMap { $0 >= 0 ? $0 : nil })
        return GuestContent(text: media.caption, media: [reference])
    }

    /// The last part of a file's name, without what no name should hold.
    private static func name(_ name: String) -> String? {
        let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? ""
        let clean = String(String.UnicodeScalarView(last.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f }.prefix(200)))
        return clean.isEmpty || clean == "." || clean == ".." ? nil : clean
    }

    private static func line(_ card: Notification.Message.Card) -> String {
        let phones = card.phones?.compactMap { $0.value?.phone } ?? [], emails = card.emails?.compactMap { $0.value?.email } ?? []
        return ([card.name?.formatted].compactMap { $0 } + phones.prefix(5) + emails.prefix(5)).joined(separator: ", ")
    }

    private static func choice(_ interactive: Notification.Message.Interactive) -> GuestContent? {
        if let reply = interactive.button ?? interactive.list { return GuestContent(text: reply.title, quickReplyID: reply.id) }
        if let form = interactive.form { return GuestContent(text: form.body) }
        // Whether the guest may be called is no message.
        return interactive.type == "call_permission_reply" ? nil : GuestContent()
    }
}
