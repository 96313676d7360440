import Foundation
import Kernel
import PluginAPI

/// Scenarios in the hotel's YAML, and what came of each: `jack oncall test`.
public struct ScenarioTest: Sendable {
    /// What came of one scenario.
    public struct Outcome: Sendable, Hashable {
        public var name: String
        public var mark: SourceMark
        /// What is not as it should be; none where it passed.
        public var findings: [String]
        /// What left, in order, in words.
        public var pages: [String]
    }

    public let file: String
    /// The plan's file, where the scenarios name one; relative to theirs.
    public let plan: String?
    private let scenarios: [(settings: ScenarioSettings, mark: SourceMark)]

    /// Reads a file of scenarios; nil where there is an error. A file without any scenario is one: it would pass and say nothing.
    public init?(file: String, _ document: ConfigNode, _ diagnostics: inout Diagnostics) {
        guard let read = ScenarioFile.decode(document, &diagnostics) else { return nil }
        guard !read.scenarios.items.isEmpty else {
            diagnostics.error(.missing, "there is no scenario", remedy: "add one under scenarios:", at: document.mark)
            return nil
        }
        for item in read.scenarios.items where item.value.alerts.items.isEmpty {
            diagnostics.error(.missing, "nothing happens in this scenario", remedy: "add an alert under alerts:", at: item.mark)
        }
        guard !diagnostics.hasErrors else { return nil }
        self.file = file
        plan = read.plan
        scenarios = read.scenarios.items.map { ($0.value, $0.mark) }
    }

    /// Plays all scenarios.
    /// - Parameter timezone: in which `at` is written.
    public func run(_ plan: any OnCallPlanning, timezone: String) -> [Outcome] {
        let zone = ZoneClock(timezone) ?? .utc
        return scenarios.map { settings, mark in
            let begin = Date(timeIntervalSince1970: TimeInterval(settings.at.value.start(in: zone)))
            var run = ScenarioRun(settings, plan: plan, begin: begin)
            let findings = run.play()
            let pages = run.pages.map { page in
                let seconds = Int(page.at.timeIntervalSince(begin).rounded())
                return "+\(seconds / 60)m\(seconds % 60)s \(page.person ?? page.contact) through \(page.instance): \(page.reason)"
            }
            return Outcome(name: settings.name, mark: mark, findings: findings, pages: pages)
        }
    }
}
