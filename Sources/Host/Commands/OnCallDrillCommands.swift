import ArgumentParser
import Foundation
import Gateway
import HTTPTypes
import PluginAPI

extension OnCallCommand {
    /// `jack oncall drill`.
    struct DrillCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drill", abstract: "Page somebody to see that it works: a page that says it is a drill, and must be acknowledged.",
            discussion: """
                Without a name it goes to whoever an alert would go to that no route expects. Who does not acknowledge in time has missed it, and the drill \
                goes on with the next level. It heeds quiet hours, and counts among no alerts.
                """)
        @OptionGroup var remote: RemoteOptions
        @Option(help: "Page this person.") var person: String?
        @Option(help: "Page whoever is on call by this schedule.") var schedule: String?
        @Option(help: "Page the first level of this receiver.") var receiver: String?
        @Option(help: "How soon it must be acknowledged, 1m to 1h.") var within: String = "5m"
        @Flag(help: "Also page people in their quiet hours.") var atNight = false

        func validate() throws {
            if [person, schedule, receiver].compactMap(\.self).count > 1 {
                throw ValidationError("give one of --person, --schedule and --receiver")
            }
            guard let length = Duration(text: within), length >= .seconds(60), length <= .seconds(3600) else {
                throw ValidationError("--within is 1m to 1h, such as 5m")
            }
        }

        func run() async throws {
            var body: [String: JSONValue] = ["within": .int(Int((Duration(text: within) ?? .seconds(300)).seconds)), "at_night": .bool(atNight)]
            for (key, name) in [("person", person), ("schedule", schedule), ("receiver", receiver)] { if let name { body[key] = .string(name) } }
            let begun = try await remote.client.send(.post, "/api/v1/oncall/drills", .object(body), as: API.DrillBegun.self)
            if remote.json { return try remote.print(begun) }
            guard let matter = begun.matter else {
                Terminal.error("jack: nobody could be paged for the drill of \(begun.subject)")
                throw ExitCode(1)
            }
            let told = matter.paged.filter { $0.state != "failed" }.map(\.contact)
            let next =
                matter.nextStepAt.map { "; next at \($0.iso8601): \(matter.next.isEmpty ? "its end" : matter.next.joined(separator: ", "))" } ?? ""
            print(
                Terminal.plain("drill of \(begun.subject): \(told.isEmpty ? "nobody is paged yet" : "paged \(told.joined(separator: ", "))")\(next)"))
            print("acknowledge it as any page, or with: jack oncall ack \(matter.id)")
        }
    }

    /// `jack oncall drills`.
    struct DrillReportCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drills", abstract: "Report a month's drills: who was drilled, by which contact, and how soon it was acknowledged.",
            discussion: "Also lists the contacts of the plan by which no drill was ever acknowledged: nobody knows whether they work.")
        @OptionGroup var remote: RemoteOptions
        @Option(help: ArgumentHelp("The month; this one where it is left out.", valueName: "2026-11")) var month: String?

        func validate() throws {
            if let month, month.wholeMatch(of: /\d{4}-(0[1-9]|1[0-2])/) == nil { throw ValidationError("--month is a month such as 2026-11") }
        }

        func run() async throws {
            let report = try await remote.client.get(
                "/api/v1/oncall/drills" + (month.map { "?month=\(RemoteClient.escaped($0))" } ?? ""), as: API.DrillReport.self)
            if remote.json { return try remote.print(report) }
            if report.drills.isEmpty {
                print("no drill in \(report.month)")
            } else {
                print(Terminal.table(["BEGAN", "DRILL", "BY", "CONTACT", "LEVEL", "CAME OF IT"], report.drills.flatMap(\.rows)))
            }
            guard !report.unproven.isEmpty else { return }
            print("never proven by a drill:")
            for way in report.unproven { print(Terminal.plain("  \(way.person): \(way.contact) through \(way.instance)")) }
        }
    }
}

extension API.DrillReport.Drill {
    /// A line for each page, or one that says that there was none.
    fileprivate var rows: [[String]] {
        let head = [beganAt.iso8601, Terminal.plain(subject), Terminal.plain(orderedBy)]
        guard !pages.isEmpty else { return [head + ["nobody", "–", outcome == "open" ? "waits" : outcome]] }
        return pages.enumerated().map { index, page in
            let last = index == pages.count - 1
            var what = page.failure.map { "failed: \($0)" } ?? (page.missed ? "missed" : "")
            if last, page.failure == nil, !page.missed {
                let after = acknowledgedAfter.map { " after \(Duration.seconds(Int($0)).text)" } ?? ""
                what = acknowledgedBy.map { "acknowledged by \($0)\(after)" + (way.map { ", \($0)" } ?? "") } ?? outcome
            }
            if page.proven { what += ", proven" }
            let lead = index == 0 ? head : ["", "", ""]
            return lead + [Terminal.plain(page.contact), "\(page.level)", Terminal.plain(what.cut(to: 160))]
        }
    }
}
