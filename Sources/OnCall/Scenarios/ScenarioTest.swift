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
        /// What happened, in order and in words: what guests' words became, alerts, and every page.
        public var story: [String]
        /// How many pages left.
        public var pages: Int
    }

    /// Makes the house around a scenario: all that guests write in it, and when it begins.
    public typealias MakeHouse = @Sendable (_ guests: [ScenarioGuest], _ begin: Date) async throws -> any ScenarioHouse

    public let file: String
    /// The plan's file, where the scenarios name one; relative to theirs.
    public let plan: String?
    /// Whether guests write in any of them: then ``run(_:timezone:house:)`` needs a house.
    public var hasGuests: Bool { scenarios.contains { !$0.settings.guests.items.isEmpty } }
    private let scenarios: [(settings: ScenarioSettings, mark: SourceMark)]

    /// Reads a file of scenarios; nil where there is an error. A file without any scenario is one: it would pass and say nothing.
    public init?(file: String, _ document: ConfigNode, _ diagnostics: inout Diagnostics) {
        guard let read = ScenarioFile.decode(document, &diagnostics) else { return nil }
        guard !read.scenarios.items.isEmpty else {
            diagnostics.error(.missing, "there is no scenario", remedy: "add one under scenarios:", at: document.mark)
            return nil
        }
        for item in read.scenarios.items { Self.check(item, &diagnostics) }
        guard !diagnostics.hasErrors else { return nil }
        self.file = file
        plan = read.plan
        scenarios = read.scenarios.items.map { ($0.value, $0.mark) }
    }

    private static func check(_ item: Marked<ScenarioSettings>, _ diagnostics: inout Diagnostics) {
        let scenario = item.value
        if scenario.alerts.items.isEmpty, scenario.guests.items.isEmpty {
            diagnostics.error(
                .missing, "nothing happens in this scenario", remedy: "add what a guest writes under guests:, or an alert under alerts:",
                at: item.mark)
        }
        let guests = Set(scenario.guests.items.map(\.value.key))
        for staff in scenario.staff.items {
            if let guest = staff.value.guest, !guests.contains(guest) {
                diagnostics.error(
                    .unknownReference, "no guest of this scenario is “\(guest.clipped)”", remedy: Suggestion.mend(for: guest, among: guests.sorted()),
                    at: staff.mark)
            } else if staff.value.guest == nil, guests.count != 1 {
                diagnostics.error(
                    .missing, "which guest this is about is not said", remedy: "add guest: with the room or the name of one of them", at: staff.mark)
            }
        }
        for outage in scenario.broken.items {
            if let until = outage.value.until, until <= outage.value.from {
                diagnostics.error(
                    .invalidValue, "\(outage.value.instance.clipped) is back before it is broken", remedy: "let until: come after from:",
                    at: outage.mark)
            }
        }
        for page in scenario.expect.items {
            switch (page.value.to, page.value.nobody) {
            case (nil, false), (.some, true):
                diagnostics.error(.missing, "an expectation names a person, or nobody", remedy: "write to:, or nobody: true", at: page.mark)
            case (.some, false) where page.value.by == nil:
                diagnostics.error(.missing, "by when is not said", remedy: "add by:, such as by: 5m", at: page.mark)
            default: break
            }
        }
    }

    /// Plays all scenarios, one after the other.
    /// - Parameters:
    ///   - timezone: in which `at` is written.
    ///   - house: what makes the house around a scenario in which guests write.
    /// - Throws: what the house throws.
    public func run(_ plan: any OnCallPlanning, timezone: String, house: MakeHouse? = nil) async throws -> [Outcome] {
        let zone = ZoneClock(timezone) ?? .utc
        var outcomes: [Outcome] = []
        for (settings, mark) in scenarios {
            let begin = Date(timeIntervalSince1970: TimeInterval(settings.at.value.start(in: zone)))
            let guests = settings.guests.items.map(\.value)
            let around = guests.isEmpty ? nil : try await house?(guests, begin)
            var run = ScenarioRun(settings, plan: plan, begin: begin, house: around)
            let result: Result<[String], any Error>
            do { result = .success(try await run.play()) } catch { result = .failure(error) }
            await around?.close()
            outcomes.append(
                Outcome(name: settings.name, mark: mark, findings: try result.get(), story: run.story, pages: run.pages.count))
        }
        return outcomes
    }
}
