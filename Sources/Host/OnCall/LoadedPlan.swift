import Foundation
import Kernel
import OnCall
import PluginAPI

/// The hotel's on-call plan as it was loaded, and what is kept of it.
struct LoadedPlan: Sendable {
    var plan: OnCallPlan
    /// The files that it was read from, the first one's first. Variables stand in them unexpanded, so no secret does that the operator did not write down.
    var texts: [Text]

    struct Text: Sendable, Codable {
        var file: String
        var text: String
    }

    init(_ read: PlanReader.Read) {
        plan = read.plan
        texts = read.texts.map { Text(file: $0.file, text: $0.text) }
    }

    /// What the engine keeps, so that what is under way goes on by this plan after a restart.
    func source() throws -> OnCallPlanSource {
        OnCallPlanSource(
            plan: plan, receivers: plan.routing.receivers.map(\.name), text: texts.map(\.text).joined(separator: "\n"),
            archive: [UInt8](try JSONEncoder().encode(texts)))
    }

    /// A plan of an archive, with the variables of today.
    static func restore(_ version: String, _ archive: [UInt8], by reader: PlanReader) throws -> any OnCallPlanning {
        if let house = try? JSONDecoder().decode(HousePlan.self, from: Data(archive)) { return house }
        let texts = try JSONDecoder().decode([Text].self, from: Data(archive))
        guard let first = texts.first else { throw HostError("the archive is empty") }
        var reader = reader, diagnostics = Diagnostics()
        let files = reader.files
        reader.files = ConfigurationFiles { (path, limit) throws(ConfigurationFiles.Problem) in
            if let kept = texts.first(where: { $0.file == path }) { return [UInt8](kept.text.utf8) }
            return try files.read(path, limit)
        }
        guard let read = reader.read(first.file, &diagnostics) else {
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
        self.init(
            sinks: configuration.instances.compactMap { SinkDescription($0, among: configuration.instances) },
            plugins: registrations.compactMap { SinkDescription($0, among: registrations) },
            timezone: configuration.property.timeZone, environment: environment,
            calendars: { source in
                // Calendars behind an address are a running Jack's to fetch.
                guard !source.contains("://") else { return nil }
                return try? ConfigurationFiles.system.read(source.hasPrefix("/") ? source : "\(folder)/\(source)", PlanReader.maximumBytes)
            })
    }
}
