import ArgumentParser
import Foundation
import OnCall
import PluginAPI

/// `jack route`.
struct RouteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "route", abstract: "Say where alerts go.",
        discussion: "The plan may be an oncall.yaml or an alertmanager.yml; both decide as Alertmanager does.",
        subcommands: [RouteTestCommand.self, RouteExplainCommand.self, RouteShowCommand.self])
}

/// Which plan a command reads.
struct RoutePlanOptions: ParsableArguments {
    @Option(
        name: [.customLong("config.file"), .customLong("config"), .customShort("c")],
        help: ArgumentHelp("The plan: an oncall.yaml or an alertmanager.yml.", valueName: "file"), completion: .file(extensions: ["yaml", "yml"]))
    var plan = "config/oncall.yaml"

    /// The plan's routing; or its mistakes on standard error and exit status 1, 2 where it cannot be read at all.
    func routing() throws -> Routing {
        let (routing, diagnostics) = RoutingFile(environment: ProcessInfo.processInfo.environment).read(plan)
        if let routing { return routing }
        for diagnostic in diagnostics.sorted where diagnostic.severity != .note { Terminal.error(diagnostic.description) }
        throw ExitCode(diagnostics.all.contains { $0.code == .unreadable } ? 2 : 1)
    }
}

/// `jack route test`.
struct RouteTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Say which receivers an alert with these labels comes to.",
        discussion: """
            Takes the arguments of `amtool config routes test` and prints the same line: the receivers in the tree's order, joined by commas.
            Exit status: 1 where they are not those of --verify.receivers, or where the plan has mistakes.
            """)

    @OptionGroup var options: RoutePlanOptions
    @Option(name: .customLong("verify.receivers"), help: ArgumentHelp("The receivers that are expected.", valueName: "a,b")) var expected: String?
    @Flag(help: "Draw the places of the tree that the alert comes by.") var tree = false
    @Option(
        help: ArgumentHelp(
            "Also say which of them tell nobody at this time, of this machine's time zone where it names none.", valueName: "2026-12-24T02:10"))
    var at: MomentArgument?
    @Argument(help: ArgumentHelp("The alert's labels.", valueName: "name=value")) var labels: [String] = []

    func run() throws {
        var set: [String: String] = [:]
        for text in labels {
            do {
                let (name, value) = try LabelMatcher.parseLabel(text)
                set[name] = value
            } catch {
                throw ValidationError("“\(Terminal.plain(text))” is no label: \(error)")
            }
        }
        let routing = try options.routing(), routes = routing.routes(for: set)
        if tree { print("Matching routes:\n\(routing.drawing(for: set))\n\n") }
        let receivers = routes.map(\.receiver).joined(separator: ",")
        print(receivers)
        if let at {
            for route in routes {
                switch routing.verdict(on: route, at: at.date) {
                case .open: continue
                case .muted(let interval, let mark): print("\(route.receiver): muted at \(at.text) by “\(interval)” (\(mark))")
                case .inactive(let intervals, let mark):
                    print("\(route.receiver): not active at \(at.text), outside of \(intervals.map { "“\($0)”" }.joined(separator: ", ")) (\(mark))")
                }
            }
        }
        if let expected, !expected.isEmpty, expected != receivers {
            print("WARNING: Expected receivers did not match resolved receivers.")
            throw ExitCode(1)
        }
    }
}

/// `jack route show`.
struct RouteShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Draw the routing tree.")

    @OptionGroup var options: RoutePlanOptions

    func run() throws { print("Routing tree:\n\(try options.routing().drawing)\n") }
}

/// A moment on the command line: `2026-12-24T02:10`, with seconds and `Z` or an offset where wanted.
struct MomentArgument: ExpressibleByArgument {
    var text: String
    var date: Date

    init?(argument: String) {
        text = argument
        let written = argument.replacing(" ", with: "T")
        for format in ["yyyy-MM-dd'T'HH:mm:ssXXXXX", "yyyy-MM-dd'T'HH:mmXXXXX", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd"] {
            let formatter = DateFormatter()
            formatter.locale = Locale(identifier: "en_US_POSIX")
            formatter.timeZone = .current
            formatter.isLenient = false
            formatter.dateFormat = format
            if let date = formatter.date(from: written) {
                self.date = date
                return
            }
        }
        return nil
    }
}
