import PluginAPI
import Synchronization

/// Something to wait at until a test opens it.
final class Gate: Sendable {
    private let state: Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>], arrived: Int)>

    init(open: Bool = true) { state = Mutex((open, [], 0)) }

    /// How many came to it so far.
    var arrived: Int { state.withLock { $0.arrived } }

    func close() { state.withLock { $0.isOpen = false } }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        waiting.forEach { $0.resume() }
    }

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                state.arrived += 1
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

/// What a fake channel does, and what was sent through it.
final class ChannelScript: Sendable {
    let gate = Gate()
    private let messages = Mutex<[OutboundMessage]>([])
    private let failure = Mutex<PluginFailure?>(nil)
    private let window = Mutex<Duration?>(nil)
    private let files = Mutex<[String: Result<MediaContent, PluginFailure>]>([:])
    private let fetches = Mutex<[String]>([])
    private let marks = Mutex<[String]>([])
    private let markFailure = Mutex<PluginFailure?>(nil)

    /// Files that were asked for, by their references.
    var fetched: [String] { fetches.withLock { $0 } }
    /// Messages that were marked as read.
    var read: [String] { marks.withLock { $0 } }
    func has(_ reference: String, _ file: Result<MediaContent, PluginFailure>) { files.withLock { $0[reference] = file } }
    func marksNothing(because failure: PluginFailure?) { markFailure.withLock { $0 = failure } }

    func fetch(_ media: MediaReference) throws -> MediaContent {
        fetches.withLock { $0.append(media.reference) }
        guard let file = files.withLock({ $0[media.reference] }) else { throw PluginFailure.permanent(.notFound, "there is no such file") }
        return try file.get()
    }

    func mark(_ vendorID: String) throws {
        marks.withLock { $0.append(vendorID) }
        if let failure = markFailure.withLock({ $0 }) { throw failure }
    }

    /// For how long after a guest's message the channel takes free text; before the house opens.
    var replyWindow: Duration? {
        get { window.withLock { $0 } }
        set { window.withLock { $0 = newValue } }
    }
    var sent: [OutboundMessage] { messages.withLock { $0 } }
    func fail(with failure: PluginFailure?) { self.failure.withLock { $0 = failure } }

    func send(_ message: OutboundMessage) async throws -> SendResult {
        await gate.pass()
        if let failure = failure.withLock({ $0 }) { throw failure }
        messages.withLock { $0.append(message) }
        return SendResult(vendorIDs: ["vendor-\(message.id)"])
    }
}

struct FakeChannel: ChannelPlugin {
    struct Settings: PluginSettings {
        let script: ChannelScript
        init() { script = ChannelScript() }
        init(from decoder: any Decoder) { self.init() }
    }

    static let manifest = PluginManifest(id: "fake-channel", summary: "A channel for tests", stability: .experimental)
    let script: ChannelScript

    init(settings: Settings, context: PluginContext) { script = settings.script }

    var features: ChannelFeatures { ChannelFeatures(maximumTextLength: 4000, templates: true, replyWindow: script.replyWindow) }
    func send(_ message: OutboundMessage) async throws -> SendResult { try await script.send(message) }
    func fetchMedia(_ media: MediaReference) async throws -> MediaContent { try script.fetch(media) }
    func markRead(_ vendorMessageID: String, from peer: PeerAddress) async throws { try script.mark(vendorMessageID) }
}

/// What a fake AI answers, and what it was asked.
final class AIScript: Sendable {
    typealias Classify = @Sendable (ClassificationRequest) async throws -> Classification
    typealias Complete = @Sendable (AIRequest) async throws -> AIResponse

    private struct State {
        var classify: Classify = { request in
            let text = request.text.lowercased()
            let known = [
                "towel": "request.housekeeping.towels", "cancel": "request.reservation.cancel", "late checkout": "request.checkout.late",
                "complain": "feedback.complaint", "hello": "greeting", "taxi": "request.transport",
            ]
            let label = known.first { text.contains($0.key) }?.value
            return Classification(ranked: [.init(label: label ?? "unknown", confidence: label == nil ? 0.3 : 0.95)], language: "en")
        }
        var complete: Complete = { request in
            AIResponse(text: "The answer.", model: "fake", citations: request.documents.prefix(1).map(\.id), confidence: 0.9)
        }
        var requests: [AIRequest] = []
        var quotes = false
        var features = AIFeatures(tools: true)
    }

    private let state = Mutex(State())
    let gate = Gate()

    /// What it says it can do, but for ``quotes``.
    var features: AIFeatures {
        get { state.withLock { $0.features } }
        set { state.withLock { $0.features = newValue } }
    }
    var requests: [AIRequest] { state.withLock { $0.requests } }
    func classifies(_ body: @escaping Classify) { state.withLock { $0.classify = body } }
    func completes(_ body: @escaping Complete) { state.withLock { $0.complete = body } }
    func answers(_ text: String, confidence: Double) {
        completes { AIResponse(text: text, model: "fake", citations: $0.documents.prefix(1).map(\.id), confidence: confidence) }
    }
    /// True where it quotes documents as they are, like the embedded AI.
    var quotes: Bool {
        get { state.withLock { $0.quotes } }
        set { state.withLock { $0.quotes = newValue } }
    }
    func fails(with failure: PluginFailure) {
        classifies { _ in throw failure }
        completes { _ in throw failure }
    }

    func classify(_ request: ClassificationRequest) async throws -> Classification { try await state.withLock { $0.classify }(request) }

    func complete(_ request: AIRequest) async throws -> AIResponse {
        state.withLock { $0.requests.append(request) }
        await gate.pass()
        return try await state.withLock { $0.complete }(request)
    }
}

struct FakeAI: AIProvider {
    struct Settings: PluginSettings {
        let script: AIScript
        init() { script = AIScript() }
        init(from decoder: any Decoder) { self.init() }
    }

    static let manifest = PluginManifest(id: "fake-ai", summary: "An AI for tests", stability: .experimental)
    let script: AIScript

    init(settings: Settings, context: PluginContext) { script = settings.script }

    var features: AIFeatures {
        var features = script.features
        features.quotesDocuments = script.quotes
        return features
    }
    func complete(_ request: AIRequest) async throws -> AIResponse { try await script.complete(request) }
    func classify(_ request: ClassificationRequest) async throws -> Classification { try await script.classify(request) }
}

/// What a fake PMS knows.
final class PMSScript: Sendable {
    private struct State {
        var stays: [PMSReservation] = []
        var rooms = ["101", "204", "309", "A12"]
        var failure: PluginFailure?
    }

    private let state = Mutex(State())
    let gate = Gate()

    func knows(_ stays: [PMSReservation]) { state.withLock { $0.stays = stays } }
    func fails(with failure: PluginFailure?) { state.withLock { $0.failure = failure } }
    func hasRooms(_ rooms: [String]) { state.withLock { $0.rooms = rooms } }

    var stays: [PMSReservation] {
        get async throws {
            await gate.pass()
            let (stays, failure) = state.withLock { ($0.stays, $0.failure) }
            if let failure { throw failure }
            return stays
        }
    }

    var rooms: [String] {
        get async throws {
            _ = try await stays
            return state.withLock { $0.rooms }
        }
    }
}

struct FakePMS: PMSIntegration {
    struct Settings: PluginSettings {
        let script: PMSScript
        init() { script = PMSScript() }
        init(from decoder: any Decoder) { self.init() }
    }

    static let manifest = PluginManifest(id: "fake-pms", summary: "A PMS for tests", stability: .experimental)
    let script: PMSScript

    init(settings: Settings, context: PluginContext) { script = settings.script }

    var features: PMSFeatures { PMSFeatures() }

    func guests(matching query: PMSGuestQuery, limit: Int) async throws -> [PMSGuest] {
        let guests = try await script.stays.map(\.guest).filter { guest in
            (query.phone != nil && guest.phone == query.phone) || (query.email != nil && guest.email == query.email)
        }
        return Array(guests.prefix(limit))
    }

    func reservations(matching query: PMSReservationQuery, limit: Int) async throws -> [PMSReservation] {
        try await script.stays.filter { stay in
            (query.id == nil || stay.id == query.id) && (query.guestID == nil || stay.guest.id == query.guestID)
                && (query.confirmation == nil || stay.confirmation.lowercased() == query.confirmation?.lowercased())
        }
    }

    func rooms() async throws -> [PMSRoom] { try await script.rooms.map { PMSRoom(number: $0, type: nil, floor: nil, status: .occupied) } }
    func changes(since cursor: String?, limit: Int) async throws -> PMSChanges { PMSChanges(events: [], cursor: "", hasMore: false) }
}

extension PMSReservation {
    /// A stay for tests.
    static func stay(
        _ id: String, _ lastName: String, room: String? = nil, status: Status = .checkedIn, phone: String? = nil, email: String? = nil,
        language: String? = nil,
        guest: String? = nil, arrival: String = "2025-09-01"
    ) -> PMSReservation {
        PMSReservation(
            id: id, confirmation: id,
            guest: PMSGuest(id: guest ?? "guest-\(id)", firstName: "Ada", lastName: lastName, email: email, phone: phone, language: language),
            room: room,
            roomType: nil, arrival: arrival, departure: "2025-09-09", status: status)
    }
}
