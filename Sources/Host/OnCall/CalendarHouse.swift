import Foundation
import Kernel
import Logging
import OnCall
import PluginAPI
import Synchronization

extension CalendarFeeds {
    /// The fetcher of a configuration.
    init(_ loaded: OnCallSettings, cache: CalendarCache, http: CurlEngine, clock: any TimeSource, logger: Logger) {
        let settings = loaded.calendars
        self.init(
            settings, cache: cache,
            http: { CurlHTTPClient(engine: http, policy: OutboundPolicy(toReach: $0, allowsPrivate: settings.allowPrivate)) }, clock: clock,
            logger: logger)
    }
}

extension Configurator {
    /// Fetches the plan's calendars of which there is no copy yet, so that a plan that needs them can be loaded. What cannot be fetched is said when the plan is read.
    func fetchCalendars() async {
        guard let configuration = loadedQuietly() else { return }
        let settings = configuration.section(OnCallSettings.self), cache = CalendarCache(configuration)
        guard let file = settings.file else { return }
        let asked = Mutex<[String]>([])
        var reader = PlanReader(configuration, registrations: registrations, environment: environment), diagnostics = Diagnostics()
        let known = reader.calendars
        reader.calendars = { source in
            asked.withLock { $0.append(source) }
            return known(source)
        }
        _ = reader.read(file.hasPrefix("/") ? file : "\(configuration.directory)/\(file)", &diagnostics)
        let missing = Set(asked.withLock { $0 }).filter { CalendarCache.isAddress($0) && cache.entry($0)?.body == nil }.sorted()
        guard !missing.isEmpty, let http = try? CurlEngine() else { return }
        let feeds = CalendarFeeds(settings, cache: cache, http: http, clock: SystemTime(), logger: ScenarioHotel.quiet)
        await withTaskGroup(of: Void.self) { tasks in
            for url in missing { tasks.addTask { _ = await feeds.fetch(url) } }
        }
        await http.shutdown()
    }
}

extension JackApplication {
    /// Looks at the plan's calendars, and goes by what they say from now on. What is under way keeps the plan with which it began.
    func refreshCalendars() async {
        let loaded = loaded, parts = kernel.parts
        guard let plan = loaded.plan, !plan.feeds.isEmpty else { return }
        let feeds = CalendarFeeds(
            loaded.onCall, cache: CalendarCache(loaded.configuration), http: http, clock: parts.clock, logger: parts.logger)
        _ = await feeds.refresh(plan.feeds, engine: parts.engine, alerts: kernel.alerts, property: parts.property.id)
        await goByCalendars(plan, loaded.planReader)
    }

    private func goByCalendars(_ plan: LoadedPlan, _ reader: PlanReader) async {
        var diagnostics = Diagnostics()
        let next = plan.reread(by: reader, diagnostics: &diagnostics)
        await tell(next == nil ? diagnostics.sorted.first { $0.severity == .error }?.description ?? "it cannot be read" : nil)
        guard let next else { return }
        guard next.plan.version != plan.plan.version else { return }
        do {
            let source = try next.source()
            try await kernel.parts.engine.write { [onCall] in try onCall.expect(source.plan, in: $0) }
            // A reload that came in between has read the calendars itself.
            guard replace(plan, by: next) else { return }
            await onCall.take(source)
            // One that came just now has the last word.
            let last = try self.loaded.onCallSource()
            if last.plan.version != source.plan.version { await onCall.take(last) }
            kernel.parts.logger.notice("a calendar has changed: the on-call plan is another", metadata: ["plan": "\(next.plan.version)"])
        } catch {
            kernel.parts.logger.error("the plan with its new calendars cannot be taken up", metadata: ["error": "\(error)"])
        }
    }

    /// That a calendar would make the plan unsound is an alert: the plan stays as it was meanwhile.
    private func tell(_ problem: String?) async {
        let parts = kernel.parts, now = parts.clock.now, fingerprint = "calendars:unsound"
        let standing = StandingAlerts(intake: kernel.alerts, property: parts.property.id)
        do {
            try await parts.engine.write { transaction in
                guard let problem else {
                    try standing.end(fingerprint, summary: "the plan is sound with its calendars again", at: now, in: transaction)
                    return
                }
                let isNew = try standing.raise(
                    Alert(
                        fingerprint: fingerprint, name: "CalendarUnsound", severity: .error,
                        summary: "the on-call plan is not sound with its calendars as they are now, and stays as it was", detail: problem,
                        labels: [
                            "alertname": "CalendarUnsound", "severity": AlertSeverity.error.rawValue, "type": "calendar",
                            "property": parts.property.id,
                        ], startsAt: now), in: transaction)
                guard isNew else { return }
                parts.logger.error(
                    "the plan is not sound with its calendars as they are now; it stays as it was", metadata: ["problem": "\(problem)"])
            }
        } catch {
            parts.logger.error("an alert about calendars cannot be stored", metadata: ["error": "\(error)"])
        }
    }
}
