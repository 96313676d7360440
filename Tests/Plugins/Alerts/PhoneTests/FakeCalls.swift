import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import PluginTestKit
import Synchronization
import Testing
import TwilioWire

@testable import PhoneAlertSink

/// Twilio's call API as its documents describe it, on loopback: what they forbid it refuses with the code that they name.
final class FakeCalls: Sendable {
    static let account = "AC" + String(repeating: "1a", count: 16)
    static let token = "auth-token-0123456789abcdef"
    static let number = "+15550100123"

    private struct State {
        var calls: [TwilioForm] = []
        var replies: [LoopbackReply?] = []
        var canSpeak = true
    }

    private let state = Mutex(State())
    var calls: [TwilioForm] { state.withLock { $0.calls } }
    func next(_ replies: LoopbackReply?...) { state.withLock { $0.replies += replies } }
    func mute() { state.withLock { $0.canSpeak = false } }

    static func sid(_ index: Int) -> String { "CA" + String(format: "%032x", index) }

    static func error(_ code: Int, status: Int = 400) -> LoopbackReply {
        .json(#"{"code":\#(code),"message":"To +16505551234 …","status":\#(status)}"#, status: status)
    }

    func answer(_ request: LoopbackServer.Request) -> LoopbackReply {
        guard request.header("Authorization") == "Basic " + Data("\(Self.account):\(Self.token)".utf8).base64EncodedString() else {
            return Self.error(20003, status: 401)
        }
        let root = "/2010-04-01/Accounts/\(Self.account)/"
        guard request.path.hasPrefix(root) else { return Self.error(20404, status: 404) }
        switch (request.method, request.path.dropFirst(root.count)) {
        case ("POST", "Calls.json"): return call(request)
        case ("GET", "IncomingPhoneNumbers.json"):
            let isSpeaking = state.withLock { $0.canSpeak }
            return .json(
                #"{"incoming_phone_numbers":[{"phone_number":"\#(Self.number)","friendly_name":"On call","capabilities":{"sms":true,"voice":\#(isSpeaking)}}]}"#
            )
        default: return Self.error(20004, status: 405)
        }
    }

    private func call(_ request: LoopbackServer.Request) -> LoopbackReply {
        let scripted: LoopbackReply?? = state.withLock { $0.replies.isEmpty ? nil : $0.replies.removeFirst() }
        if let reply = scripted ?? nil { return reply }
        guard request.header("Content-Type") == "application/x-www-form-urlencoded", let form = TwilioForm(request.body) else { return .status(415) }
        if let code = Self.problem(form) { return Self.error(code) }
        let index = state.withLock { state in
            state.calls.append(form)
            return state.calls.count
        }
        return .json(
            #"{"sid":"\#(Self.sid(index))","status":"queued","account_sid":"\#(Self.account)","direction":"outbound-api","answered_by":null}"#,
            status: 201)
    }

    private static func problem(_ form: TwilioForm) -> Int? {
        let known: Set = [
            "To", "From", "Url", "Method", "Timeout", "StatusCallback", "StatusCallbackMethod", "StatusCallbackEvent", "MachineDetection",
        ]
        let names = form.fields.map(\.name)
        guard Set(names).count == names.count, names.allSatisfy(known.contains) else { return 20001 }
        guard let to = form["To"] else { return 21201 }
        guard TwilioID.isPhoneNumber(to) else { return 21211 }
        guard let from = form["From"] else { return 21213 }
        guard from == number else { return 21210 }
        guard let url = form["Url"], url.hasPrefix("https://"), let status = form["StatusCallback"], status.hasPrefix("https://") else {
            return 21205
        }
        guard ["GET", "POST"].contains(form["Method"] ?? "POST"), ["GET", "POST"].contains(form["StatusCallbackMethod"] ?? "POST") else {
            return 21403
        }
        guard let timeout = Int(form["Timeout"] ?? "60"), (1...600).contains(timeout) else { return 20001 }
        guard ["initiated", "ringing", "answered", "completed"].contains(form["StatusCallbackEvent"] ?? "completed") else { return 21626 }
        if let detection = form["MachineDetection"], !["Enable", "DetectMessageEnd"].contains(detection) { return 20001 }
        return nil
    }
}

/// An instance of real settings before a fake Twilio, over the kernel's own client.
struct Office {
    let sink: PhoneAlertSink
    let twilio: FakeCalls
    let server: LoopbackServer
    let test: TestContext

    static func settings(_ more: [String: JSONValue] = [:]) -> JSONValue {
        let usual: [String: JSONValue] = [
            "account_sid": .string(FakeCalls.account), "auth_token": .string(FakeCalls.token), "from": .string(FakeCalls.number),
        ]
        return .object(usual.merging(more) { $1 }.filter { $0.value != .null })
    }

    static func run<T: Sendable>(_ more: [String: JSONValue] = [:], _ body: (Office) async throws -> T) async throws -> T {
        let engine = try CurlEngine(), twilio = FakeCalls()
        let test = TestContext(instance: "phone", http: CurlHTTPClient(engine: engine, policy: .unrestricted))
        let result: Result<T, any Error>
        do {
            result = .success(
                try await LoopbackServer.run {
                    twilio.answer($0)
                } use: { server in
                    let base: [String: JSONValue] = ["base_url": .string("http://127.0.0.1:\(server.port)")]
                    let sink = try test.make(PhoneAlertSink.self, settings(base.merging(more) { $1 }))
                    let value = try await body(Office(sink: sink, twilio: twilio, server: server, test: test))
                    #expect(!test.logs.contains(FakeCalls.token) && !test.logs.contains("+16505551234"))
                    return value
                })
        } catch {
            result = .failure(error)
        }
        await engine.shutdown()
        return try result.get()
    }

    func failure(_ page: AlertPage) async -> PluginFailure? {
        do {
            _ = try await sink.page(page)
            return nil
        } catch { return error as? PluginFailure }
    }

    /// What a signed request to a URL that the sink gave out comes to.
    func ask(_ url: String, _ form: TwilioForm) async throws -> WebhookResult {
        let request = try Ring.request(url, form)
        for case .webhook(let route) in sink.routes where request.path == "/webhooks/phone\(route.tail)" {
            #expect(route.verification.verify(request))
            return try await route.parse(request)
        }
        throw PluginFailure.permanent(.notFound, "no such route")
    }
}

extension AlertPage {
    static func night(_ id: String = "page-1", summary: String = "No hot water in 204", count: Int = 1, to recipient: String? = "+16505551234")
        -> AlertPage
    {
        let alerts = (0..<count).map {
            Alert(
                fingerprint: "f-\($0)", name: "HotWater", severity: $0 == 0 ? .critical : .warning, summary: $0 == 0 ? summary : "less",
                detail: "guest words", startsAt: Date(timeIntervalSince1970: 1_756_814_000))
        }
        return AlertPage(id: id, groupKey: "group-1", alerts: alerts, recipient: recipient, reason: "oncall.yaml:9", code: "481516")
    }
}

/// Requests as Twilio makes them in a call.
enum Ring {
    static func form(_ more: [String: String] = [:], call: Int = 1) -> TwilioForm {
        let usual = [
            "CallSid": FakeCalls.sid(call), "AccountSid": FakeCalls.account, "From": FakeCalls.number, "To": "+16505551234",
            "Direction": "outbound-api",
            "CallStatus": "in-progress", "ApiVersion": "2010-04-01",
        ]
        return TwilioForm(usual.merging(more) { $1 }.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) })
    }

    static func sign(_ request: inout PluginRequest) {
        let form = TwilioForm(request.body) ?? TwilioForm()
        request.headers[.known("X-Twilio-Signature")] =
            Data(TwilioSignature(token: Secret(FakeCalls.token)).code(url: request.url, fields: form.fields)).base64EncodedString()
    }

    static func request(_ url: String, _ form: TwilioForm) throws -> PluginRequest {
        let target = try #require(url.range(of: "https://jack.example.com")).upperBound
        let parts = url[target...].split(separator: "?", maxSplits: 1).map(String.init)
        var request = PluginRequest(
            method: .post, path: parts[0], query: parts.count > 1 ? parts[1] : "", headers: [.contentType: "application/x-www-form-urlencoded"],
            body: form.bytes, remoteAddress: "192.0.2.1", url: url)
        sign(&request)
        return request
    }
}
