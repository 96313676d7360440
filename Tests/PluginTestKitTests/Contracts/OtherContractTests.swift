import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

// Plugins of the other kinds that are sound, save in the way that their settings name. What every plugin owes is shown with channels.

private enum Way: String, SettingChoice {
    case no
    case noUsage, noModel, inventsCitation, sureBeyondMeasure, mixesInstructions, streamStops, streamDiffers, streamTalksOn, splitsLetters,
        shortVectors,
        longVectors, fewVectors, strangeLabel, unsorted, takesTools
    case ignoresLimit, ignoresFilter, anyGuest, oddDates, oddPhones, repeatsChanges, newIDs, endless, hidesFolio, noteWithoutKey
    case refusesInfo, refusesMany, noGroupKey, lostAnswers
}

private struct WaySettings: PluginSettings {
    @Setting(help: "Where the vendor is.", .url) var endpoint: String = "http://127.0.0.1:9"
    @Setting(help: "How to be broken.") var way: Way = .no
    init() {}
}

// MARK: AI

private struct OddAI: AIProvider {
    typealias Settings = WaySettings
    static let manifest = PluginManifest(
        id: "odd-ai", summary: "Answers, for tests.", stability: .experimental,
        destinations: [DataDestination("odd.example", purpose: "answering", classes: [.guestText])])
    private static let answer = "Breakfast ☕ is at seven."
    let settings: WaySettings
    let context: PluginContext

    init(settings: WaySettings, context: PluginContext) { (self.settings, self.context) = (settings, context) }

    var features: AIFeatures { AIFeatures(streaming: true, embeddingDimensions: 3, embeddingModel: "odd-3") }

    func probe() async throws -> ProbeResult {
        let response = try await context.http.send(ClientRequest(.get, settings.endpoint + "/models"))
        if let failure = response.failure(from: "Odd", now: context.clock) { throw failure }
        return ProbeResult("reached Odd")
    }

    private func body(_ request: AIRequest) -> [UInt8] {
        let guest = request.messages.map(\.text).joined(separator: "\n")
        let texts: [JSONValue] =
            settings.way == .mixesInstructions ? [.string(request.instructions + guest)] : [.string(request.instructions), .string(guest)]
        return (["texts": .array(texts)] as JSONValue).jsonBytes
    }

    func complete(_ request: AIRequest) async throws -> AIResponse {
        if request.toolChoice == .required, settings.way != .takesTools { throw PluginFailure.notImplemented("tools") }
        let response = try await context.http.send(ClientRequest(.post, settings.endpoint + "/complete", body: body(request)))
        if let failure = response.failure(from: "Odd", now: context.clock) { throw failure }
        guard let text = try? JSONValue(json: response.body)["text"]?.stringValue else { throw PluginFailure.notReady(.malformedReply, "no answer") }
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
                    let response = try await context.http.stream(ClientRequest(.post, settings.endpoint + "/stream", body: body(request)))
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

    func embed(_ texts: [String], for use: EmbeddingUse) async throws -> AIEmbeddings {
        let body = (["input": .array(texts.map { .string($0) })] as JSONValue).jsonBytes
        let response = try await context.http.send(ClientRequest(.post, settings.endpoint + "/embed", body: body))
        if let failure = response.failure(from: "Odd", now: context.clock) { throw failure }
        guard (try? JSONValue(json: response.body))?["ok"] == true else { throw PluginFailure.notReady(.malformedReply, "no vectors") }
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

    static func contract(_ way: Way) -> AIContract<OddAI> {
        let vendor = FakeVendor { request in
            switch request.path {
            case "/complete": .json(#"{"text":"\#(answer)"}"#)
            case "/stream": .text("{\"delta\":\"Breakfast ☕ \"}\n{\"delta\":\"is at seven. 🥐\"}\n{\"done\":true}\n")
            case "/embed": .json(#"{"ok":true}"#)
            default: .json("{}")
            }
        }
        return AIContract(
            PluginContract(OddAI.self, settings: { ["endpoint": .string($0), "way": .string(way.rawValue)] }, vendor: vendor),
            classification: ClassificationRequest(
                text: "x", labels: [.init(id: "a", description: "A"), .init(id: "b", description: "B")], labelSet: "s"))
    }
}

// MARK: PMS

private final class OddPMS: PMSIntegration {
    typealias Settings = WaySettings
    static let manifest = PluginManifest(
        id: "odd-pms", summary: "Knows who stays, for tests.", stability: .experimental,
        destinations: [DataDestination("odd.example", purpose: "reading", classes: [.reservation])])
    let settings: WaySettings
    let context: PluginContext
    private let reads = Mutex(0)

    init(settings: WaySettings, context: PluginContext) { (self.settings, self.context) = (settings, context) }

    var features: PMSFeatures { PMSFeatures(folio: settings.way == .hidesFolio, notes: true) }

    private func ask(_ method: HTTPRequest.Method, _ path: String, _ body: [UInt8] = []) async throws {
        let response = try await context.http.send(ClientRequest(method, settings.endpoint + path, body: body))
        if let failure = response.failure(from: "Odd", now: context.clock) { throw failure }
        guard (try? JSONValue(json: response.body))?["ok"] == true else { throw PluginFailure.notReady(.malformedReply, "no answer") }
    }

    func probe() async throws -> ProbeResult {
        try await ask(.get, "/me")
        return ProbeResult("reached Odd")
    }

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
        try await ask(.get, "/reservations")
        let found = all.filter {
            (query.id.map { [id = $0.id] in $0 == id } ?? true) && (query.confirmation.map { [c = $0.confirmation] in $0 == c } ?? true)
                && (settings.way == .ignoresFilter || (query.room.map { [r = $0.room] in $0 == r } ?? true))
                && (query.on.map { [a = $0.arrival, d = $0.departure] in a <= $0 && $0 <= d } ?? true)
                && (query.statuses.map { [s = $0.status] in $0.contains(s) } ?? true)
        }
        return settings.way == .ignoresLimit ? found : Array(found.prefix(limit))
    }

    func guests(matching query: PMSGuestQuery, limit: Int) async throws -> [PMSGuest] {
        try await ask(.get, "/guests")
        let found = all.map(\.guest).filter { guest in
            (query.lastName.map { $0 == guest.lastName } ?? true) && (settings.way == .anyGuest || (query.phone.map { $0 == guest.phone } ?? true))
        }
        return Array(found.prefix(limit))
    }

    func rooms() async throws -> [PMSRoom] {
        try await ask(.get, "/rooms")
        return [PMSRoom(number: "204", type: nil, floor: nil, status: .clean)]
    }

    func changes(since cursor: String?, limit: Int) async throws -> PMSChanges {
        try await ask(.get, "/changes")
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
        var body: [String: JSONValue] = ["text": .string(note.text)]
        if settings.way != .noteWithoutKey { body["key"] = .string(note.id) }
        try await ask(.post, "/notes", JSONValue.object(body).jsonBytes)
    }

    static func contract(_ way: Way) -> PMSContract<OddPMS> {
        let plugin = PluginContract(
            OddPMS.self, settings: { ["endpoint": .string($0), "way": .string(way.rawValue)] }, vendor: FakeVendor { _ in .json(#"{"ok":true}"#) })
        return PMSContract(plugin, reservation: "1", lastName: "Bergmann")
    }
}

// MARK: Alerts

private struct OddSink: AlertSink {
    typealias Settings = WaySettings
    static let manifest = PluginManifest(id: "odd-sink", summary: "Tells of alerts, for tests.", stability: .experimental, reachesPeople: .never)
    let settings: WaySettings

    init(settings: WaySettings, context: PluginContext) { self.settings = settings }

    var features: AlertSinkFeatures { AlertSinkFeatures(acknowledges: settings.way == .lostAnswers) }

    func page(_ page: AlertPage) async throws -> PageReceipt {
        if settings.way == .refusesInfo, page.severity == .info { throw PluginFailure.permanent(.invalidRequest, "too little") }
        if settings.way == .refusesMany, page.alerts.count > 10 { throw PluginFailure.permanent(.invalidRequest, "too many") }
        return PageReceipt()
    }
    func update(_ page: AlertPage) async throws -> PageReceipt { try await self.page(page) }
    func resolve(_ page: AlertPage) async throws -> PageReceipt { try await self.page(page) }

    static func contract(_ way: Way) -> AlertSinkContract<OddSink> {
        AlertSinkContract(PluginContract(OddSink.self, settings: { _ in ["way": .string(way.rawValue)] }))
    }
}

@Suite(.serialized) struct OtherContractTests {
    @Test func providers() async {
        let cases: [(Way, Obligation?)] = [
            (.no, nil), (.noUsage, .answers), (.noModel, .answers), (.inventsCitation, .answers), (.sureBeyondMeasure, .answers),
            (.mixesInstructions, .guestTextIsData), (.streamStops, .streams), (.streamDiffers, .streams), (.streamTalksOn, .streams),
            (.splitsLetters, .streams), (.shortVectors, .embeddings), (.longVectors, .embeddings), (.fewVectors, .embeddings),
            (.strangeLabel, .classifications), (.unsorted, .classifications), (.takesTools, .features),
        ]
        await severalAtOnce(cases) { way, obligation in
            let report = await OddAI.contract(way).report()
            // What is wrong with every answer is wrong with the streamed one too.
            // And a stream that just stops makes an answer of nothing.
            let also: Set<Obligation> = obligation == .answers ? [.streams] : way == .streamStops ? [.brokenReplies] : []
            #expect(
                report.violated.subtracting(also) == (obligation.map { [$0] } ?? []),
                "\(way): \(report.violations.map(\.description).joined(separator: "\n"))")
            #expect(report.checked.isSuperset(of: [.answers, .streams, .embeddings, .classifications, .guestTextIsData, .features, .statuses]))
        }
    }

    @Test func systems() async {
        let cases: [(Way, Obligation?)] = [
            (.no, nil), (.ignoresLimit, .queries), (.ignoresFilter, .queries), (.anyGuest, .queries), (.oddDates, .records), (.oddPhones, .records),
            (.repeatsChanges, .changes), (.newIDs, .changes), (.endless, .changes), (.hidesFolio, .features), (.noteWithoutKey, .idempotency),
        ]
        await severalAtOnce(cases) { way, obligation in
            let report = await OddPMS.contract(way).report()
            // A folio that is promised and missing is one call more that fails.
            let also: Set<Obligation> = way == .hidesFolio ? [.success, .concurrency] : []
            #expect(
                report.violated.subtracting(also) == (obligation.map { [$0] } ?? []),
                "\(way): \(report.violations.map(\.description).joined(separator: "\n"))")
            #expect(report.checked.isSuperset(of: [.queries, .records, .changes, .features, .idempotency, .statuses]))
        }
    }

    @Test func sinks() async {
        let cases: [(Way, Obligation?)] = [(.no, nil), (.refusesInfo, .tellings), (.refusesMany, .tellings), (.lostAnswers, .acknowledgements)]
        await severalAtOnce(cases) { way, obligation in
            let report = await OddSink.contract(way).report()
            #expect(report.violated == (obligation.map { [$0] } ?? []), "\(way): \(report.violations.map(\.description).joined(separator: "\n"))")
        }
    }

    // What the type alone says.

    private struct Loud: AlertSink {
        struct Settings: PluginSettings {
            @Setting(help: "no sentence") var badName: String = ""
            @Setting("URL", help: "A token, though nobody sees it.") var token: String = "a-token-that-shows"
            init() {}
        }
        static let manifest = PluginManifest(id: "Loud One", summary: "two\nlines", stability: .experimental)
        init(settings: Settings, context: PluginContext) {}
        var features: AlertSinkFeatures { AlertSinkFeatures() }
        func page(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
        func update(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
        func resolve(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
    }

    @Test func declarationsThatAreNotSound() async {
        let plugin = PluginContract(Loud.self, settings: { _ in [:] }, secrets: ["a-token-that-shows"])
        let report = await plugin.report()
        #expect(report.violated == [.manifest, .settings, .secretSettings])
        #expect(report.violations.count { $0.obligation == .manifest } == 2 && report.violations.count { $0.obligation == .settings } == 2)
    }
}
