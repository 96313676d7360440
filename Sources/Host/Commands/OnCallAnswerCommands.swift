import ArgumentParser
import Foundation
import Gateway
import HTTPTypes
import PluginAPI

extension OnCallCommand {
    /// `jack oncall list`.
    struct ListMatters: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List what people are being told of: who knows of it, and what comes next.")
        @OptionGroup var remote: RemoteOptions

        func run() async throws {
            let list = try await remote.client.get("/api/v1/oncall/matters", as: ItemList<API.OnCallMatter>.self)
            if remote.json { return try remote.print(list.items) }
            guard !list.items.isEmpty else { return print("nothing stands open") }
            print(Terminal.table(["MATTER", "SINCE", "SEVERITY", "WHAT", "RECEIVER", "LEVEL", "TOLD", "STATE", "NEXT"], list.items.map(\.row)))
        }
    }

    /// `jack oncall ack`.
    struct Acknowledge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ack", abstract: "Acknowledge a matter: nobody further is paged.", discussion: AnswerOptions.names)
        @OptionGroup var options: AnswerOptions

        func run() async throws { try await options.answer(.acknowledge) }
    }

    /// `jack oncall resolve`.
    struct Resolve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that a matter is over: whoever was paged is told.",
            discussion: "Alerts from outside that go on firing are told again after the route's repeat_interval.\n\n\(AnswerOptions.names)")
        @OptionGroup var options: AnswerOptions

        func run() async throws { try await options.answer(.resolve) }
    }

    /// `jack oncall escalate`.
    struct Escalate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pass a matter on: the next level is paged at once.", discussion: AnswerOptions.names)
        @OptionGroup var options: AnswerOptions

        func run() async throws { try await options.answer(.escalate) }
    }
}

/// An answer from the command line.
struct AnswerOptions: ParsableArguments {
    static let names = """
        It is named by its group key, a page's id or code, an alert's fingerprint or name, as `jack oncall list` and pages show them. What is answered \
        already stays so, and the command says it. Exit status 1 where nothing has that name, or several things have it; those are listed.
        """

    @OptionGroup var remote: RemoteOptions
    @Argument(help: ArgumentHelp("What it is about.", valueName: "key, page, code, fingerprint or alertname")) var name: String
    @Option(help: "Who answers; you where it is left out.") var by: String?
    @Option(help: "What whoever was paged, and the ledger, are told beside it.") var note: String?

    func answer(_ action: PageAcknowledgement.Action) async throws {
        var body: [String: JSONValue] = ["action": .string(action.rawValue), "name": .string(name)]
        if let by { body["by"] = .string(by) }
        if let note { body["note"] = .string(note) }
        let answered = try await remote.client.send(.post, "/api/v1/oncall/answers", .object(body), as: API.OnCallAnswered.self)
        if remote.json { return try remote.print(answered) }
        print([answered.matter, Terminal.plain(answered.message)].compactMap(\.self).joined(separator: ": "))
    }
}

extension API.OnCallMatter {
    /// As the list shows it.
    fileprivate var row: [String] {
        let told = paged.map { $0.state == "told" ? $0.contact : "\($0.contact) (\($0.state))" }
        let state =
            if let closedBy { "closed by \(closedBy)" } else if let acknowledgedBy { "acknowledged by \(acknowledgedBy)" } else { "open" }
        let step = nextStepAt.map { at in
            "\(at.iso8601)" + (next.isEmpty ? "" : ": \(next.joined(separator: ", "))")
        }
        let kind = drill ? "drill" : emergency ? "emergency" : severity
        return [
            id, openedAt.iso8601, kind, Terminal.plain(summary.cut(to: 80)), Terminal.plain(receiver), level == 0 ? "all" : "\(level)",
            Terminal.plain(told.joined(separator: ", ")), Terminal.plain(state), Terminal.plain(step ?? "–"),
        ]
    }
}
