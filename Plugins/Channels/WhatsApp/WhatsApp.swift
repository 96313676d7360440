import Foundation
import HTTPTypes
import PluginAPI

/// WhatsApp by Meta's Cloud API: one instance for each phone number.
public struct WhatsApp: ChannelPlugin {
    public typealias Settings = WhatsAppSettings

    public static let manifest = PluginManifest(
        id: "whatsapp", summary: "WhatsApp by Meta's Cloud API: text, files, places, buttons, templates, receipts.", stability: .beta,
        capabilities: ["text", "media", "location", "quick-replies", "templates", "reactions", "typing", "receipts"],
        destinations: [
            DataDestination("graph.facebook.com", purpose: "sending messages and files", classes: [.guestText, .guestIdentity]),
            DataDestination("lookaside.fbsbx.com", purpose: "fetching guests' files", classes: [.operational]),
        ], documentation: "https://developers.facebook.com/documentation/business-messaging/whatsapp",
        contacts: [ContactForm(.contact(type: "whatsapp"), recipientKeys: ["number"], .phoneNumber)],
        // “Throughput”: 80 messages a second for each number.
        limits: VendorLimits(rate: 80, burst: 80),
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .probe: .met, .dataDestinations: .met,
            .documentedLimits: .met, .reconnects: .met, .idempotency: .exempt("Meta takes no idempotency key for a message"), .receipts: .met,
            .vendorDocument: .met,
        ])

    public let features: ChannelFeatures
    public let routes: [PluginRoute]
    private let settings: WhatsAppSettings
    private let context: PluginContext
    private let graph: GraphClient
    private let media: MediaExchange
    private let sender: MessageSender
    private let lastMessages: LastMessages

    public init(settings: WhatsAppSettings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        features = ChannelFeatures(
            maximumTextLength: MessagePlan.textLimit, media: [.image, .audio, .video, .document, .sticker], location: true, quickReplies: 10,
            templates: true, typing: true, receipts: [.sent, .delivered, .read, .failed], replyWindow: .seconds(86_400),
            // Meta knows no idempotency key: a message whose answer was lost, and that is sent again, reaches the guest twice.
            isIdempotent: false)
        graph = GraphClient(settings: settings, context: context)
        media = MediaExchange(graph: graph)
        sender = MessageSender(graph: graph, media: media, storage: context.storage)
        let lastMessages = LastMessages()
        self.lastMessages = lastMessages
        routes = Self.routes(
            settings, NotificationReader(phoneNumberID: settings.phoneNumberID, context: context, account: graph.account), lastMessages)
    }

    public static func validate(_ settings: WhatsAppSettings, _ report: inout ValidationReport) { settings.check(&report) }

    private static func routes(_ settings: WhatsAppSettings, _ reader: NotificationReader, _ lastMessages: LastMessages) -> [PluginRoute] {
        let signature = settings.appSecret.map { WebhookSignature(secret: $0) }
        let handshake = WebhookRoute(.get, verification: .custom(secret: settings.verifyToken, WebhookHandshake.isSound)) { request in
            WebhookResult([], response: WebhookHandshake.answer(request))
        }
        // Meta's notifications have at most 3 MB.
        let intake = WebhookRoute(
            .post, verification: .custom(secret: settings.appSecret) { request, _ in signature?.isSound(request) ?? false }, maximumBodyBytes: 4 << 20
        ) { request in
            let events = try reader.events(request.body)
            lastMessages.note(events)
            return WebhookResult(events)
        }
        return [.webhook(handshake), .webhook(intake)]
    }

    /// Asks for the number's own name and quality.
    public func probe() async throws -> ProbeResult {
        let answer = try await graph.phoneNumber(fields: [
            "id", "display_phone_number", "verified_name", "quality_rating", "platform_type", "throughput",
        ])
        guard let number = try? JSONDecoder().decode(JSONValue.self, from: Data(answer.body)), number["id"]?.stringValue == settings.phoneNumberID
        else {
            throw PluginFailure.notReady(.malformedReply, "WhatsApp answered with something else than the phone number")
        }
        var details: [String: String] = [:]
        for field in ["display_phone_number", "verified_name", "quality_rating", "platform_type"] { details[field] = number[field]?.stringValue }
        details["throughput"] = number["throughput"]?["level"]?.stringValue
        let name = details["verified_name"].map { " “\($0)”" } ?? ""
        return ProbeResult(
            "reached WhatsApp as \(details["display_phone_number"] ?? settings.phoneNumberID)\(name), quality \(details["quality_rating"] ?? "unknown")",
            details: details)
    }

    public func send(_ message: OutboundMessage) async throws -> SendResult {
        let plan = try MessagePlan(message, settings: settings, hotelLocale: context.property.locale)
        return SendResult(vendorIDs: try await sender.send(plan, of: message))
    }

    /// Shows that an answer is being written, for up to 25 seconds. To Meta this is part of marking the guest's last message as read.
    public func indicateTyping(to peer: PeerAddress) async throws {
        guard let id = lastMessages.id(of: peer) else { return }
        try await graph.postNotice(ReadBody(messageID: id, isTyping: true))
    }

    public func markRead(_ vendorMessageID: String, from peer: PeerAddress) async throws {
        try await graph.postNotice(ReadBody(messageID: vendorMessageID, isTyping: false))
    }

    public func fetchMedia(_ media: MediaReference) async throws -> MediaContent { try await self.media.fetch(media) }
}
