/// A way by which guests and staff write and are written to.
///
/// What arrives comes through a ``WebhookRoute`` or ``InboundPort/accept(_:)``; what leaves goes through ``send(_:)``. Of each message that arrives
/// the channel says how sure it is of its sender: ``InboundEvent/sender``.
public protocol ChannelPlugin: Plugin {
    /// What the vendor can carry, with these settings.
    var features: ChannelFeatures { get }

    /// Hands a message to the vendor.
    ///
    /// ``OutboundMessage/id`` is the idempotency key: pass it on where the vendor takes one. The kernel calls again after a failure that is not ready, and
    /// after a crash between sending and recording. Where the vendor takes no key but returns what is sent along, have it return the id with its receipts:
    /// ``DeliveryReceipt/messageID``.
    /// - Throws: ``PluginFailure``; with ``PluginFailure/Reason/windowClosed``, `.unknownRecipient` or `.optedOut` the caller has another way.
    func send(_ message: OutboundMessage) async throws -> SendResult

    /// Shows that an answer is being written. A courtesy: not retried.
    func indicateTyping(to peer: PeerAddress) async throws

    /// Tells the vendor that a message was read: called once Jack or a colleague has answered it. A courtesy: not retried, and left out where the
    /// instance is busy.
    /// - Parameter vendorMessageID: ``InboundEvent/vendorID`` of the guest's message.
    func markRead(_ vendorMessageID: String, from peer: PeerAddress) async throws

    /// Fetches what a message referred to. Bound what is read: the caller's own limit is looked at when the bytes are there.
    /// - Throws: ``PluginFailure``. A permanent one, such as `.notFound`, ends it; after any other the caller asks again, for a day as a rule.
    func fetchMedia(_ media: MediaReference) async throws -> MediaContent
}

extension ChannelPlugin {
    public static var kind: PluginKind { .channel }
    public func indicateTyping(to peer: PeerAddress) async throws {}
    public func markRead(_ vendorMessageID: String, from peer: PeerAddress) async throws {}
    public func fetchMedia(_ media: MediaReference) async throws -> MediaContent { throw PluginFailure.notImplemented("fetching media") }
}

/// What a channel can carry.
public struct ChannelFeatures: Sendable {
    /// The longest text in characters; the kernel's caller splits or shortens.
    public var maximumTextLength: Int
    public var media: Set<MediaReference.Kind>
    public var location: Bool
    /// How many quick replies a message may have; 0 for a channel that has none.
    public var quickReplies: Int
    public var templates: Bool
    public var typing: Bool
    /// Which states of a message the vendor reports back.
    public var receipts: Set<DeliveryState>
    /// After a guest's last message, how long free text may be sent; nil for always.
    public var replyWindow: Duration?
    /// True where a message that was sent twice under one id reaches the guest once.
    public var isIdempotent: Bool

    public init(
        maximumTextLength: Int, media: Set<MediaReference.Kind> = [], location: Bool = false, quickReplies: Int = 0, templates: Bool = false,
        typing: Bool = false, receipts: Set<DeliveryState> = [], replyWindow: Duration? = nil, isIdempotent: Bool = false
    ) {
        self.maximumTextLength = maximumTextLength
        self.media = media
        self.location = location
        self.quickReplies = quickReplies
        self.templates = templates
        self.typing = typing
        self.receipts = receipts
        self.replyWindow = replyWindow
        self.isIdempotent = isIdempotent
    }
}
