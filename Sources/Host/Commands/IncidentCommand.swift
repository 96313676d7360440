import ArgumentParser
import Foundation
import Gateway
import HTTPTypes
import Kernel
import OnCall
import PluginAPI

/// `jack incident`.
struct IncidentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incident", abstract: "Open incidents, work on them, and write their post-mortems.",
        subcommands: [
            List.self, Show.self, Open.self, Take.self, Step.self, Note.self, Status.self, Resolve.self, Close.self, WritePostmortem.self,
        ], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List incidents, the latest at the top.")
        @OptionGroup var remote: RemoteOptions
        @Flag(help: "Closed ones too.") var all = false

        func run() async throws {
            let list = try await remote.client.get("/api/v1/incidents?limit=100\(all ? "" : "&state=open")", as: ItemList<API.Incident>.self)
            if remote.json { return try remote.print(list.items) }
            guard !list.items.isEmpty else { return print("no incidents") }
            print(
                Terminal.table(
                    ["ID", "PRIORITY", "STATE", "COMMANDER", "OPENED", "LATE", "TITLE"],
                    list.items.map {
                        [
                            $0.id, $0.priority, $0.state, Terminal.plain($0.commander ?? ""), $0.openedAt.iso8601, $0.late.joined(separator: ", "),
                            Terminal.plain($0.title),
                        ]
                    }))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show an incident: its playbook, what is late, and who did what when.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The incident's id.") var id: String

        func run() async throws {
            let incident = try await remote.client.get("/api/v1/incidents/\(RemoteClient.escaped(id))", as: API.Incident.self)
            if remote.json { return try remote.print(incident) }
            print("\(incident.priority) \(Terminal.plain(incident.title)): \(incident.state)")
            print("commander: \(Terminal.plain(incident.commander ?? "nobody")); respond by \(incident.respondBy.iso8601)")
            if let text = incident.publicStatus { print("public status: \(Terminal.plain(text))") }
            if let due = incident.postmortemDueAt { print("post-mortem due \(due.iso8601)") }
            for step in incident.steps {
                let due = step.dueAt.map { step.state == "current" ? ", due \($0.iso8601)" : "" } ?? ""
                let by = step.doneBy.map { ", by \(Terminal.plain($0))" } ?? ""
                print("\(step.state.padding(toLength: 9, withPad: " ", startingAt: 0)) \(step.name)\(due)\(by)\(step.late ? ", late" : "")")
                if step.state == "current" { for action in step.actions { print("            - \(Terminal.plain(action))") } }
            }
            for event in incident.timeline ?? [] {
                print(
                    "\(event.at.iso8601)  \(event.isPublic ? "public " : "")\(event.kind)  \(Terminal.plain(event.by)): \(Terminal.plain(event.text))"
                )
            }
        }
    }

    struct Open: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open an incident; its playbook's clock begins.",
            discussion: #"jack incident open --priority P1 --title "No hot water in the house""#)
        @OptionGroup var remote: RemoteOptions
        @Option(help: "P1, P2, P3 or P4.") var priority: IncidentPriority
        @Option(help: "What is wrong, in a few words that may be read by everybody.") var title: String
        @Option(help: ArgumentHelp("What it is about: the group key that a page carries.", valueName: "group-key")) var alert: String?

        func run() async throws {
            var body: [String: JSONValue] = ["priority": .string(priority.rawValue), "title": .string(title)]
            if let alert { body["alert"] = .string(alert) }
            let incident = try await remote.client.send(.post, "/api/v1/incidents", .object(body), as: API.Incident.self)
            if remote.json { return try remote.print(incident) }
            print("\(incident.id) is \(incident.state); respond by \(incident.respondBy.iso8601)")
        }
    }

    struct Take: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lead an incident: you are its commander, and it is acknowledged.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The incident's id.") var id: String
        func run() async throws { try await IncidentCommand.change(id, ["action": "take"], remote) }
    }

    struct Step: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say that a step of the playbook is done.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The incident's id.") var id: String
        @Argument(help: "The step's name.") var name: String
        func run() async throws { try await IncidentCommand.change(id, ["action": "step", "step": .string(name)], remote) }
    }

    struct Note: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write a note for the house.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The incident's id.") var id: String
        @Argument(help: "What to write.") var text: String
        func run() async throws { try await IncidentCommand.change(id, ["action": "note", "text": .string(text)], remote) }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write a status note that the public may read.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The incident's id.") var id: String
        @Argument(help: "What to write.") var text: String
        func run() async throws { try await IncidentCommand.change(id, ["action": "status", "text": .string(text)], remote) }
    }

    struct Resolve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say that it is over; it is watched for a while.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The incident's id.") var id: String
        func run() async throws { try await IncidentCommand.change(id, ["action": "resolve"], remote) }
    }

    struct Close: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Close a resolved incident, with its post-mortem where one is asked for.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The incident's id.") var id: String
        @Option(help: ArgumentHelp("The completed post-mortem.", valueName: "file"), completion: .file(extensions: ["md"])) var postmortem: String?

        func run() async throws {
            var body: [String: JSONValue] = ["action": "close"]
            if let postmortem {
                guard let text = try? String(contentsOfFile: postmortem, encoding: .utf8) else {
                    Terminal.error("jack: \(postmortem) cannot be read")
                    throw ExitCode(2)
                }
                body["postmortem"] = .string(text)
            }
            try await IncidentCommand.change(id, .object(body), remote)
        }
    }

    struct WritePostmortem: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "postmortem", abstract: "Write the post-mortem that is made of the timeline, for people to complete.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The incident's id.") var id: String
        @Option(name: .shortAndLong, help: ArgumentHelp("The file to write; standard output where it is left out.", valueName: "file"))
        var output: String?

        func run() async throws {
            let document = try await remote.client.get("/api/v1/incidents/\(RemoteClient.escaped(id))/postmortem", as: API.Postmortem.self)
            if remote.json { return try remote.print(document) }
            guard let output else { return print(document.markdown, terminator: "") }
            guard !FileManager.default.fileExists(atPath: output) else {
                Terminal.error("jack: \(output) is there already")
                throw ExitCode(2)
            }
            do { try Data(document.markdown.utf8).write(to: URL(fileURLWithPath: output)) } catch {
                Terminal.error("jack: \(output) cannot be written: \(error.localizedDescription)")
                throw ExitCode(2)
            }
        }
    }

    private static func change(_ id: String, _ body: JSONValue, _ remote: RemoteOptions) async throws {
        let incident = try await remote.client.send(.patch, "/api/v1/incidents/\(RemoteClient.escaped(id))", body, as: API.Incident.self)
        if remote.json { return try remote.print(incident) }
        let next = incident.steps.first { $0.state == "current" }.map { step in
            "; next: \(step.name)" + (step.dueAt.map { " by \($0.iso8601)" } ?? "")
        }
        print("\(incident.id) is \(incident.state)\(next ?? "")")
    }
}

extension IncidentPriority: ExpressibleByArgument {}
