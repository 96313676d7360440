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
    let pages: any PageAccess

    static let storageKey = "call/"
    /// By the call's id: how it was heard.
    private static let heardKey = "heard/"
    /// Longer than a call lasts, and its end takes to arrive.
    private static let heardFor = Duration.seconds(14_400)
    static let parameter = "page"

    /// Somebody answered: says the page, and hangs up on a machine.
    func speak(_ form: TwilioForm, _ request: PluginRequest) async throws -> WebhookResult {
        let (call, page) = (try call(form), try page(request))
        if isMachine(form) { return WebhookResult([notReached(call, "machine", "an answering machine answered")], response: script.hangUp) }
        var events: [InboundEvent] = []
        if isPerson(form) {
            events.append(receipt(call, "answered", .delivered))
            // The call's end may not say it again.
            await noteHeard(call)
        }
        guard let spoken = try await storage.get(Self.storageKey + page, as: SpokenPage.self), let url = webhook.url("/key", query: Self.query(page))
        else {
            return WebhookResult(events, response: script.end(script.words.forgotten))
        }
        return WebhookResult(events, response: script.tell(spoken, keyURL: url))
    }

    /// A key was pressed.
    func key(_ form: TwilioForm, _ request: PluginRequest) async throws -> WebhookResult {
        let (call, page) = (try call(form), try page(request)), digit = form["Digits"] ?? ""
        // Whatever the detection thought of the voice: a machine presses no key.
        if !digit.isEmpty { await noteHeard(call) }
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
        // Asked before the answer is handed in, which is taken a moment later.
        let words = words(for: action, finding: await pages.standing(of: page), by: answer.by)
        return WebhookResult(
            [
                InboundEvent(vendorID: "\(call):key-\(digit)", peer: form.text("To").map { PeerAddress(.phone, $0) }, .acknowledgement(answer)),
                receipt(call, "pressed", .read),
            ], response: script.end(words))
    }

    /// What the person hears. Nobody is thanked for what somebody else has done, or what needs nobody any more.
    private func words(for action: PageAcknowledgement.Action, finding standing: PageStanding?, by person: String?) -> String {
        switch (standing, action) {
        case (.over, _): script.words.over
        // Passing on what somebody has taken pages the next level all the same.
        case (.acknowledged(let other), .acknowledge) where other != person: script.words.taken
        case (_, .escalate): script.words.escalated
        default: script.words.acknowledged
        }
    }

    /// A call has come further, or to its end.
    func status(_ form: TwilioForm) async throws -> WebhookResult {
        let call = try call(form)
        guard let status = form["CallStatus"] else { throw PluginFailure.permanent(.invalidRequest, "the form holds no status") }
        // Twilio did not find out who it was, or whoever it was hung up before: then only a key tells a person from a mailbox, and it is the next contact's turn.
        let isHeard = status == "completed" && !isMachine(form) && !isPerson(form) ? await wasHeard(call) : false
        let events: [InboundEvent] =
            switch status {
            case "busy": [notReached(call, status, "the line is busy")]
            case "no-answer": [notReached(call, status, "nobody answered")]
            case "failed": [notReached(call, status, "the number could not be called")]
            case "canceled": [notReached(call, status, "the call was cancelled")]
            case "completed" where isMachine(form): [notReached(call, status, "an answering machine answered")]
            case "completed" where isPerson(form) || isHeard: [receipt(call, status, .delivered)]
            case "completed": [notReached(call, status, "it is not known who answered, and no key was pressed")]
            // Queued, ringing, in progress.
            default: []
            }
        return WebhookResult(events, response: PluginResponse(.noContent))
    }

    static func query(_ page: String) -> TwilioForm { TwilioForm([.init(parameter, page)]) }

    // MARK: Parts

    /// `machine_start`, `machine_end_…`, `fax`.
    private func isMachine(_ form: TwilioForm) -> Bool { form["AnsweredBy"].map { $0.hasPrefix("machine") || $0 == "fax" } ?? false }

    /// `human`; whoever answers, where nobody is to find out. `unknown` is nobody of whom that could be said: nothing was heard, or the detection ran out of time.
    private func isPerson(_ form: TwilioForm) -> Bool { settings.machineDetection ? form["AnsweredBy"] == "human" : true }

    /// What cannot be noted holds neither the words up nor the answer: at worst the next contact is called as well.
    private func noteHeard(_ call: String) async { try? await storage.set(Self.heardKey + call, json: true, lifetime: Self.heardFor) }

    private func wasHeard(_ call: String) async -> Bool { (try? await storage.get(Self.heardKey + call, as: Bool.self)) == true }

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
