import Foundation
import HTTPTypes
import PluginAPI
import TwilioWire

/// Deals with what Twilio asks and reports in a call. Each URL names its page.
struct CallReader: Sendable {
    let settings: PhoneSettings
    let script: CallScript
    let storage: any KeyValueStore
    let webhook: TwilioWebhook

    static let storageKey = "call/"
    static let parameter = "page"

    /// Somebody answered: says the page, and hangs up on a machine.
    func speak(_ form: TwilioForm, _ request: PluginRequest) async throws -> WebhookResult {
        let (call, page) = (try call(form), try page(request))
        if isMachine(form) { return WebhookResult([notReached(call, "machine", "an answering machine answered")], response: script.hangUp) }
        var events: [InboundEvent] = []
        if isPerson(form) { events.append(receipt(call, "answered", .delivered)) }
        guard let spoken = try await storage.get(Self.storageKey + page, as: SpokenPage.self), let url = webhook.url("/key", query: Self.query(page))
        else {
            return WebhookResult(events, response: script.end(script.words.forgotten))
        }
        return WebhookResult(events, response: script.tell(spoken, keyURL: url))
    }

    /// A key was pressed.
    func key(_ form: TwilioForm, _ request: PluginRequest) async throws -> WebhookResult {
        let (call, page) = (try call(form), try page(request)), digit = form["Digits"] ?? ""
        let action: PageAcknowledgement.Action
        switch digit {
        case "4": action = .acknowledge
        case "6": action = .escalate
        default:
            // Any other key hears it once more.
            guard let spoken = try await storage.get(Self.storageKey + page, as: SpokenPage.self),
                let url = webhook.url("/key", query: Self.query(page))
            else { return WebhookResult([], response: script.end(script.words.forgotten)) }
            return WebhookResult([], response: script.tell(spoken, keyURL: url))
        }
        let answer = PageAcknowledgement(action: action, reference: page, by: form.text("To"))
        return WebhookResult(
            [
                InboundEvent(vendorID: "\(call):key-\(digit)", peer: form.text("To").map { PeerAddress(.phone, $0) }, .acknowledgement(answer)),
                // Whatever the detection thought of the voice: a machine presses no key.
                receipt(call, "pressed", .read),
            ], response: script.end(action == .acknowledge ? script.words.acknowledged : script.words.escalated))
    }

    /// A call has come further, or to its end.
    func status(_ form: TwilioForm) throws -> WebhookResult {
        let call = try call(form)
        guard let status = form["CallStatus"] else { throw PluginFailure.permanent(.invalidRequest, "the form holds no status") }
        let events: [InboundEvent] =
            switch status {
            case "busy": [notReached(call, status, "the line is busy")]
            case "no-answer": [notReached(call, status, "nobody answered")]
            case "failed": [notReached(call, status, "the number could not be called")]
            case "canceled": [notReached(call, status, "the call was cancelled")]
            case "completed" where isMachine(form): [notReached(call, status, "an answering machine answered")]
            case "completed" where isPerson(form): [receipt(call, status, .delivered)]
            // Queued, ringing, in progress; or ended, and Twilio does not know who it was.
            default: []
            }
        return WebhookResult(events, response: PluginResponse(.noContent))
    }

    static func query(_ page: String) -> TwilioForm { TwilioForm([.init(parameter, page)]) }

    // MARK: Parts

    /// `machine_start`, `machine_end_…`, `fax`.
    private func isMachine(_ form: TwilioForm) -> Bool { form["AnsweredBy"].map { $0.hasPrefix("machine") || $0 == "fax" } ?? false }

    /// `human`; whoever answers, where nobody is to find out. `unknown` is nobody of whom that could be said.
    private func isPerson(_ form: TwilioForm) -> Bool { settings.machineDetection ? form["AnsweredBy"] == "human" : true }

    private func call(_ form: TwilioForm) throws -> String {
        guard let id = form["CallSid"], TwilioID.isSID(id, "CA") else {
            throw PluginFailure.permanent(.invalidRequest, "the form holds no call's id")
        }
        return id
    }

    private func page(_ request: PluginRequest) throws -> String {
        guard let id = request.queryValue(Self.parameter), !id.isEmpty else {
            throw PluginFailure.permanent(.invalidRequest, "the URL names no page")
        }
        return id
    }

    private func receipt(_ call: String, _ what: String, _ state: DeliveryState) -> InboundEvent {
        InboundEvent(vendorID: "\(call):\(what)", peer: nil, .receipt(DeliveryReceipt(vendorMessageID: call, state: state)))
    }

    private func notReached(_ call: String, _ what: String, _ why: String) -> InboundEvent {
        InboundEvent(
            vendorID: "\(call):\(what)", peer: nil,
            .receipt(DeliveryReceipt(vendorMessageID: call, state: .failed, reason: "not-reached", detail: why)))
    }
}
