import Foundation
import HTTPTypes
import Kernel
import Logging
import PluginAPI

/// How calendars behind addresses are fetched: `oncall.calendars` in `jack.yaml`.
public struct CalendarFeedSettings: PluginSettings {
    @Setting(help: "How often calendars behind an address are looked at.", .range(.seconds(60)...(.seconds(86_400))))
    public var refresh: Duration = .seconds(900)
    @Setting(help: "How long an answer may take.", .range(.seconds(1)...(.seconds(120)))) public var timeout: Duration = .seconds(20)
    @Setting(help: "After how long without an answer it is an alert; the last good copy counts meanwhile.") public var alertAfter: Duration =
        .seconds(6 * 3600)
    @Setting(help: "Whether an address may be one of a private network where it does not say so itself.") public var allowPrivate: Bool = false

    public init() {}
}

/// Fetches the calendars of a plan, and keeps the last good copy of each.
public struct CalendarFeeds: Sendable {
    /// The most that is read of a calendar.
    public static let maximumBytes = ICalendarReader.maximumBytes
    private static let prefix = "calendar:"

    /// What looking at a calendar came to.
    public enum Outcome: Sendable, Hashable {
        /// There is a new copy.
        case changed
        case unchanged
        /// Why there is none. Never holds the address, which may hold a key.
        case failed(String)
    }

    private let settings: CalendarFeedSettings
    private let cache: CalendarCache
    private let http: @Sendable (_ url: String) -> any HTTPClient
    private let clock: any TimeSource
    private let logger: Logger

    /// - Parameter http: the kernel's client for an address, under the policy for it.
    public init(
        _ settings: CalendarFeedSettings, cache: CalendarCache, http: @escaping @Sendable (_ url: String) -> any HTTPClient, clock: any TimeSource,
        logger: Logger
    ) {
        self.settings = settings
        self.cache = cache
        self.http = http
        self.clock = clock
        self.logger = logger
    }

    /// Looks at one calendar.
    @discardableResult
    public func fetch(_ url: String) async -> Outcome {
        let known = cache.entry(url), now = clock.now
        var entry = known ?? CalendarCache.Entry()
        let outcome: Outcome
        switch await answer(url, entry) {
        case .success(let response?):
            outcome = response.body == entry.body ? .unchanged : .changed
            entry.body = response.body
            entry.etag = response.headers[.eTag]
            entry.lastModified = response.headers[.lastModified]
            (entry.fetchedAt, entry.failingSince) = (now, nil)
        case .success(nil):
            outcome = .unchanged
            entry.failingSince = nil
        case .failure(let problem):
            outcome = .failed(problem.words)
            entry.failingSince = entry.failingSince ?? now
        }
        log(outcome, of: url, wasFailing: known?.failingSince != nil)
        guard entry != known else { return outcome }
        do {
            try cache.keep(entry, of: url)
            return outcome
        } catch {
            return .failed("the copy cannot be kept: \(error)")
        }
    }

    private struct Problem: Error { var words: String }

    /// Nil where the copy that there is still holds.
    private func answer(_ url: String, _ known: CalendarCache.Entry) async -> Result<ClientResponse?, Problem> {
        var headers: HTTPFields = [.userAgent: "Jack", .accept: "text/calendar, */*;q=0.5"]
        if known.body != nil {
            headers[.ifNoneMatch] = known.etag
            headers[.ifModifiedSince] = known.lastModified
        }
        do {
            let response = try await http(url).send(
                ClientRequest(.get, url, headers: headers, timeout: settings.timeout, maximumResponseBytes: Self.maximumBytes))
            if response.status == .notModified, known.body != nil { return .success(nil) }
            if (300..<400).contains(response.status.code) {
                return .failure(Problem(words: "it answers \(response.status.code): write the address to which it has moved"))
            }
            if let failure = response.failure(from: "it", now: clock) { return .failure(Problem(words: failure.message)) }
            // A page that asks for a login is answered with 200 as well; and half a calendar would take people off call.
            guard Self.isWhole(response.body) else { return .failure(Problem(words: "what it answers is no whole calendar")) }
            return .success(response)
        } catch let failure as PluginFailure {
            return .failure(Problem(words: failure.message))
        } catch {
            return .failure(Problem(words: "it could not be asked"))
        }
    }

    private static func isWhole(_ body: [UInt8]) -> Bool {
        let text = String(decoding: body, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines.union(CharacterSet(charactersIn: "\u{FEFF}")))
            .uppercased()
        return text.hasPrefix("BEGIN:VCALENDAR") && text.hasSuffix("END:VCALENDAR")
    }

    private func log(_ outcome: Outcome, of url: String, wasFailing: Bool) {
        let name = Self.shown(url)
        if case .failed(let reason) = outcome {
            if !wasFailing {
                logger.warning("a calendar cannot be fetched; the last good copy counts", metadata: ["calendar": "\(name)", "reason": "\(reason)"])
            }
        } else if wasFailing {
            logger.notice("a calendar is fetched again", metadata: ["calendar": "\(name)"])
        }
    }

    /// Looks at all calendars of a plan, and raises an alert for what could not be fetched for long.
    /// - Returns: true where one of them has changed.
    public func refresh(_ urls: [String], engine: any StorageEngine, alerts: AlertIntake, property: String) async -> Bool {
        var hasChanged = false, problems: [String: String] = [:]
        for url in urls {
            switch await fetch(url) {
            case .changed: hasChanged = true
            case .unchanged: break
            case .failed(let reason): problems[url] = reason
            }
        }
        let now = clock.now, standing = StandingAlerts(intake: alerts, property: property)
        let late = problems.filter { url, _ in
            (cache.entry(url)?.failingSince).map { now.timeIntervalSince($0) >= settings.alertAfter.seconds } ?? false
        }.map { url, reason in alert(url, reason, property, now) }
        do {
            let wanted = Set(problems.keys.map { Self.prefix + CalendarCache.name(of: $0) })
            try await engine.write { transaction in
                for alert in late { try standing.raise(alert, in: transaction) }
                for alert in try standing.all(Self.prefix, in: transaction) where !wanted.contains(alert.fingerprint) {
                    try standing.end(alert.fingerprint, summary: "the calendar is fetched again", at: now, in: transaction)
                }
            }
        } catch {
            logger.error("an alert about calendars cannot be stored", metadata: ["error": "\(error)"])
        }
        return hasChanged
    }

    private func alert(_ url: String, _ reason: String, _ property: String, _ now: Date) -> Alert {
        let entry = cache.entry(url), since = (entry?.failingSince ?? now).iso8601
        let copy = entry?.fetchedAt.map { "the copy of \($0.iso8601) counts" } ?? "it was never fetched, and nobody is on call by it"
        return Alert(
            fingerprint: Self.prefix + CalendarCache.name(of: url), name: "CalendarUnavailable", severity: .error,
            summary: "a calendar of the on-call plan cannot be fetched since \(since): \(copy)", detail: "\(Self.shown(url)): \(reason)",
            labels: [
                "alertname": "CalendarUnavailable", "severity": AlertSeverity.error.rawValue, "type": "calendar", "property": property,
                "calendar": String(CalendarCache.name(of: url).prefix(8)),
            ], startsAt: now)
    }

    /// An address without what may be a key in it.
    static func shown(_ source: String) -> String {
        guard let url = URLComponents(string: source), let scheme = url.scheme, let host = url.host else { return source }
        return "\(scheme)://\(host)/…"
    }
}
