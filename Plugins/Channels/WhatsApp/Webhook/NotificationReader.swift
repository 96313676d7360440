import Foundation
import Logging
import PluginAPI
import Synchronization

/// Turns what Meta posts into events. Pure but for what it counts and says in the log.
final class NotificationReader: Sendable {
    private let phoneNumberID: String
    private let context: PluginContext
    private let account: AccountHealth
    /// Meta tries for so long what was not acknowledged, and signs no time. What is older is somebody's repetition, and deduplication, which forgets
    /// after 30 days, may not know it any more.
    private static let longestWay: TimeInterval = 7 * 86_400
    /// Other numbers' ids that the log has been told of.
    private let foreign = Mutex<Set<String>>([])

    init(phoneNumberID: String, context: PluginContext, account: AccountHealth) {
        self.phoneNumberID = phoneNumberID
        self.context = context
        self.account = account
    }

    /// The events of a request in its order.
    /// - Throws: ``PluginFailure`` permanent where the body is not JSON of Meta's form.
    func events(_ body: [UInt8]) throws -> [InboundEvent] {
        let notification: Notification
        do {
            notification = try JSONDecoder().decode(Notification.self, from: Data(body.withoutLoneSurrogates))
        } catch {
            // The error may quote what the guest wrote.
            throw PluginFailure.permanent(.invalidRequest, "the body is not a notification of WhatsApp's")
        }
        guard notification.object == "whatsapp_business_account" else {
            ignore("object")
            return []
        }
        var events: [InboundEvent] = []
        for entry in notification.entry {
            for change in entry.value?.changes ?? [] { read(change.value, into: &events) }
        }
        return events
    }

    private func read(_ change: Notification.Change?, into events: inout [InboundEvent]) {
        guard let change, change.field == "messages" else { return ignore("field") }
        guard let value = change.value else { return ignore("unreadable") }
        guard let number = value.metadata?.phoneNumberID, number == phoneNumberID else {
            return ignoreForeign(value.metadata?.phoneNumberID)
        }
        for error in value.errors ?? [] { report(error.value) }
        let names = value.contacts ?? []
        for message in value.messages ?? [] {
            if let event = message.value.flatMap({ event($0, names) }) { events.append(event) } else if message.value == nil { ignore("unreadable") }
        }
        for status in value.statuses ?? [] {
            guard let status = status.value else {
                ignore("unreadable")
                continue
            }
            if let event = receipt(status) { events.append(event) }
        }
    }

    // MARK: Messages

    private func event(_ message: Notification.Message, _ contacts: [Lenient<Notification.Contact>]) -> InboundEvent? {
        guard !message.id.isEmpty, message.id.utf8.count <= 512 else {
            ignore("unreadable")
            return nil
        }
        // An answer would go to one guest alone, and quote what was said among several.
        guard message.groupID == nil else {
            ignore("group")
            return nil
        }
        guard let peer = Self.peer(message.from, message.fromUserID) else {
            ignore("sender")
            return nil
        }
        if let sent = message.timestamp?.date, context.clock.now.timeIntervalSince(sent) > Self.longestWay {
            ignore("old")
            return nil
        }
        let contact = contacts.count == 1 ? contacts.first?.value : contacts.lazy.compactMap(\.value).first { Self.isSame($0, message) }
        let name = contact?.profile?.name.flatMap { $0.contains { !$0.isWhitespace } ? String($0.prefix(200)) : nil }
        guard let content = content(message, name) else { return nil }
        return InboundEvent(
            vendorID: message.id, peer: peer, sender: .proven("WhatsApp vouches for its users"), occurredAt: message.timestamp?.date, content
        )
    }

    private func content(_ message: Notification.Message, _ name: String?) -> InboundEvent.Content? {
        if case .reaction(let reaction) = message.body { return .reaction(emoji: reaction.emoji ?? "", toVendorID: reaction.messageID) }
        if case .system(let system) = message.body {
            // A changed number speaks for itself with its next message. Meta's text about it holds both numbers and is no word of the guest's.
            context.logger.info("WhatsApp tells of a change at a guest's", metadata: ["change": "\(Self.word(system.type))"])
            ignore("system")
            return nil
        }
        guard !["request_welcome", "ephemeral", "revoke", "edit"].contains(message.type) else {
            ignore(message.type)
            return nil
        }
        guard let read = GuestContent.read(message.body) else {
            ignore("interactive")
            return nil
        }
        if case .unreadable = message.body {
            // The guest wrote something all the same, and must not wait for an answer in vain: the message arrives without words.
            context.metrics.count("whatsapp_unreadable_total")
            context.logger.notice(
                "a guest's message has a content that WhatsApp does not pass on",
                metadata: ["type": "\(Self.word(message.type))", "code": "\(message.errors?.first?.value?.number ?? "none")"])
        }
        return .message(
            InboundMessage(
                text: read.text, media: read.media, location: read.location, quickReplyID: read.quickReplyID,
                inReplyTo: message.context?.id.flatMap { $0.isEmpty ? nil : $0 }, displayName: name))
    }

    private static func isSame(_ contact: Notification.Contact, _ message: Notification.Message) -> Bool {
        (contact.waID != nil && contact.waID == message.from) || (contact.userID != nil && contact.userID == message.fromUserID)
    }

    /// The guest's number, or where it is not shown the id that WhatsApp gives the guest for this business.
    private static func peer(_ number: String?, _ userID: String?) -> PeerAddress? {
        if let digits = number.flatMap(WhatsAppID.digits) { return PeerAddress(.phone, "+" + digits) }
        return userID.flatMap { WhatsAppID.isUserID($0) ? PeerAddress(.handle, $0) : nil }
    }

    // MARK: Statuses

    private func receipt(_ status: Notification.Status) -> InboundEvent? {
        let state: DeliveryState
        switch status.status {
        case "sent": state = .sent
        case "delivered": state = .delivered
        // A voice message that was listened to.
        case "read", "played": state = .read
        case "failed": state = .failed
        default:
            ignore("status")
            return nil
        }
        guard !status.id.isEmpty, status.id.utf8.count <= 512, status.recipientType != "group" else {
            ignore(status.recipientType == "group" ? "group" : "unreadable")
            return nil
        }
        let own = status.callbackData.flatMap { (1...512).contains($0.utf8.count) ? $0 : nil }
        var receipt = DeliveryReceipt(vendorMessageID: status.id, messageID: own, state: state)
        if state == .failed {
            let error = status.errors?.lazy.compactMap(\.value).first
            let failure = error?.failure(.send, now: context.clock)
            if let failure { account.see(failure, context.health) }
            receipt.reason = (failure?.reason ?? .vendorFault).rawValue
            receipt.detail = error.map { error in
                [error.number, GraphWords.redacted(error.title), GraphWords.redacted(error.details)].compactMap { $0 }.joined(separator: ": ")
            }
        }
        return InboundEvent(
            vendorID: "\(status.id):\(status.status)", peer: Self.peer(status.recipientID, status.recipientUserID),
            occurredAt: status.timestamp?.date, .receipt(receipt))
    }

    // MARK: What is left out

    private func ignore(_ what: String) { context.metrics.count("whatsapp_ignored_total", [("what", what)]) }

    private func ignoreForeign(_ number: String?) {
        ignore("other-number")
        let isNew = foreign.withLock { $0.count < 16 && $0.insert(number ?? "").inserted }
        guard isNew else { return }
        context.logger.warning(
            "WhatsApp posts here what belongs to another number; it is not taken in",
            metadata: [
                "phone_number_id": "\(Self.word(number))",
                "remedy": "give each number its own instance, and in Meta its own webhook (override_callback_uri)",
            ])
    }

    private func report(_ error: GraphError?) {
        context.metrics.count("whatsapp_errors_total")
        context.logger.warning(
            "WhatsApp reports an error", metadata: ["code": "\(error?.number ?? "none")", "title": "\(GraphWords.redacted(error?.title) ?? "")"])
    }

    /// A name of Meta's, fit for a log line.
    private static func word(_ text: String?) -> String {
        String((text ?? "none").prefix(40).filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") })
    }
}
