import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Synchronization

// Plugins of the other kinds that are sound, save in the way that their settings name, and save for faults in the calls that they name.

enum Way: String, SettingChoice {
    case no
    case noUsage, noModel, inventsCitation, sureBeyondMeasure, mixesInstructions, streamStops, streamDiffers, streamTalksOn, splitsLetters,
        shortVectors,
        longVectors, fewVectors, strangeLabel, unsorted, takesTools, usesTools, losesResults, needsTools
    case ignoresLimit, ignoresFilter, anyGuest, oddDates, oddPhones, repeatsChanges, newIDs, endless, hidesFolio
    case refusesInfo, refusesMany, lostAnswers, hidesCode, anyCode, anySender, anyChannel, strangersToo
}

struct WaySettings: PluginSettings {
    @Setting(help: "Where the vendor is.", .url) var endpoint: String = "http://127.0.0.1:9"
    @Setting(help: "How to be broken.") var way: Way = .no
    @Setting(help: "The account's token.") var token: Secret?
    @Setting(help: "What to get wrong, by the path of the call.") var faults: [String: Fault] = [:]
    init() {}

    /// Settings for a suite.
    static func values(_ vendor: String, _ way: Way, _ faults: [String: Fault]) -> JSONValue {
        [
            "endpoint": .string(vendor), "way": .string(way.rawValue), "token": .string(FaultyWire.token),
            "faults": .object(faults.mapValues { .string($0.rawValue) }),
        ]
    }
}

// MARK: AI

struct OddAI: AIProvider {
    typealias Settings = WaySettings
    static let manifest = PluginManifest(
        id: "odd-ai", summary: "Answers, for tests.", stability: .experimental,
        destinations: [DataDestination("odd.example", purpose: "answering", classes: [.guestText])])
    private static let answer = "Breakfast ☕ is at seven."
    let settings: WaySettings
    let context: PluginContext
    let wire: FaultyWire

    init(settings: WaySettings, context: PluginContext) {
        (self.settings, self.context) = (settings, context)
        wire = FaultyWire(settings, context)
    }

    var features: AIFeatures {
        AIFeatures(
            streaming: true, tools: [.usesTools, .losesResults, .needsTools].contains(settings.way), embeddingDimensions: 3, embeddingModel: "odd-3")
    }

    func probe() async throws -> ProbeResult { try await wire.probe() }

    /// What the guest wrote, and what goes along with it.
    private func parts(_ request: AIRequest) -> (guest: String, more: [String: JSONValue]) {
        let guest = request.messages.map(\.text).joined(separator: "\n")
        let used: [JSONValue] = request.messages.flatMap(\.parts).compactMap { part in
            switch part {
            case .toolCall(let call): .string(call.name)
            case .toolResult(_, let content, _) where settings.way != .losesResults: .string(content)
            default: nil
            }
        }
        return (guest, ["instructions": .string(request.instructions + (settings.way == .mixesInstructions ? guest : "")), "used": .array(used)])
    }

    func complete(_ request: AIRequest) async throws -> AIResponse {
        if request.toolChoice == .required, settings.way != .takesTools, !features.tools { throw PluginFailure.notImplemented("tools") }
        if settings.way == .needsTools, request.tools.isEmpty, request.messages.contains(where: { $0.role == .assistant }) {
            throw PluginFailure.permanent(.invalidRequest, "no tools")
        }
        let (guest, more) = parts(request)
        let text = try await wire.call("/complete", guest, more, guest: guest) { (try? JSONValue(json: $0))?["text"]?.stringValue }
        return whole(text, request)
    }

    private func whole(_ text: String, _ request: AIRequest) -> AIResponse {
        AIResponse(
            text: text, usage: settings.way == .noUsage ? AIUsage() : AIUsage(inputTokens: 10, outputTokens: 5),
            model: settings.way == .noModel ? "" : "odd-1",
            citations: settings.way == .inventsCitation ? ["no-such"] : request.documents.prefix(1).map(\.id),
            confidence: settings.way == .sureBeyondMeasure ? 1.5 : 0.9)
    }

    func stream(_ request: AIRequest) -> AsyncThrowingStream<AIStreamEvent, any Error> {
        let way = settings.way
        return AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    let (guest, more) = parts(request)
                    if settings.faults["/stream"] != nil {
                        // A fault of the call: it is that of any other.
                        let text = try await wire.call("/stream", guest, more, guest: guest, read: Self.collected)
                        continuation.yield(.text(text))
                        continuation.yield(.finished(whole(text, request)))
                        return continuation.finish()
                    }
                    let body = JSONValue.object(more.merging(["text": .string(guest)]) { $1 }).jsonBytes
                    let response = try await context.http.stream(ClientRequest(.post, settings.endpoint + "/stream", body: body))
                    if let failure = ClientResponse(status: response.status, headers: response.headers).failure(from: "Odd", now: context.clock) {
                        throw failure
                    }
                    var text = "", line: [UInt8] = [], isOver = false
                    for try await piece in response.body {
                        if way == .splitsLetters, let letters = Optional(String(decoding: piece, as: UTF8.self)), letters.contains("\u{FFFD}") {
                            text += "?"
                            continuation.yield(.text("?"))
                        }
                        line += piece
                        while let end = line.firstIndex(of: 10) {
                            let json = try? JSONValue(json: Array(line[..<end]))
                            line.removeSubrange(...end)
                            if json?["done"] == true { isOver = true }
                            guard let delta = json?["delta"]?.stringValue else { continue }
                            text += delta
                            continuation.yield(.text(delta))
                        }
                    }
                    guard isOver || way == .streamStops else { throw PluginFailure.notReady(.malformedReply, "the stream broke off") }
                    continuation.yield(.finished(whole(way == .streamDiffers ? text + "!" : text, request)))
                    if way == .streamTalksOn { continuation.yield(.text("and")) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// The text of a whole stream; nil where it has no end.
    private static func collected(_ bytes: [UInt8]) -> String? {
        let lines = bytes.split(separator: 10).map { try? JSONValue(json: Array($0)) }
        return lines.last??["done"] == true ? lines.compactMap { $0?["delta"]?.stringValue }.joined() : nil
    }

    func embed(_ texts: [String], for use: EmbeddingUse) async throws -> AIEmbeddings {
        let text = texts.joined(separator: "\n")
        try await wire.ask("/embed", text, guest: text)
        let vector: [Float] = settings.way == .longVectors ? [1, 1, 1] : settings.way == .shortVectors ? [0, 1] : [0, 0.6, 0.8]
        return AIEmbeddings(
            vectors: Array(repeating: vector, count: settings.way == .fewVectors ? 1 : texts.count), model: "odd-3", usage: AIUsage(inputTokens: 1))
    }

    func classify(_ request: ClassificationRequest) async throws -> Classification {
        var ranked = [Classification.Score(label: "a", confidence: 0.7), Classification.Score(label: "b", confidence: 0.2)]
        if settings.way == .strangeLabel { ranked[1].label = "c" }
        if settings.way == .unsorted { ranked.reverse() }
        return Classification(ranked: ranked)
    }

    static func contract(_ way: Way, _ faults: [String: Fault] = [:]) -> AIContract<OddAI> {
        let vendor = FakeVendor { request in
            switch request.path {
            case "/complete": .json(#"{"text":"\#(answer)"}"#)
            case "/stream": .text("{\"delta\":\"Breakfast ☕ \"}\n{\"delta\":\"is at seven. 🥐\"}\n{\"done\":true}\n")
            case "/embed": .json(FaultyWire.fine)
            default: .json("{}")
            }
        }
        return AIContract(
            PluginContract(
                OddAI.self, settings: { WaySettings.values($0, way, faults) }, secrets: [FaultyWire.token], vendor: vendor),
            classification: ClassificationRequest(
                text: "x", labels: [.init(id: "a", description: "A"), .init(id: "b", description: "B")], labelSet: "s"))
    }
}

// MARK: PMS

final class OddPMS: PMSIntegration {
    typealias Settings = WaySettings
    static let manifest = PluginManifest(
        id: "odd-pms", summary: "Knows who stays, for tests.", stability: .experimental,
        destinations: [DataDestination("odd.example", purpose: "reading", classes: [.reservation])])
    let settings: WaySettings
    private let wire: FaultyWire
    private let reads = Mutex(0)

    init(settings: WaySettings, context: PluginContext) {
        self.settings = settings
        wire = FaultyWire(settings, context)
    }

    var features: PMSFeatures { PMSFeatures(folio: settings.way == .hidesFolio, notes: true, tasks: true) }

    func probe() async throws -> ProbeResult { try await wire.probe() }

    private var all: [PMSReservation] {
        [("1", "Bergmann", "204", "+491511000001"), ("2", "Müller", "9", "+491511000002"), ("3", "García", "101", "+491511000003")].map {
            let guest = PMSGuest(id: "g\($0.0)", firstName: "Ana", lastName: $0.1, phone: settings.way == .oddPhones ? "0151 1" : $0.3)
            return PMSReservation(
                id: $0.0, confirmation: "H\($0.0)", guest: guest, room: $0.2, roomType: nil,
                arrival: settings.way == .oddDates ? "30.07.2026" : "2026-07-30",
                departure: settings.way == .oddDates ? "31.07.2026" : "2026-08-02", status: .confirmed)
        }
    }

    func reservations(matching query: PMSReservationQuery, limit: Int) async throws -> [PMSReservation] {
        try await wire.ask("/reservations")
        let found = all.filter {
            (query.id.map { [id = $0.id] in $0 == id } ?? true) && (query.confirmation.map { [c = $0.confirmation] in $0 == c } ?? true)
                && (settings.way == .ignoresFilter || (query.room.map { [r = $0.room] in $0 == r } ?? true))
                && (query.on.map { [a = $0.arrival, d = $0.departure] in a <= $0 && $0 <= d } ?? true)
                && (query.statuses.map { [s = $0.status] in $0.contains(s) } ?? true)
        }
        return settings.way == .ignoresLimit ? found : Array(found.prefix(limit))
    }

    func guests(matching query: PMSGuestQuery, limit: Int) async throws -> [PMSGuest] {
        try await wire.ask("/guests", guest: query.lastName ?? "")
        let found = all.map(\.guest).filter { guest in
            (query.lastName.map { $0 == guest.lastName } ?? true) && (settings.way == .anyGuest || (query.phone.map { $0 == guest.phone } ?? true))
        }
        return Array(found.prefix(limit))
    }

    func rooms() async throws -> [PMSRoom] {
        try await wire.ask("/rooms")
        return [PMSRoom(number: "204", type: nil, floor: nil, status: .clean)]
    }

    func changes(since cursor: String?, limit: Int) async throws -> PMSChanges {
        try await wire.ask("/changes")
        let start = settings.way == .repeatsChanges ? max(0, (cursor.flatMap { Int($0) } ?? 0) - 1) : cursor.flatMap { Int($0) } ?? 0
        let round =
            settings.way == .newIDs
            ? reads.withLock {
                $0 += 1; return $0
            } : 0
        let events = (0..<5).dropFirst(start).prefix(limit).map { (id: "c\($0)-\(round)", event: PMSEvent(kind: .checkedIn)) }
        let end = start + events.count
        return PMSChanges(events: Array(events), cursor: "\(end)", hasMore: settings.way == .endless || end < 5)
    }

    func addNote(_ note: PMSNote) async throws {
        try await wire.ask("/notes", note.text, ["key": .string(note.id)], guest: note.text)
    }

    func createTask(_ task: PMSTask) async throws -> String {
        try await wire.ask("/tasks", task.description, ["key": .string(task.id)], guest: task.description)
        return "task-\(task.id)"
    }

    static func contract(_ way: Way, _ faults: [String: Fault] = [:]) -> PMSContract<OddPMS> {
        let plugin = PluginContract(
            OddPMS.self, settings: { WaySettings.values($0, way, faults) }, secrets: [FaultyWire.token],
            vendor: FakeVendor { _ in .json(FaultyWire.fine) })
        return PMSContract(plugin, reservation: "1", lastName: "Bergmann")
    }
}
