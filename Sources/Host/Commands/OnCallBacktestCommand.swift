import ArgumentParser
import Foundation
import Gateway
import Kernel
import OnCall
import PluginAPI

/// `jack oncall backtest`.
struct OnCallBacktestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backtest", abstract: "Play the alerts of the past through a changed plan, and say which pages would differ.",
        discussion: """
            The real engine decides, in virtual time; nothing leaves the machine, and the database is only read, also while Jack runs. The plan of then is the \
            one of Jack's history; with --alerts it is the plan in force now. Answers count as they were given then.

            jack oncall backtest --config new-oncall.yaml --since 30d     a plan in a file of its own
            jack oncall backtest                                         the plan as it stands, before `jack reload`

            Exit status: 0 where every emergency and every critical alert reaches as many people as before, 1 where one does not, or the plan has mistakes.
            """)

    @OptionGroup var plan: PlanOptions
    @Option(help: ArgumentHelp("From when on: a time such as 2026-12-01, or how long ago.", valueName: "30d")) var since = "30d"
    @Option(
        help: ArgumentHelp(
            "Play the alerts of this file, as Alertmanager's `GET /api/v2/alerts` lists them, in place of Jack's own.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var alerts: String?
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let now = Date()
        let options = try newPlan()
        let (loaded, _) = try options.options.load()
        let zone = loaded.configuration.property.timeZone
        let (new, _) = try options.wholePlan(of: loaded)
        let from = try start(now, zone)
        let report: BacktestReport
        if let alerts {
            report = try playFile(alerts, loaded, new, zone)
        } else {
            report = try await playHistory(from, now, loaded, new, zone)
        }
        if json { print(JSONText.pretty(report.json)) } else { report.print(zone: TimeZone(identifier: zone) ?? .gmt) }
        if !report.isSound { throw ExitCode(1) }
    }

    /// Where `--config` names a plan and not a `jack.yaml`, it is the changed plan of the house beside it.
    private func newPlan() throws -> PlanOptions {
        guard plan.plan == nil else { return plan }
        var ignored = Diagnostics()
        let file = plan.options.config, root = HostDocuments().document(file, &ignored)
        guard let keys = root?.entries?.map(\.key), keys.contains(where: Self.planKeys.contains), !keys.contains("property") else { return plan }
        let beside = (file.lastIndex(of: "/").map { String(file[...$0]) } ?? "") + "jack.yaml"
        var options = plan
        options.plan = file
        options.options.config = FileManager.default.fileExists(atPath: beside) ? beside : "config/jack.yaml"
        return options
    }

    private static let planKeys: Set<String> = ["route", "receivers", "people", "policies", "schedules", "escalation"]

    private func start(_ now: Date, _ zone: String) throws -> Date {
        if let ago = Duration(text: since) { return now.addingTimeInterval(-ago.seconds) }
        return try PlanOptions.date(since, in: zone) ?? now
    }

    // MARK: What is played

    private func playHistory(
        _ from: Date, _ now: Date, _ loaded: Configurator.Loaded, _ new: OnCallPlan, _ zone: String
    ) async throws -> BacktestReport {
        struct Kept: Sendable {
            var past: Backtest.Past
            var spans: [(span: OnCallHistory.PlanSpan, archive: [UInt8]?)]
        }
        let history = OnCallHistory(property: loaded.configuration.property.id)
        let kept: Kept?
        do {
            kept = try await PastReading.read(loaded) { reader in
                let occurrences = try history.occurrences(from: from, to: now, reader)
                // What was open at the beginning is played from its own.
                let first = min(from, occurrences.map(\.raisedAt).min() ?? from)
                let spans = try history.plans(reader).filter { ($0.until ?? .distantFuture) > first }
                return Kept(
                    past: Backtest.Past(
                        alerts: occurrences, answers: try history.answers(since: first, reader), silences: try history.silences(since: first, reader)),
                    spans: try spans.map { ($0, try history.archive(of: $0.version, reader)) })
            }
        } catch let error as StorageError {
            Terminal.error("jack: \(error.message)")
            throw ExitCode(2)
        }
        guard let kept else {
            Terminal.error("jack: there is no history yet: no Jack with this program has run on \(loaded.configuration.settings.storage.path)")
            throw ExitCode(2)
        }
        var old: [(since: Date, plan: any OnCallPlanning)] = []
        for (span, archive) in kept.spans {
            guard let plan = archive.flatMap({ try? LoadedPlan.restore(span.version, $0, by: loaded.planReader) }) else {
                Terminal.error(
                    "jack: the plan \(span.version.prefix(8)) of \(span.since.iso8601) cannot be read any more; the one before, or the current one, stands in"
                )
                continue
            }
            old.append((span.since, plan))
        }
        if old.isEmpty { old = [(from, try loaded.onCallSource().plan)] }
        return Backtest(kept.past, old: old, new: new, from: from, to: now, zone: zone).run()
    }

    private func playFile(_ file: String, _ loaded: Configurator.Loaded, _ new: OnCallPlan, _ zone: String) throws -> BacktestReport {
        guard let bytes = FileManager.default.contents(atPath: file) else {
            Terminal.error("jack: \(file) cannot be read")
            throw ExitCode(2)
        }
        let read: (alerts: [AlertmanagerFile.Entry], problems: [String])
        do { read = try AlertmanagerFile.read([UInt8](bytes)) } catch {
            Terminal.error("jack: \(file): \(error)")
            throw ExitCode(2)
        }
        var problems = read.problems
        let occurrences = read.alerts.compactMap { entry -> PastOccurrence? in
            let made = PastOccurrence(entry.alert, overAt: entry.lasts ? nil : entry.alert.endsAt)
            if made == nil { problems.append("an alert without startsAt: \(entry.alert.labels["alertname"] ?? "")") }
            return made
        }.sorted { $0.raisedAt < $1.raisedAt }
        for problem in problems { Terminal.error("jack: \(file): \(Terminal.plain(problem))") }
        guard let first = occurrences.first, let last = occurrences.last else {
            Terminal.error("jack: \(file) holds no alert that can be played")
            throw ExitCode(2)
        }
        // Two hours are watched after the last one, as in a scenario: the levels of most policies have begun by then.
        let end = max(last.raisedAt, occurrences.compactMap(\.overAt).max() ?? last.raisedAt).addingTimeInterval(2 * 3600)
        return Backtest(
            Backtest.Past(alerts: occurrences), old: [(first.raisedAt, try loaded.onCallSource().plan)], new: new, from: first.raisedAt, to: end,
            zone: zone
        ).run()
    }
}
