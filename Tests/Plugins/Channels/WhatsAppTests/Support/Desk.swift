import Crypto
import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import WhatsAppChannel

/// An instance of real settings before a fake Meta, over the kernel's own client.
struct Desk {
    static let appSecret = "app-secret-0123456789abcdef"
    static let verifyToken = "verify-0123456789"
    static let guest = PeerAddress(.phone, "+16505551234")

    let plugin: WhatsApp
    let meta: FakeMeta
    let server: LoopbackServer
    let test: TestContext

    static func settings(_ more: [String: JSONValue] = [:]) -> JSONValue {
        let usual: [String: JSONValue] = [
            "phone_number_id": .string(FakeMeta.number), "access_token": .string(FakeMeta.token), "app_secret": .string(appSecret),
            "verify_token": .string(verifyToken), "media_hosts": ["localhost"],
        ]
        return .object(usual.merging(more) { $1 })
    }

    /// Runs `body` with a started instance.
    @discardableResult static func run<T: Sendable>(
        _ more: [String: JSONValue] = [:], answer: LoopbackServer.Answer? = nil, _ body: (Desk) async throws -> T
    ) async throws -> T {
        let engine = try CurlEngine(), meta = FakeMeta()
        let test = TestContext(instance: "whatsapp", http: CurlHTTPClient(engine: engine, policy: .unrestricted))
        let result: Result<T, any Error>
        do {
            result = .success(
                try await LoopbackServer.run(answer ?? { meta.answer($0) }) { server in
                    let base: [String: JSONValue] = ["base_url": .string("http://127.0.0.1:\(server.port)")]
                    let plugin = try test.make(WhatsApp.self, settings(base.merging(more) { $1 }))
                    try await plugin.start()
                    let desk = Desk(plugin: plugin, meta: meta, server: server, test: test)
                    let value = try await body(desk)
                    await plugin.stop()
                    #expect(!test.logs.contains(FakeMeta.token) && !test.logs.contains(appSecret) && !test.logs.contains(verifyToken))
                    return value
                })
        } catch {
            result = .failure(error)
        }
        await engine.shutdown()
        return try result.get()
    }

    /// An instance that reaches nobody.
    static func offline(_ more: [String: JSONValue] = [:], test: TestContext = TestContext(instance: "whatsapp")) throws -> WhatsApp {
        try test.make(WhatsApp.self, settings(more))
    }

    /// The failure of a message that must not get through.
    func failure(_ message: OutboundMessage) async -> PluginFailure? {
        do {
            _ = try await plugin.send(message)
            return nil
        } catch { return error as? PluginFailure }
    }
}

extension OutboundMessage {
    static func to(
        _ text: String = "", peer: PeerAddress = Desk.guest, id: String = "msg-1", media: [MediaReference] = [], location: GeoLocation? = nil,
        replies: [QuickReply] = [], template: MessageTemplate? = nil, inReplyTo: String? = nil, locale: String? = nil
    ) -> OutboundMessage {
        OutboundMessage(
            id: id, peer: peer, author: .jack, text: text, media: media, location: location, quickReplies: replies, template: template,
            inReplyTo: inReplyTo, locale: locale)
    }
}

extension WhatsApp {
    func route(_ method: HTTPRequest.Method) -> WebhookRoute? {
        for case .webhook(let hook) in routes where hook.method == method { return hook }
        return nil
    }

    /// What a signed notification becomes.
    func take(_ body: String) async throws -> [InboundEvent] { try await take(Array(body.utf8)) }

    func take(_ body: [UInt8]) async throws -> [InboundEvent] {
        let found = self.route(.post), request = Hook.request(body)
        let route = try #require(found)
        #expect(route.verification.verify(request))
        let result = try await route.parse(request)
        #expect(result.response.status == .ok)
        return result.events
    }
}

/// Requests as Meta makes them.
enum Hook {
    static let header = "X-Hub-Signature-256"

    static func signature(_ body: [UInt8], secret: String = Desk.appSecret) -> String {
        "sha256="
            + HMAC<SHA256>.authenticationCode(for: Data(body), using: SymmetricKey(data: Data(secret.utf8))).map { String(format: "%02x", $0) }
            .joined()
    }

    static func request(_ body: [UInt8], signatures: [String]? = nil) -> PluginRequest {
        var headers: HTTPFields = [.contentType: "application/json"]
        if let name = HTTPField.Name(header) {
            for value in signatures ?? [signature(body)] { headers.append(HTTPField(name: name, value: value)) }
        }
        return PluginRequest(
            method: .post, path: "/webhooks/whatsapp", headers: headers, body: body, remoteAddress: "192.0.2.1",
            url: "https://jack.example.com/webhooks/whatsapp")
    }

    static func handshake(_ query: String) -> PluginRequest {
        PluginRequest(
            method: .get, path: "/webhooks/whatsapp", query: query, remoteAddress: "192.0.2.1",
            url: "https://jack.example.com/webhooks/whatsapp?\(query)")
    }

    /// A notification of one change.
    static func change(_ value: String, number: String = FakeMeta.number, field: String = "messages") -> String {
        #"{"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550783881","phone_number_id":"\#(number)"},\#(value)},"field":"\#(field)"}"#
    }

    static func body(_ changes: String...) -> String {
        let entries = changes.map { #"{"id":"102290129340398","changes":[\#($0)]}"# }.joined(separator: ",")
        return #"{"object":"whatsapp_business_account","entry":[\#(entries)]}"#
    }

    /// When guests write, in Unix seconds: just before a test's virtual clock begins. For a test by the system's clock it is another moment.
    @TaskLocal static var sent = "1756814383"

    static let contacts = #""contacts":[{"profile":{"name":"Sheena Nelson"},"wa_id":"16505551234"}]"#

    /// A notification of one message of the usual guest.
    static func message(_ content: String, id: String = "wamid.IN1") -> String {
        body(change(#"\#(contacts),"messages":[{"from":"16505551234","id":"\#(id)","timestamp":"\#(sent)",\#(content)}]"#))
    }

    static func text(_ text: String, id: String = "wamid.IN1") -> String { message(#""type":"text","text":{"body":"\#(text)"}"#, id: id) }

    static func status(_ more: String = "", id: String = "wamid.OUT1", status: String, at moment: String = "1756814400") -> String {
        body(change(#""statuses":[{"id":"\#(id)","status":"\#(status)","timestamp":"\#(moment)","recipient_id":"16505551234"\#(more)}]"#))
    }
}
