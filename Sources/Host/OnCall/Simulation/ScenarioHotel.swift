import Butler
import Foundation
import Kernel
import Logging
import OnCall
import PluginAPI

/// The hotel that scenarios are played in: its own configuration, its catalogs and knowledge, and the AI that runs on this machine. It is opened once, and
/// makes a house of its own for every scenario. Nothing leaves the machine, and nothing is kept.
final class ScenarioHotel: Sendable {
    private static let pms = "scenario-pms"

    private let engine: SQLiteEngine
    private let kernel: JackKernel
    private let settings: ButlerSettings
    private let catalogs: ButlerCatalogs
    private let knowledge: KnowledgeBase
    private let book: ScenarioGuestBook
    /// The rooms that the hotel's own PMS knows, where it runs on this machine.
    private let rooms: [PMSRoom]
    private let channels: [String]

    /// Starts the AI, and has it learn the hotel's intents: that takes a moment, once.
    /// - Throws: ``HostError`` where no AI runs on this machine, and what its start throws.
    static func open(_ loaded: Configurator.Loaded, registrations: [PluginRegistration]) async throws -> ScenarioHotel {
        let configuration = loaded.configuration, book = ScenarioGuestBook()
        let providers = try localProviders(configuration, registrations)
        let own = configuration.instances.filter { $0.kind == .pms && $0.registration.manifest.destinations.isEmpty }
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(JackApplication.migrations)
        let keys = EncryptionKeys(secret: Secret(UUID().uuidString)), property = configuration.property
        let kernel = JackKernel(
            .init(
                property: property, engine: engine, clock: SystemTime(), logger: quiet, metrics: PrometheusRegistry(), http: { _ in NobodyThere() },
                files: { JackApplication.files($0, configuration) },
                secrets: { EncryptedSecretStore(engine: engine, property: property.id, owner: $0, keys: keys, clock: SystemTime()) }, trapFile: nil))
        kernel.connect(.init(inbound: { _ in }, deliveries: [:], transcript: { _, _, _ in [] }))
        do {
            try await kernel.start(
                providers
                    + own.map {
                        InstanceSpec(name: $0.name, registration: $0.registration, settings: $0.settings, onStartFailure: .disable)
                    }
                    + [
                        InstanceSpec(
                            name: pms, registration: PluginRegistration(ScenarioPMS.self), settings: ScenarioPMS.Settings(book), onStartFailure: .fail
                        )
                    ])
            var rooms: [PMSRoom] = []
            for instance in own {
                rooms += (try? await kernel.dispatcher.call(instance.name, as: (any PMSIntegration).self, "rooms") { try await $0.rooms() }) ?? []
            }
            return try await ScenarioHotel(loaded, kernel, engine, providers.map(\.name), book, rooms)
        } catch {
            await kernel.stop(drain: .zero)
            await engine.close()
            throw error
        }
    }

    private init(
        _ loaded: Configurator.Loaded, _ kernel: JackKernel, _ engine: SQLiteEngine, _ providers: [String], _ book: ScenarioGuestBook,
        _ rooms: [PMSRoom]
    ) async throws {
        (self.kernel, self.engine, self.book, self.rooms) = (kernel, engine, book, rooms)
        catalogs = loaded.catalogs
        channels = loaded.configuration.instances.filter { $0.kind == .channel }.map(\.name)
        var settings = loaded.butler
        // What is on this machine stands in for what is elsewhere.
        settings.ai = settings.ai.filter(providers.contains)
        settings.intentAI = settings.intentAI.filter(providers.contains)
        if let name = settings.knowledge.embeddings, !providers.contains(name) { settings.knowledge.embeddings = nil }
        settings = settings.completed(with: providers)
        settings.pms = Self.pms
        self.settings = settings
        let directory = loaded.configuration.directory, property = kernel.parts.property
        let ai = AIDispatch(dispatcher: kernel.dispatcher, clock: kernel.parts.clock, metrics: kernel.parts.metrics)
        var embed: KnowledgeBase.Embed?
        if let name = settings.knowledge.embeddings {
            embed = { texts, use, limit in try await ai.embed(texts, for: use, by: name, .init(deadline: limit)) }
        }
        knowledge = KnowledgeBase(
            engine: engine, property: property.id, settings: settings.knowledge, folder: "\(directory)/\(settings.knowledge.folder)",
            documents: HostDocuments(), clock: kernel.parts.clock, logger: kernel.parts.logger, embed: embed,
            makeIndex: { engine.vectorIndex(collection: $0, dimensions: $1) })
        try await knowledge.refresh()
    }

    /// The AI instances that send nothing away; the one that comes with Jack where the hotel has none.
    private static func localProviders(_ configuration: LoadedConfiguration, _ registrations: [PluginRegistration]) throws -> [InstanceSpec] {
        let configured = configuration.instances.filter { $0.kind == .ai && $0.registration.manifest.destinations.isEmpty }
        // Without the limits of the configuration: nobody waits in a scenario.
        if !configured.isEmpty {
            return configured.map { InstanceSpec(name: $0.name, registration: $0.registration, settings: $0.settings, onStartFailure: .fail) }
        }
        let usual = registrations.first {
            $0.kind == .ai && $0.manifest.destinations.isEmpty && $0.manifest.capabilities.contains("classification")
        }
        guard let usual, let settings = defaults(usual.type) else {
            throw HostError("no AI plugin runs on this machine: guests cannot be understood")
        }
        return [InstanceSpec(name: usual.manifest.id, registration: usual, settings: settings, onStartFailure: .fail)]
    }

    private static func defaults<P: Plugin>(_ type: P.Type) -> (any PluginSettings)? {
        var diagnostics = Diagnostics()
        return P.Settings.decode(ConfigNode(.mapping([]), mark: SourceMark(file: type.manifest.id, line: 1, column: 1)), &diagnostics)
    }

    /// Makes the house of one scenario. Houses are used one after the other.
    func house(_ guests: [ScenarioGuest], at begin: Date) async throws -> any ScenarioHouse {
        for channel in Set(guests.compactMap(\.channel)) where !channels.contains(channel) {
            let remedy = Suggestion.remedy(for: channel, among: channels).map { "; \($0)" } ?? ""
            throw HostError("a guest writes through “\(Terminal.plain(channel))”, and there is no such channel instance\(remedy)")
        }
        let addresses = ScenarioAddresses(guests)
        let own = Set(rooms.map { $0.number.uppercased() })
        let more = Set(guests.compactMap(\.room)).filter { !own.contains($0.uppercased()) }.sorted()
        book.know(
            addresses.stays(at: begin, timeZone: kernel.parts.property.timeZone),
            rooms: rooms + more.map { PMSRoom(number: $0, type: nil, floor: nil, status: .occupied) })
        let house = try await GuestHouse(
            kernel: kernel, settings: settings, catalogs: catalogs, knowledge: knowledge, addresses: addresses,
            channel: channels.first ?? "webchat", begin: begin)
        await house.prepare()
        return house
    }

    func close() async {
        await kernel.stop(drain: .zero)
        await engine.close()
    }

    static let quiet = Logger(label: "jack") { _ in SwiftLogNoOpLogHandler() }
}

/// How the guests of a scenario write, so that the PMS knows those who have a room.
struct ScenarioAddresses: Sendable {
    private let guests: [ScenarioGuest]
    private let keys: [String]

    init(_ guests: [ScenarioGuest]) {
        self.guests = guests
        keys = guests.reduce(into: []) { keys, guest in if !keys.contains(guest.key) { keys.append(guest.key) } }
    }

    /// Whom the PMS knows, a telephone number tells; of whom it knows nothing, there is only a session.
    func address(of key: String) -> PeerAddress {
        let number = (keys.firstIndex(of: key) ?? 0) + 1
        return guests.contains { $0.key == key && isKnown($0) }
            ? PeerAddress(.phone, "+9990000\(1000 + number)") : PeerAddress(.session, "scenario-\(number)")
    }

    /// The only guest there is; nil where there are several.
    var onlyKey: String? { keys.count == 1 ? keys.first : nil }

    func stays(at begin: Date, timeZone: String) -> [PMSReservation] {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: timeZone) ?? .gmt
        func day(_ offset: Int) -> String {
            let parts = calendar.dateComponents([.year, .month, .day], from: begin.addingTimeInterval(Double(offset) * 86_400))
            func padded(_ number: Int?, _ width: Int) -> String {
                let text = "\(number ?? 0)"
                return String(repeating: "0", count: max(0, width - text.count)) + text
            }
            return "\(padded(parts.year, 4))-\(padded(parts.month, 2))-\(padded(parts.day, 2))"
        }
        return keys.compactMap { key in
            let entries = guests.filter { $0.key == key }
            guard entries.contains(where: isKnown), let first = entries.first else { return nil }
            let name = first.name?.split(separator: " ").map(String.init) ?? ["Guest"]
            let guest = PMSGuest(
                id: "scenario-\(key)", firstName: name.count > 1 ? name[0] : "", lastName: name.last ?? "Guest", phone: address(of: key).value,
                language: entries.lazy.compactMap(\.language).first, vip: entries.contains(where: \.vip) ? "true" : nil)
            return PMSReservation(
                id: "stay-\(key)", confirmation: "SCENARIO-\(key)", guest: guest, room: first.room, roomType: nil, arrival: day(-1),
                departure: day(2),
                status: .checkedIn)
        }
    }

    private func isKnown(_ guest: ScenarioGuest) -> Bool { guest.room != nil || guest.vip || guest.language != nil }
}

/// A scenario reaches nobody.
private struct NobodyThere: HTTPClient {
    func send(_ request: ClientRequest) async throws -> ClientResponse { throw PluginFailure.notReady(.unreachable, "a scenario reaches nobody") }
    func stream(_ request: ClientRequest) async throws -> StreamedResponse { throw PluginFailure.notReady(.unreachable, "a scenario reaches nobody") }
}
