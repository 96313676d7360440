import ArgumentParser
import Foundation
import Kernel
import OnCall
import PluginAPI

/// `jack oncall`.
struct OnCallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oncall", abstract: "Say who is on call, prove that somebody always is, and answer pages.",
        subcommands: [
            Who.self, CoverageReport.self, OnCallTestCommand.self, OnCallBacktestCommand.self, ListMatters.self, Acknowledge.self, Resolve.self,
            Escalate.self, DrillCommand.self,
            DrillReportCommand.self,
        ])

    /// `jack oncall who`.
    struct Who: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say who is on call now, or at another time, by which rule, and until when.",
            discussion: "Exit status: 0 where every schedule has somebody, 1 where one has nobody, or something is wrong with the plan.")
        @OptionGroup var plan: PlanOptions
        @Option(
            help: ArgumentHelp(
                "When, in the schedule's own time, or in UTC with a Z at the end; now where it is left out.", valueName: "2026-12-24T02:10"))
        var at: String?
        @Argument(help: "Schedules; all of them where none is named.") var schedules: [String] = []
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let (roster, diagnostics) = try plan.roster()
            for name in schedules where !roster.scheduleNames.contains(name) {
                let remedy = Suggestion.remedy(for: name, among: roster.scheduleNames).map { "; \($0)" } ?? ""
                Terminal.error("jack: there is no schedule “\(Terminal.plain(name))”\(remedy)")
                throw ExitCode(1)
            }
            let names = schedules.isEmpty ? roster.scheduleNames : schedules
            let turns = try names.compactMap { name in
                roster.whoIsOnCall(in: name, at: try PlanOptions.date(at, in: roster.timezone(of: name)) ?? Date())
            }
            if json {
                print(JSONText.pretty(.array(turns.map(\.json))))
            } else if turns.isEmpty {
                print("the plan has no schedule")
            } else {
                let rows = turns.flatMap { turn -> [[String]] in
                    let until = turn.until.map { roster.wall($0, of: turn.schedule) } ?? "–"
                    guard !turn.people.isEmpty else { return [[turn.schedule, "nobody", until, "a gap", "\(turn.mark)"]] }
                    return turn.people.map { [turn.schedule, Terminal.plain($0.name), until, Terminal.plain($0.reason), "\($0.mark)"] }
                }
                print(Terminal.table(["SCHEDULE", "ON CALL", "UNTIL", "BY", "RULE"], rows))
            }
            guard !diagnostics.hasErrors, turns.allSatisfy({ !$0.people.isEmpty }) else { throw ExitCode(1) }
        }
    }

    /// `jack oncall coverage`.
    struct CoverageReport: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "coverage",
            abstract: "Prove, for each route and severity, that a person is paged within the promised time at every moment.",
            discussion: """
                Computed from the moments at which anything changes, not sampled: group_wait, times in which routes are muted, quiet hours, hand-overs and \
                absences. Lists what is missing with the lines that cause it, and the days on which the clock is put forward or back. Exit status: 0 where \
                nothing is missing, 1 where something is.
                """)
        @OptionGroup var plan: PlanOptions
        @Option(help: ArgumentHelp("The first day; today where it is left out.", valueName: "2026-01-01")) var from: String?
        @Option(help: ArgumentHelp("The day that ends it; a year later where it is left out.", valueName: "2027-01-01")) var to: String?
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let (plan, diagnostics) = try self.plan.draft()
            let start = try PlanOptions.date(from, in: nil) ?? Date(), end = try PlanOptions.date(to, in: nil) ?? start + 366 * 86400
            guard start < end, end.timeIntervalSince(start) <= 10 * 366 * 86400 else {
                Terminal.error("jack: --to must be later than --from, by ten years at most")
                throw ExitCode(64)
            }
            let coverage = plan.coverage(from: start, to: end)
            if json {
                print(JSONText.pretty(coverage.json))
            } else {
                coverage.print()
            }
            for gap in plan.roster.scheduleGaps(from: start, to: end) { Terminal.error(gap.description) }
            guard !diagnostics.hasErrors, coverage.isSound else { throw ExitCode(1) }
        }
    }
}

/// How commands find the on-call plan.
struct PlanOptions: ParsableArguments {
    @OptionGroup var options: ConfigurationOptions
    @Option(
        help: ArgumentHelp("The on-call plan; oncall.yaml beside the configuration where it is left out.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var plan: String?

    /// Which file it is, the reader for it, and the hotel's time zone. A plan that the configuration does not go by is tried as if every alert plugin were
    /// configured, under its own name.
    func reader() throws -> (file: String, reader: PlanReader, zone: String) { reader(try options.load().loaded) }

    private func reader(_ loaded: Configurator.Loaded) -> (file: String, reader: PlanReader, zone: String) {
        let folder = loaded.configuration.directory.isEmpty ? "." : loaded.configuration.directory
        let named = loaded.onCall.file.map { $0.hasPrefix("/") ? $0 : "\(folder)/\($0)" }
        var reader = loaded.planReader
        if named == nil || (plan != nil && plan != named) {
            reader.sinks += reader.plugins.filter { plugin in !reader.sinks.contains { $0.plugin == plugin.plugin } }
        }
        return (plan ?? named ?? "\(folder)/oncall.yaml", reader, loaded.configuration.property.timeZone)
    }

    /// The whole plan and the hotel's time zone; or its mistakes on standard error and exit status 1.
    func wholePlan() throws -> (OnCallPlan, zone: String) { try wholePlan(of: options.load().loaded) }

    /// The same, where the configuration is read already.
    func wholePlan(of loaded: Configurator.Loaded) throws -> (OnCallPlan, zone: String) {
        let (file, reader, zone) = reader(loaded)
        var diagnostics = Diagnostics()
        let read = reader.read(file, &diagnostics)
        for diagnostic in diagnostics.sorted where diagnostic.severity != .note { Terminal.error(diagnostic.description) }
        guard let read else { throw ExitCode(1) }
        return (read.plan, zone)
    }

    /// The plan as far as it goes; its diagnostics go to standard error. Exit status 1 where nobody can say where alerts go.
    func draft() throws -> (plan: OnCallPlan, diagnostics: Diagnostics) {
        let (file, reader, _) = try reader()
        var diagnostics = Diagnostics()
        let read = reader.draft(file, &diagnostics)
        for diagnostic in diagnostics.sorted where diagnostic.severity != .note { Terminal.error(diagnostic.description) }
        guard let read else { throw ExitCode(1) }
        return (read.plan, diagnostics)
    }

    /// The plan's people and schedules; its diagnostics go to standard error. An answer is given also where something is wrong: it may be just what is sought.
    func roster() throws -> (roster: Roster, diagnostics: Diagnostics) {
        let (file, reader, _) = try reader()
        var diagnostics = Diagnostics()
        guard let roster = reader.roster(file, &diagnostics) else {
            for diagnostic in diagnostics.sorted { Terminal.error(diagnostic.description) }
            throw ExitCode(1)
        }
        for diagnostic in diagnostics.sorted { Terminal.error(diagnostic.description) }
        return (roster, diagnostics)
    }

    /// A time of a zone, or of UTC; nil for none.
    static func date(_ text: String?, in zone: String?) throws -> Date? {
        guard let text else { return nil }
        guard let date = Roster.date(text, in: zone ?? "UTC") else {
            Terminal.error("jack: “\(Terminal.plain(text))” is not a time; write for example 2026-12-24T02:10 or 2026-12-24T02:10Z")
            throw ExitCode(64)
        }
        return date
    }
}

extension Roster.OnCallTurn {
    fileprivate var json: JSONValue {
        let people: [JSONValue] = people.map {
            ["id": .string($0.id), "name": .string($0.name), "reason": .string($0.reason), "place": .string("\($0.mark)")]
        }
        let until: JSONValue = until.map { .string($0.formatted(.iso8601)) } ?? .null
        return ["schedule": .string(schedule), "until": until, "place": .string("\(mark)"), "people": .array(people)]
    }
}
