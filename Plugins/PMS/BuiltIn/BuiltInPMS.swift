import Foundation
import PluginAPI

/// Reservations and rooms from two files that staff edit while Jack runs, for a hotel that has no other system, or none that Jack can reach.
public struct BuiltInPMS: PMSIntegration {
    public struct Settings: PluginSettings {
        @Setting(help: "The file of reservations, CSV or YAML.", .notEmpty, example: "hotel/reservations.csv") var reservations: String
        @Setting(help: "The file of rooms, CSV or YAML.", example: "hotel/rooms.csv") var rooms: String?
        @Setting(help: "The hotel's country code, for telephone numbers that are written without one.", .countryCode, example: "49")
        var countryCode: String?
        @Setting(help: "How often the files are looked at, beside when somebody asks.", .range(.seconds(2) ... .seconds(3600)))
        var checkEvery: Duration = .seconds(10)
        @Setting(help: "A longer file is refused.", .range(.kilobytes(1) ... .megabytes(64)), advanced: true)
        var maximumSize: ByteCount = .megabytes(16)

        public init() {}
    }

    public static let manifest = PluginManifest(
        id: "builtin", summary: "Reservations and rooms from CSV or YAML files that staff edit.", stability: .stable,
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .documentedLimits: .met,
            .probe: .met, .dataDestinations: .exempt("nothing leaves the machine"), .reconnects: .met,
            .idempotency: .exempt("it only reads"), .receipts: .exempt("it only reads"), .vendorDocument: .exempt("there is no vendor"),
        ])

    private let settings: Settings
    private let context: PluginContext
    private let files: HotelFiles
    private let log: ChangeLog

    public init(settings: Settings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        files = HotelFiles(settings: settings, context: context)
        log = ChangeLog(storage: context.storage)
    }

    public var features: PMSFeatures { PMSFeatures() }

    public func probe() async throws -> ProbeResult {
        // A probe speaks of the files as they are, so it shares nothing with the running instance and reports no health.
        let files = HotelFiles(settings: settings, context: context.silent)
        let data = try await files.current().data
        let problems = await files.problems
        let details = Dictionary(uniqueKeysWithValues: problems.enumerated().map { ("problem \($0.offset + 1)", $0.element) })
        let notice = problems.isEmpty ? "" : ", and \(problems.count == 1 ? "one problem" : "\(problems.count) problems"): \(problems[0])"
        return ProbeResult("read \(data.reservations.count) reservations and \(data.rooms.count) rooms\(notice)", details: details)
    }

    public func start() async throws {
        _ = try await files.current()
        await context.scheduler.every(settings.checkEvery, name: "look at the files") { [files] in _ = try await files.current() }
    }

    public func guests(matching query: PMSGuestQuery, limit: Int) async throws -> [PMSGuest] {
        try await files.current().data.guests(matching: query, limit: limit, countryCode: settings.countryCode)
    }

    public func reservations(matching query: PMSReservationQuery, limit: Int) async throws -> [PMSReservation] {
        try await files.current().data.reservations(matching: query, limit: limit)
    }

    public func rooms() async throws -> [PMSRoom] { try await files.current().data.sortedRooms }

    public func changes(since cursor: String?, limit: Int) async throws -> PMSChanges {
        try await log.changes(since: cursor, limit: limit, reading: files.current())
    }
}

extension SettingConstraint where Value == String? {
    /// One to three digits.
    fileprivate static var countryCode: SettingConstraint {
        SettingConstraint("a country code such as 49", schema: ["pattern": "^[1-9][0-9]{0,2}$"]) { text in
            guard let text, text.wholeMatch(of: /[1-9][0-9]{0,2}/) == nil else { return nil }
            return "“\(text)” is not a country code"
        }
    }
}

extension PluginContext {
    /// The same context, in which nothing is reported.
    fileprivate var silent: PluginContext {
        struct Silence: HealthReporter {
            func degraded(_ why: String) {}
            func recovered() {}
            func credentialsRejected(_ why: String) {}
        }
        return PluginContext(
            instance: instance, property: property, logger: logger, metrics: metrics, clock: clock, http: http, storage: storage, secrets: secrets,
            scheduler: scheduler, inbound: inbound, health: Silence(), files: files)
    }
}
