import ArgumentParser
import Gateway
import HTTPTypes
import Kernel
import OnCall
import PluginAPI

/// `jack maintenance`.
struct MaintenanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintenance", abstract: "Say that work is done: mute its alerts, and turn guests away if you like.",
        subcommands: [Status.self, Begin.self, End.self], defaultSubcommand: Status.self)

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say what is worked on now, and what comes next.")
        @OptionGroup var remote: RemoteOptions

        func run() async throws {
            let status = try await remote.client.get("/api/v1/maintenance", as: API.MaintenanceStatus.self)
            if remote.json { return try remote.print(status) }
            if status.windows.isEmpty { print("no maintenance") }
            status.windows.forEach(MaintenanceCommand.show)
            if let name = status.nextName, let at = status.nextAt { print("next: \(name) at \(at.iso8601)") }
        }
    }

    struct Begin: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begin a window.",
            discussion: """
                Alerts that have all the labels page nobody until its end, and are said to be muted; emergencies pass. At the end Jack looks whether all is well.

                jack maintenance begin --for 30m --match service=database --refuse-requests --comment "new disks"
                """)
        @OptionGroup var remote: RemoteOptions
        @Option(name: .customLong("for"), help: ArgumentHelp("How long.", valueName: "30m")) var length: String
        @Option(
            name: .customLong("match"), parsing: .singleValue,
            help: ArgumentHelp("A label of what is worked on. May be repeated: all must fit.", valueName: "label=value"))
        var matchers: [String] = []
        @Option(help: "What is done, for people.") var comment: String?
        @Flag(help: "Answer guests' new requests with 503, and tell them when to come back.") var refuseRequests = false

        func run() async throws {
            guard let duration = Duration(text: length), duration >= .seconds(1) else {
                throw ValidationError("“\(Terminal.plain(length))” is no length of time; write for example 30m")
            }
            var parsed: [JSONValue] = []
            for text in matchers {
                do {
                    for matcher in try LabelMatcher.parse(text) { parsed.append(.string(matcher.description)) }
                } catch { throw ValidationError("“\(Terminal.plain(text))” is no label: \(error)") }
            }
            var body: [String: JSONValue] = [
                "seconds": .int(Int(duration.seconds)), "matchers": .array(parsed), "refuse_requests": .bool(refuseRequests),
            ]
            if let comment { body["comment"] = .string(comment) }
            let window = try await remote.client.send(.post, "/api/v1/maintenance/begin", .object(body), as: API.MaintenanceWindow.self)
            if remote.json { return try remote.print(window) }
            MaintenanceCommand.show(window)
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End what is under way, where all is well.",
            discussion: "Exit status: 0 where it is over, 1 where something is not well and it goes on.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "One window's id; all where it is left out.") var id: String?
        @Flag(help: "End it whatever is not well.") var force = false

        func run() async throws {
            var body: [String: JSONValue] = ["force": .bool(force)]
            if let id { body["id"] = .string(id) }
            let status = try await remote.client.send(.post, "/api/v1/maintenance/end", .object(body), as: API.MaintenanceStatus.self)
            if remote.json { try remote.print(status) } else { status.windows.forEach(MaintenanceCommand.show) }
            if status.windows.contains(where: { $0.state != "over" }) { throw ExitCode(1) }
        }
    }

    private static func show(_ window: API.MaintenanceWindow) {
        print(
            "\(window.id) \(Terminal.plain(window.name)) is \(window.state), until \((window.endedAt ?? window.endsAt).iso8601): \(Terminal.plain(window.comment))"
        )
        if !window.matchers.isEmpty { print("  mutes \(Terminal.plain(window.matchers.joined(separator: ", ")))") }
        if window.refusesRequests { print("  guests' new requests are refused") }
        if !window.findings.isEmpty { print("  not well: \(window.findings.joined(separator: ", "))") }
        if let recovery = window.recovery { print("  recovery: \(Terminal.plain(recovery))") }
    }
}
