import Foundation
import Glibc
import HTTPTypes
import Logging
import PluginAPI
import PluginTestKit
import Synchronization

/// A channel that is sound, save in the way that its settings name.
final class BrokenChannel: ChannelPlugin {
    typealias Settings = BrokenSettings

    static let manifest = PluginManifest(
        id: "carrier", summary: "A channel for the suites' own tests.", stability: .experimental,
        destinations: [DataDestination("carrier.example", purpose: "carrying messages", classes: [.guestText])])

    private static let judged = Mutex(0)
    private let settings: BrokenSettings
    private let context: PluginContext
    private let wire: BrokenWire
    private let current = Mutex("")
    private let work = Mutex<Task<Void, Never>?>(nil)
    private let steps = Mutex((starts: 0, stops: 0))
    private var broken: Broken { settings.broken }

    static func validate(_ settings: BrokenSettings, _ report: inout ValidationReport) {
        if settings.broken == .validateCalls { knock(at: settings.endpoint) }
        guard settings.broken == .validateImpure else { return }
        report.warning("endpoint", "judged \(judged.withLock { $0 += 1; return $0 }) times")
    }

    /// Opens a connection to the vendor past the client that a plugin is given.
    private static func knock(at endpoint: String) {
        guard let port = endpoint.split(separator: ":").last.flatMap({ UInt16($0) }) else { return }
        let handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(handle) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = connect(handle, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    init(settings: BrokenSettings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        wire = BrokenWire(settings: settings, context: context)
        if settings.broken == .initStores { context.health.recovered() }
        if settings.broken == .initReads { Task { _ = try? await context.files.read("words.txt", maximumBytes: 100) } }
        if settings.broken == .initWaits { work.withLock { $0 = Task { try? await context.clock.sleep(for: .milliseconds(100)) } } }
        if settings.broken == .initCalls {
            let url = settings.endpoint
            Task { _ = try? await context.http.send(ClientRequest(.get, url + "/hello")) }
        }
    }

    var features: ChannelFeatures {
        ChannelFeatures(maximumTextLength: 500, quickReplies: 3, receipts: [.delivered, .failed], isIdempotent: true)
    }

    func probe() async throws -> ProbeResult {
        if broken == .probeSilent { return ProbeResult("surely well") }
        if broken == .probeWrites { try await context.storage.set("probed", to: [1], lifetime: nil) }
        let request = ClientRequest(
            broken == .probePosts ? .post : .get, settings.endpoint + "/me", headers: [.authorization: "Bearer \(settings.token.reveal())"])
        let response = try await context.http.send(request)
        if broken == .probeUntyped, response.status.code == 401 { throw PluginFailure.permanent(.invalidRequest, "401") }
        if let failure = response.failure(from: "Carrier", now: context.clock) { throw failure }
        return ProbeResult(broken == .probeTellsSecret ? "reached Carrier with \(settings.token.reveal())" : "reached Carrier")
    }

    func start() async throws {
        if broken == .startThrows { throw PluginFailure.notReady(.unreachable, "not today") }
        steps.withLock { $0.starts += 1 }
        guard broken == .goesOn || broken == .sleepsOn else { return }
        let context = context, url = settings.endpoint, calls = broken == .goesOn
        work.withLock {
            $0 = Task {
                while !Task.isCancelled {
                    do { try await context.clock.sleep(for: .seconds(calls ? 60 : 7200)) } catch { return }
                    if calls { _ = try? await context.http.send(ClientRequest(.get, url + "/poll")) }
                }
            }
        }
    }

    func stop() async {
        let (starts, stops) = steps.withLock { steps in
            steps.stops += 1
            return steps
        }
        if broken == .initWaits { work.withLock { $0 }?.cancel() }
        let hangs = broken == .stopHangs || (broken == .stopNeedsStart && starts == 0) || (broken == .stopsOnce && stops > 1)
        // Otherwise it forgets its task, which goes on.
        if hangs { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
    }

    func send(_ message: OutboundMessage) async throws -> SendResult {
        guard message.peer.kind == .phone || broken == .unknownPeerTaken else {
            throw PluginFailure.permanent(.unknownRecipient, "only telephone numbers can be reached")
        }
        guard message.text.count <= features.maximumTextLength || broken == .cutsText else {
            throw PluginFailure.permanent(.invalidRequest, "the text is too long")
        }
        if broken == .refusesChoices, !message.quickReplies.isEmpty { throw PluginFailure.permanent(.invalidRequest, "no choices") }
        var text = message.text
        if broken == .mixesCalls {
            current.withLock { $0 = text }
            for _ in 0..<20 { await Task.yield() }
            text = current.withLock { $0 }
        }
        if broken == .dropsUnicode { text = String(text.unicodeScalars.filter(\.isASCII).map(Character.init)) }
        if broken == .cutsText { text = String(text.prefix(300)) }
        var body: [String: JSONValue] = ["to": .string(message.peer.value), "text": .string(text)]
        if broken != .noKey { body["key"] = .string(message.id) }
        var wire = wire
        wire.isStopped = { self.steps.withLock { $0.stops > 0 } }
        let id = try await wire.post("/messages", .object(body), guest: message.text)
        return SendResult(vendorIDs: broken == .noVendorID ? [] : [id])
    }

    func fetchMedia(_ media: MediaReference) async throws -> MediaContent {
        if broken == .mediaUntyped { return MediaContent(bytes: [], mimeType: "image/png") }
        throw PluginFailure.notImplemented("fetching media")
    }

    var routes: [PluginRoute] {
        let broken = broken, clock = context.clock
        let secret = broken == .opens ? settings.signing ?? Secret("default") : settings.signing
        return [
            .webhook(
                WebhookRoute(
                    tail: "/in",
                    verification: .custom(secret: secret) { request, secret in
                        guard let given = request.headers[HTTPField.Name("X-Carrier-Signature")!] else { return broken == .takesUnsigned }
                        let parts = given.split(separator: ",").map(String.init)
                        guard parts.count == 2, let time = Double(parts[0].dropFirst(2)) else { return false }
                        if broken != .takesOld, abs(clock.now.timeIntervalSince1970 - time) > 300 { return false }
                        if broken == .takesAny { return true }
                        let date = Date(timeIntervalSince1970: time)
                        let right = WebhookSigner(secret: secret.reveal()).timestamped(request.body, at: date)
                        if broken == .takesPrefix { return right.hasPrefix(given) && given.count > 20 }
                        return ConstantTime.equal(given, right)
                    }
                ) { request in
                    guard let json = try? JSONValue(json: request.body), let items = json["items"]?.arrayValue else {
                        if broken == .crashesUntyped { throw BrokenWire.Oops() }
                        if broken == .retriesForever { throw PluginFailure.notReady(.malformedReply, "no webhook of ours") }
                        throw PluginFailure.permanent(.malformedReply, "no webhook of ours")
                    }
                    return WebhookResult(items.compactMap { Self.event($0, broken) })
                })
        ]
    }

    private static func event(_ item: JSONValue, _ broken: Broken) -> InboundEvent? {
        guard let id = item["id"]?.stringValue, !id.isEmpty else { return nil }
        let vendorID = broken == .randomIDs ? UUID().uuidString : broken == .sameID ? "one" : id
        if let state = item["state"]?.stringValue.flatMap(DeliveryState.init), let message = item["message"]?.stringValue {
            return InboundEvent(
                vendorID: vendorID, peer: nil,
                .receipt(
                    DeliveryReceipt(
                        vendorMessageID: broken == .wrongReceipt ? "another" : message,
                        messageID: broken == .losesEcho ? nil : item["key"]?.stringValue, state: state,
                        reason: state == .failed && broken != .noReason ? "unknown-recipient" : nil)))
        }
        guard let text = item["text"]?.stringValue, let from = item["from"]?.stringValue else { return nil }
        return InboundEvent(
            vendorID: vendorID, peer: PeerAddress(.phone, from), sender: broken == .silentOnSenders ? nil : .proven("Carrier vouches for numbers"),
            .message(InboundMessage(text: text)))
    }
}

extension BrokenChannel {
    static let token = "a-token-of-enough-length", key = "a-key-of-enough-length"

    static func sample(_ name: String, _ items: JSONValue, events: Int? = nil) -> WebhookSample {
        WebhookSample(name, tail: "/in", body: (["items": items] as JSONValue).jsonBytes, events: events, replayWindow: .seconds(300)) {
            request, now in
            request.headers[HTTPField.Name("X-Carrier-Signature")!] = WebhookSigner(secret: key).timestamped(request.body, at: now)
        }
    }

    static func contract(_ broken: Broken, exempt: [Obligation: String] = [:]) -> ChannelContract<BrokenChannel> {
        var vendor = FakeVendor { request in
            let id = request.json?["key"]?.stringValue ?? "m"
            return request.path == "/me" ? .json("{}") : .json(#"{"id":"v-\#(id)","state":"queued","parts":[{"n":1}]}"#, status: 201)
        }
        vendor.errors = [.init("the window has closed", .json(#"{"error":"window"}"#, status: 400), .permanent, .windowClosed)]
        let plugin = PluginContract(
            BrokenChannel.self,
            settings: { ["endpoint": .string($0), "token": .string(token), "signing": .string(key), "broken": .string(broken.rawValue)] },
            secrets: [token, key], vendor: vendor,
            webhooks: [
                sample("one message", [["id": "w1", "from": "+4915112345678", "text": "Hello"]], events: 1),
                sample(
                    "two messages",
                    [["id": "w2", "from": "+4915112345678", "text": "And"], ["id": "w3", "from": "+4915112345679", "text": "more"]],
                    events: 2),
            ], exempt: exempt)
        var channel = ChannelContract(
            plugin, message: OutboundMessage(id: "out", peer: PeerAddress(.phone, "+4915123456789"), author: .jack, text: "Good evening!")
        ) { id, state in
            sample("a receipt", [["id": .string("r-\(id)-\(state)"), "message": .string(id), "state": .string(state.rawValue)]], events: 1)
        }
        channel.echo = { id, message, state in
            sample(
                "an echo",
                [["id": .string("e-\(id)"), "message": .string(id), "key": .string(message), "state": .string(state.rawValue)]], events: 1)
        }
        return channel
    }
}
