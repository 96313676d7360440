import Foundation
import Kernel
import OnCall
import PluginAPI

/// The hotel's on-call plan as it was loaded, and what is kept of it.
struct LoadedPlan: Sendable {
    var plan: OnCallPlan
    /// The files that it was read from, the first one's first, and then the calendars. Variables stand in them unexpanded, so no secret does that the operator did
    /// not write down.
    var texts: [Text]
    /// The calendars behind addresses that it names.
    var feeds: [String]

    /// Begins the name under which a calendar stands among the texts; a digest follows, for an address may hold a key.
    private static let calendar = "calendar:"

    struct Text: Sendable, Codable {
        var file: String
        var text: String
    }

    init(_ read: PlanReader.Read) {
        plan = read.plan
        texts =
            read.texts.map { Text(file: $0.file, text: $0.text) }
            + read.calendars.compactMap { source, bytes in
                bytes.map { Text(file: Self.calendar + CalendarCache.name(of: source), text: String(decoding: $0, as: UTF8.self)) }
            }
        feeds = read.calendars.map(\.source).filter(CalendarCache.isAddress)
    }

    /// The same plan by what its calendars say now.
    /// - Returns: nil where it is not sound so; the diagnostics say why.
    func reread(by reader: PlanReader, diagnostics: inout Diagnostics) -> LoadedPlan? {
        Self.reader(texts, reader).read(texts.first?.file ?? "", &diagnostics).map(LoadedPlan.init)
    }

    /// A reader of these texts, where there are any, in place of the files.
    private static func reader(_ texts: [Text], _ reader: PlanReader) -> PlanReader {
        var kept = reader
        kept.files = ConfigurationFiles { (path, limit) throws(ConfigurationFiles.Problem) in
            if let text = texts.first(where: { $0.file == path }) { return [UInt8](text.text.utf8) }
            return try reader.files.read(path, limit)
        }
        return kept
    }

    /// What the engine keeps, so that what is under way goes on by this plan after a restart.
    func source() throws -> OnCallPlanSource {
        OnCallPlanSource(
            plan: plan, receivers: plan.routing.receivers.map(\.name),
            text: texts.filter { !$0.file.hasPrefix(Self.calendar) }.map(\.text).joined(separator: "\n"),
            archive: [UInt8](try JSONEncoder().encode(texts)))
    }

    /// A plan of an archive, with the variables of today.
    static func restore(_ version: String, _ archive: [UInt8], by reader: PlanReader) throws -> any OnCallPlanning {
        if let house = try? JSONDecoder().decode(HousePlan.self, from: Data(archive)) { return house }
        let texts = try JSONDecoder().decode([Text].self, from: Data(archive))
        guard let first = texts.first else { throw HostError("the archive is empty") }
        var diagnostics = Diagnostics()
        let today = reader.calendars
        var kept = Self.reader(texts, reader)
        kept.calendars = { source in
            let name = calendar + CalendarCache.name(of: source)
            return texts.first { $0.file == name }.map { [UInt8]($0.text.utf8) } ?? today(source)
        }
        guard let read = kept.read(first.file, &diagnostics) else {
            throw HostError(diagnostics.sorted.first { $0.severity == .error }?.description ?? "it cannot be read")
        }
        return OnCallPlan(version: version, routing: read.plan.routing, roster: read.plan.roster)
    }
}

extension Configurator.Loaded {
    /// What on call goes by: the plan, or without one what `oncall.notify` and `oncall.severity` say.
    func onCallSource() throws -> OnCallPlanSource {
        if let plan { return try plan.source() }
        let house = HousePlan(
            onCall, sinks: configuration.instances.filter { $0.kind == .alert }.map(\.name), mark: configuration.nearestMark(of: "oncall.notify"))
        return OnCallPlanSource(
            plan: house, receivers: [HousePlan.receiver], text: HousePlan.text, archive: [UInt8](try JSONEncoder().encode(house)))
    }
}

extension PlanReader {
    /// A reader for the plan of a configuration.
    init(_ configuration: LoadedConfiguration, registrations: [PluginRegistration], environment: [String: String]) {
        let folder = configuration.directory.isEmpty ? "." : configuration.directory
        let cache = CalendarCache(configuration)
        self.init(
            sinks: configuration.instances.compactMap { SinkDescription($0, among: configuration.instances) },
            plugins: registrations.compactMap { SinkDescription($0, among: registrations) },
            timezone: configuration.property.timeZone, environment: environment,
            calendars: { source in
                // Calendars behind an address are a running Jack's to fetch.
                if CalendarCache.isAddress(source) { return cache.entry(source)?.body }
                return try? ConfigurationFiles.system.read(source.hasPrefix("/") ? source : "\(folder)/\(source)", PlanReader.maximumBytes)
            })
    }
}

extension CalendarCache {
    /// Where a configuration keeps copies of calendars: beside its database.
    init(_ configuration: LoadedConfiguration) {
        let storage = configuration.settings.storage
        self.init(folder: storage.persist ? URL(filePath: storage.path).deletingLastPathComponent().appending(path: "calendars").path : nil)
    }
}
