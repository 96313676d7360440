import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import PluginTestKit
import Synchronization
import Testing
import TwilioWire

@testable import TwilioSMSChannel

/// Twilio's message API as its documents describe it, on loopback: what they forbid it refuses with the code that they name.
final class FakeTwilio: Sendable {
    static let account = "AC" + String(repeating: "1a", count: 16)
    static let token = "auth-token-0123456789abcdef"
    static let key = "SK" + String(repeating: "2b", count: 16)
    static let keySecret = "key-secret-0123456789abcdef"
    static let number = "+15550100123"
    static let service = "MG" + String(repeating: "3c", count: 16)
    static let media = "/2010-04-01/Accounts/\(account)/Messages/MM\(String(repeating: "4", count: 32))/Media/ME\(String(repeating: "5", count: 32))"

    private struct State {
        var messages: [TwilioForm] = []
        var replies: [LoopbackReply?] = []
        var files: [String: LoopbackReply] = [:]
        var numbers = [FakeTwilio.number]
    }

    private let state = Mutex(State())

    /// The messages that were taken, in order.
    var messages: [TwilioForm] { state.withLock { $0.messages } }

    /// What the next messages get; nil is the usual answer.
    func next(_ replies: LoopbackReply?...) { state.withLock { $0.replies += replies } }
    func keep(_ path: String, _ reply: LoopbackReply) { state.withLock { $0.files[path] = reply } }
    func own(_ numbers: [String]) { state.withLock { $0.numbers = numbers } }

    static func sid(_ index: Int) -> String { "SM" + String(format: "%032x", index) }

    static func error(_ code: Int, status: Int = 400) -> LoopbackReply {
        .json(
            #"{"code":\#(code),"message":"The number \#("+16505551234") …","more_info":"https://www.twilio.com/docs/errors/\#(code)","status":\#(status)}"#,
            status: status)
    }

    func answer(_ request: LoopbackServer.Request) -> LoopbackReply {
        if request.path.hasPrefix("/files/") {
            guard request.header("Authorization") == nil else { return .status(400) }
            return state.withLock { $0.files[request.path] } ?? .status(404)
        }
        let accepted = ["\(Self.account):\(Self.token)", "\(Self.key):\(Self.keySecret)"].map { "Basic " + Data($0.utf8).base64EncodedString() }
        guard let given = request.header("Authorization"), accepted.contains(given) else { return Self.error(20003, status: 401) }
        let root = "/2010-04-01/Accounts/\(Self.account)/"
        guard request.path.hasPrefix(root) else { return Self.error(20404, status: 404) }
        switch (request.method, request.path.dropFirst(root.count)) {
        case ("POST", "Messages.json"): return message(request)
        case ("GET", "IncomingPhoneNumbers.json"): return numbers(request)
        case ("GET", _): return state.withLock { $0.files[request.path] } ?? Self.error(20404, status: 404)
        default: return Self.error(20004, status: 405)
        }
    }

    private func numbers(_ request: LoopbackServer.Request) -> LoopbackReply {
        let wanted = request.texts.first { $0.hasPrefix("+") }
        let found = state.withLock { $0.numbers }.filter { wanted == nil || $0 == wanted }.prefix(1).map {
            #"{"phone_number":"\#($0)","friendly_name":"Front desk","capabilities":{"sms":true,"voice":false,"mms":true}}"#
        }
        return .json(#"{"incoming_phone_numbers":[\#(found.joined(separator: ","))],"page":0}"#)
    }

    private func message(_ request: LoopbackServer.Request) -> LoopbackReply {
        let scripted: LoopbackReply?? = state.withLock { $0.replies.isEmpty ? nil : $0.replies.removeFirst() }
        if let reply = scripted ?? nil { return reply }
        guard request.header("Content-Type") == "application/x-www-form-urlencoded", let form = TwilioForm(request.body) else { return .status(415) }
        if let code = Self.problem(form) { return Self.error(code) }
        let index = state.withLock { state in
            state.messages.append(form)
            return state.messages.count
        }
        let segments = form["MessagingServiceSid"] == nil ? SMSText.segments(form["Body"] ?? "") : 0
        return .json(
            #"{"account_sid":"\#(Self.account)","sid":"\#(Self.sid(index))","status":"\#(segments > 0 ? "queued" : "accepted")","num_segments":"\#(segments)","num_media":"0","error_code":null,"error_message":null,"price":null,"direction":"outbound-api"}"#,
            status: 201)
    }

    /// The code with which Twilio refuses a message, or nil.
    private static func problem(_ form: TwilioForm) -> Int? {
        let known: Set = ["To", "From", "MessagingServiceSid", "Body", "MediaUrl", "StatusCallback", "SmartEncoded"]
        let files = form.fields.filter { $0.name == "MediaUrl" }.map(\.value), body = form["Body"] ?? ""
        let names = form.fields.map(\.name).filter { $0 != "MediaUrl" }
        guard Set(names).count == names.count, form.fields.allSatisfy({ known.contains($0.name) }) else { return 20001 }
        guard let to = form["To"] else { return 21604 }
        guard TwilioID.isPhoneNumber(to) else { return 21211 }
        guard form["From"] != nil || form["MessagingServiceSid"] != nil else { return 21603 }
        if let from = form["From"], from != number { return 21659 }
        if let service = form["MessagingServiceSid"], service != Self.service { return 21701 }
        if body.isEmpty, files.isEmpty { return 21602 }
        if body.utf16.count > 1_600 { return 21617 }
        if files.count > 10 { return 21623 }
        if !files.allSatisfy({ $0.hasPrefix("https://") }) { return 21620 }
        if let callback = form["StatusCallback"], !callback.hasPrefix("https://") { return 21609 }
        if let smart = form["SmartEncoded"], !["true", "false"].contains(smart) { return 20001 }
        return nil
    }
}

/// An instance of real settings before a fake Twilio, over the kernel's own client.
struct Desk {
    let plugin: TwilioSMS
    let twilio: FakeTwilio
    let server: LoopbackServer
    let test: TestContext

    static func settings(_ more: [String: JSONValue] = [:]) -> JSONValue {
        let usual: [String: JSONValue] = [
            "account_sid": .string(FakeTwilio.account), "auth_token": .string(FakeTwilio.token), "from": .string(FakeTwilio.number),
        ]
        return .object(usual.merging(more) { $1 }.filter { $0.value != .null })
    }

    /// Runs `body` with a started instance.
    static func run<T: Sendable>(_ more: [String: JSONValue] = [:], _ body: (Desk) async throws -> T) async throws -> T {
        let engine = try CurlEngine(), twilio = FakeTwilio()
        let test = TestContext(instance: "sms", http: CurlHTTPClient(engine: engine, policy: .unrestricted))
        let result: Result<T, any Error>
        do {
            result = .success(
                try await LoopbackServer.run {
                    twilio.answer($0)
                } use: { server in
                    let base: [String: JSONValue] = ["base_url": .string("http://127.0.0.1:\(server.port)"), "media_hosts": ["127.0.0.1"]]
                    let plugin = try test.make(TwilioSMS.self, settings(base.merging(more) { $1 }))
                    try await plugin.start()
                    let value = try await body(Desk(plugin: plugin, twilio: twilio, server: server, test: test))
                    await plugin.stop()
                    #expect(!test.logs.contains(FakeTwilio.token) && !test.logs.contains("+16505551234"))
                    return value
                })
        } catch {
            result = .failure(error)
        }
        await engine.shutdown()
        return try result.get()
    }

    func failure(_ message: OutboundMessage) async -> PluginFailure? {
        do {
            _ = try await plugin.send(message)
            return nil
        } catch { return error as? PluginFailure }
    }

    /// What a signed form becomes.
    func take(_ tail: String = "", _ form: TwilioForm) async throws -> WebhookResult { try await Hook.take(plugin, tail, form) }
}

extension OutboundMessage {
    static func to(
        _ text: String, id: String = "msg-1", peer: PeerAddress = PeerAddress(.phone, "+16505551234"), media: [MediaReference] = [],
        location: GeoLocation? = nil, replies: [QuickReply] = []
    ) -> OutboundMessage {
        OutboundMessage(id: id, peer: peer, author: .jack, text: text, media: media, location: location, quickReplies: replies)
    }
}

/// Requests as Twilio makes them.
enum Hook {
    static func sign(_ request: inout PluginRequest) {
        let form = TwilioForm(request.body) ?? TwilioForm()
        request.headers[.known("X-Twilio-Signature")] =
            Data(TwilioSignature(token: Secret(FakeTwilio.token)).code(url: request.url, fields: form.fields)).base64EncodedString()
    }

    static func message(_ text: String, id: Int = 1, _ more: [TwilioForm.Field] = []) -> TwilioForm {
        let sid = FakeTwilio.sid(1_000 + id)
        return TwilioForm(
            [
                .init("MessageSid", sid), .init("SmsSid", sid), .init("AccountSid", FakeTwilio.account), .init("From", "+16505551234"),
                .init("To", FakeTwilio.number), .init("Body", text), .init("NumSegments", "1"), .init("SmsStatus", "received"),
                .init("ApiVersion", "2010-04-01"),
            ] + (more.contains { $0.name == "NumMedia" } ? [] : [.init("NumMedia", "0")]) + more)
    }

    static func status(_ sid: String, _ status: String, error: Int? = nil) -> TwilioForm {
        var form = TwilioForm([
            .init("MessageSid", sid), .init("SmsSid", sid), .init("AccountSid", FakeTwilio.account), .init("From", FakeTwilio.number),
            .init("To", "+16505551234"), .init("MessageStatus", status), .init("SmsStatus", status), .init("ApiVersion", "2010-04-01"),
        ])
        if let error { form.add("ErrorCode", "\(error)") }
        return form
    }

    static func request(_ tail: String, _ form: TwilioForm) -> PluginRequest {
        var request = PluginRequest(
            method: .post, path: "/webhooks/sms\(tail)", headers: [.contentType: "application/x-www-form-urlencoded"], body: form.bytes,
            remoteAddress: "192.0.2.1", url: "https://jack.example.com/webhooks/sms\(tail)")
        sign(&request)
        return request
    }

    static func take(_ plugin: TwilioSMS, _ tail: String, _ form: TwilioForm) async throws -> WebhookResult {
        let request = request(tail, form)
        for case .webhook(let route) in plugin.routes where route.tail == tail {
            #expect(route.verification.verify(request))
            return try await route.parse(request)
        }
        throw PluginFailure.permanent(.notFound, "no such route")
    }
}
