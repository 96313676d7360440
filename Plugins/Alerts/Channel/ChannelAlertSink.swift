import Logging
import PluginAPI

/// Pages people by a channel instance: whatever carries texts carries pages too, and brings the answers back.
public struct ChannelAlertSink: AnswerReadingSink {
    public typealias Settings = ChannelSinkSettings

    public static let manifest = PluginManifest(
        id: "channel", summary: "Pages people by any channel: e-mail, SMS, WhatsApp; they answer by a code.", stability: .beta,
        capabilities: ["acknowledge", "resolve", "escalate", "receipts"],
        destinations: [DataDestination("where the instance in channel sends", purpose: "telling people on call of alerts", classes: [.alert])],
        sendsThrough: .channel, reachesPeople: .always,
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .dataDestinations: .met,
            .documentedLimits: .met, .idempotency: .met, .receipts: .met, .probe: .exempt("the channel's instance has a probe of its own"),
            .reconnects: .exempt("it holds no connection: the channel's instance does"),
            .vendorDocument: .exempt("it follows no vendor: the channel's plugin does"),
        ])

    private let settings: ChannelSinkSettings
    private let context: PluginContext
    private let people: PagedPeople

    public static func validate(_ settings: ChannelSinkSettings, _ report: inout ValidationReport) { settings.check(&report) }

    public static func references(in settings: ChannelSinkSettings) -> [InstanceReference] {
        [InstanceReference(key: "channel", name: settings.channel, kind: .channel)]
    }

    public init(settings: ChannelSinkSettings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        people = PagedPeople(storage: context.storage, codeLife: settings.codeLife)
    }

    public var features: AlertSinkFeatures { AlertSinkFeatures(acknowledges: true) }

    public func probe() async throws -> ProbeResult { ProbeResult("writes through \(settings.channel), which is probed by itself") }

    public func page(_ page: AlertPage) async throws -> PageReceipt { try await write(page, .page) }
    public func update(_ page: AlertPage) async throws -> PageReceipt { try await write(page, .update) }
    public func resolve(_ page: AlertPage) async throws -> PageReceipt { try await write(page, .resolve) }

    private func write(_ page: AlertPage, _ event: PageText.Event) async throws -> PageReceipt {
        let text = try PageText(page, event)
        guard let recipient = page.recipient, !recipient.isEmpty else {
            throw PluginFailure.permanent(.unknownRecipient, "the plan names no recipient for a page through \(settings.channel)")
        }
        let peer = PagedPeople.address(recipient)
        if event != .resolve { try await people.note(peer, code: page.code) }
        // The page's id: what the channel's vendor reports of the message counts for the page.
        var message = OutboundMessage(id: page.id, peer: peer, author: .system, text: text.text)
        if let template = settings.template {
            message.template = MessageTemplate(
                name: template, locale: settings.templateLocale ?? context.property.locale, parameters: settings.templateParameters.map(text.part))
        }
        let result = try await context.channels.send(message, through: settings.channel)
        return PageReceipt(vendorID: result.vendorIDs.first)
    }

    // MARK: Answers

    /// An answer counts where the code was sent to the very address that it comes from. From whoever was never paged by this sink nothing is taken away.
    public func read(_ event: InboundEvent, through channel: String) async throws -> AnswerReading {
        guard channel == settings.channel, let peer = event.peer, case .message(let message) = event.content,
            let answer = TypedAnswer(message.text ?? ""), try await people.isKnown(peer)
        else { return .guestMessage }
        guard try await people.guesses(of: peer) < PagedPeople.mostGuesses else {
            context.metrics.count("page_answers_total", [("outcome", "too-many")])
            return .refused(reason: "too many wrong codes within an hour from one address")
        }
        // The word alone is what comes to mind at night: whoever hears nothing would sleep on, and be paged again.
        guard let code = answer.code else {
            context.metrics.count("page_answers_total", [("outcome", "no-code")])
            await tell(peer, "Nothing was answered yet: write the code of the page too, as it stands at the page's end.", event)
            return .refused(reason: "the answer names no code")
        }
        guard try await people.has(peer, code: code) else {
            try await people.noteGuess(of: peer)
            context.metrics.count("page_answers_total", [("outcome", "unknown-code")])
            await tell(peer, "No page to you has the code \(code). Look at the last page, and answer ACK and its code.", event)
            return .refused(reason: "no page to this address has the code that was written")
        }
        context.metrics.count("page_answers_total", [("outcome", answer.action.rawValue)])
        return .answer(PageAcknowledgement(action: answer.action, reference: code, by: peer.value))
    }

    /// A courtesy: that it fails must not bring the answer back again.
    private func tell(_ peer: PeerAddress, _ text: String, _ event: InboundEvent) async {
        var message = OutboundMessage(id: "answer-\(event.vendorID)", peer: peer, author: .system, text: text)
        if case .message = event.content { message.inReplyTo = event.vendorID }
        do {
            _ = try await context.channels.send(message, through: settings.channel)
        } catch {
            context.logger.warning("a person on call could not be told that a code is wrong", metadata: ["channel": "\(settings.channel)"])
        }
    }
}
