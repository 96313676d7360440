import ArgumentParser
import Gateway
import HTTPTypes
import Kernel
import PluginAPI

/// `jack letters`.
struct LettersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "letters", abstract: "List what could not be dealt with or delivered; have it done again, or drop it.",
        subcommands: [List.self, Retry.self, Drop.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List dead letters, the latest at the top.")
        @OptionGroup var remote: RemoteOptions
        @OptionGroup var choice: LetterChoice

        func run() async throws {
            let page = try await choice.page(remote, whole: remote.json)
            if remote.json { return try remote.print(page.items) }
            guard !page.items.isEmpty else { return print("no dead letters") }
            print(
                Terminal.table(
                    ["ID", "BOX", "INSTANCE", "KIND", "STATE", "SINCE", "TRIES", "WHOM", "WHY"],
                    page.items.map {
                        [
                            $0.id, $0.box, $0.instance, $0.kind, $0.state, $0.diedAt.iso8601, "\($0.attempts)", Terminal.plain($0.peer ?? ""),
                            Terminal.plain($0.reason),
                        ]
                    }))
            if page.nextCursor != nil { print("… and more") }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have dead letters dealt with or sent anew.",
            discussion: "Each has all the time that something new has. What was meant to be sent hours ago is sent now: look at it first.")
        @OptionGroup var remote: RemoteOptions
        @OptionGroup var choice: LetterChoice
        @Argument(help: "The letters' ids.") var ids: [String] = []
        @Flag(help: "All that the options choose, as after an outage; pages, which on call has dealt with, are left.") var all = false

        func validate() throws { try choice.validate(ids, all) }

        func run() async throws {
            for id in try await choice.ids(ids, all, remote, leavingPages: true) {
                let letter = try await remote.client.send(
                    .post, "/api/v1/dead-letters/\(RemoteClient.escaped(id))/retry", [:], as: API.DeadLetter.self)
                print("\(letter.id) is done again")
            }
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put dead letters away for good.")
        @OptionGroup var remote: RemoteOptions
        @OptionGroup var choice: LetterChoice
        @Argument(help: "The letters' ids.") var ids: [String] = []
        @Flag(help: "All that the options choose.") var all = false
        @Option(help: "Why, for whoever looks later.") var reason: String?

        func validate() throws { try choice.validate(ids, all) }

        func run() async throws {
            for id in try await choice.ids(ids, all, remote, leavingPages: false) {
                let letter = try await remote.client.send(
                    .post, "/api/v1/dead-letters/\(RemoteClient.escaped(id))/drop", ["reason": reason.map { .string($0) } ?? .null],
                    as: API.DeadLetter.self)
                print("\(letter.id) is dropped")
            }
        }
    }
}

/// Which letters are meant.
struct LetterChoice: ParsableArguments {
    enum Box: String, ExpressibleByArgument, CaseIterable { case inbox, outbox, job }

    @Option(help: "Only this box: inbox (what arrived), outbox (what was to leave) or job.") var box: Box?
    @Option(help: "Only this instance.") var instance: String?

    func validate(_ ids: [String], _ all: Bool) throws {
        guard ids.isEmpty == all else { throw ValidationError(all ? "Name letters or say --all, not both." : "Name letters, or say --all.") }
        guard all || (box == nil && instance == nil) else { throw ValidationError("--box and --instance choose among all: say --all.") }
    }

    func page(_ remote: RemoteOptions, whole: Bool) async throws -> API.Page<API.DeadLetter> {
        try await remote.client.list(
            "/api/v1/dead-letters", [("box", box?.rawValue), ("instance", instance)], of: API.DeadLetter.self, whole: whole)
    }

    /// The ids that were named, or all that are chosen. Read whole before the first is touched: each that is goes from the list.
    func ids(_ named: [String], _ all: Bool, _ remote: RemoteOptions, leavingPages: Bool) async throws -> [String] {
        guard all else { return named }
        // In their own order, the oldest first.
        return try await page(remote, whole: true).items.reversed().filter { !leavingPages || $0.kind != "page" }.map(\.id)
    }
}
