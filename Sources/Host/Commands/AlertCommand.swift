import ArgumentParser
import Foundation
import Gateway
import HTTPTypes
import Kernel
import PluginAPI

/// `jack alert`.
struct AlertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alert", abstract: "Raise an alert, or end one.", subcommands: [Send.self], defaultSubcommand: Send.self)

    struct Send: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hand an alert to a running Jack.",
            discussion: """
                It is stored before the command ends, and goes its way as any other alert. The same name and labels are the same alert: send it again with \
                --resolved to end it.

                jack alert send --name BackupFailed --severity error --summary "no backup since Monday" job=backup
                """)
        @OptionGroup var remote: RemoteOptions
        @Option(help: "What it is: the label alertname.") var name: String
        @Option(help: "info, warning, error or critical.") var severity: AlertSeverity = .warning
        @Option(help: "One line: what a person woken at night must read first.") var summary: String?
        @Option(name: .customLong("annotation"), help: ArgumentHelp("What people read beside it.", valueName: "name=value"))
        var annotations: [String] = []
        @Flag(help: "It is over.") var resolved = false
        @Argument(help: ArgumentHelp("What routing decides by.", valueName: "label=value")) var labels: [String] = []

        func validate() throws {
            for pair in labels + annotations where Self.split(pair) == nil {
                throw ValidationError("“\(pair)” is no name=value")
            }
            let names = labels.compactMap { Self.split($0)?.name }
            if let twice = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
                throw ValidationError("“\(twice)” is given twice")
            }
        }

        func run() async throws {
            let taken = try await remote.client.send(.post, "/api/v1/alerts", body, as: AlertCommand.AlertTaken.self)
            if remote.json { return try remote.print(taken) }
            let shown = taken.labels.sorted { $0.key < $1.key }.map { "\(Terminal.plain($0.key))=\(Terminal.plain($0.value))" }
            print("\(resolved ? "ended" : "raised") \(shown.joined(separator: " "))")
        }

        /// What is sent.
        var body: JSONValue {
            func members(_ pairs: [String]) -> JSONValue {
                .object(Dictionary(pairs.compactMap { Self.split($0).map { ($0.name, .string($0.value)) } }) { _, last in last })
            }
            var body: [String: JSONValue] = ["name": .string(name), "severity": .string(severity.rawValue), "resolved": .bool(resolved)]
            if let summary { body["summary"] = .string(summary) }
            if !labels.isEmpty { body["labels"] = members(labels) }
            if !annotations.isEmpty { body["annotations"] = members(annotations) }
            return .object(body)
        }

        static func split(_ pair: String) -> (name: String, value: String)? {
            guard let mark = pair.firstIndex(of: "="), mark > pair.startIndex else { return nil }
            return (String(pair[..<mark]), String(pair[pair.index(after: mark)...]))
        }
    }

    struct AlertTaken: Codable {
        var accepted: Bool
        var labels: [String: String]
    }
}

extension AlertSeverity: ExpressibleByArgument {}
