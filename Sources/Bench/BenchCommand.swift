import ArgumentParser
import Foundation

/// `jack-bench`: measures what Jack promises, and starts and ends what it measures itself.
@main
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jack-bench", abstract: "Measure Jack: what it takes in, how soon it answers, how it searches, what it weighs.",
        discussion: """
            Each benchmark starts what it measures, with a temporary database that is removed afterwards. Build a release first: swift build -c release.
            Where other programs use the same cores, repeat a run and take the middle: the load average is printed with every table.
            """,
        subcommands: [
            AllCommand.self, IntakeCommand.self, ChatCommand.self, SearchCommand.self, MemoryCommand.self, AICommand.self, OutboundCommand.self,
            OnCallCommand.self,
        ],
        defaultSubcommand: AllCommand.self)
}

/// What all benchmarks take.
struct BenchOptions: ParsableArguments {
    @Flag(help: "Print JSON in place of tables.") var json = false
    @Flag(help: "End with status 1 where a goal is missed.") var strict = false

    /// Runs benchmarks one after the other and prints what they found.
    func run(_ benchmarks: [(name: String, measure: () async throws -> Table)]) async throws {
        Children.endAtSignals()
        var report = Report(machine: Machine.current)
        for benchmark in benchmarks {
            if !json { Progress.say("measuring: \(benchmark.name)") }
            let table = try await benchmark.measure()
            report.tables.append(table)
            if !json { print(table.text(on: Machine.current) + "\n") }
        }
        if json { print(try report.json()) }
        if strict, !report.met { throw ExitCode(1) }
    }
}

/// Where the configuration is, for what is measured in a Jack of its own.
struct JackOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The configuration of the Jack that is measured.", valueName: "file")) var config = "config/jack.yaml"
    @Option(help: ArgumentHelp("The program; the one beside jack-bench where none is named.", valueName: "file")) var jack: String?
}

struct AllCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "all", abstract: "All benchmarks, one after the other.")
    @OptionGroup var options: BenchOptions
    @OptionGroup var jack: JackOptions
    @Option(help: "How long each stretch of a measurement runs, in seconds.") var seconds = 5.0

    func run() async throws {
        let seconds = seconds, jack = jack
        try await options.run([
            ("intake", { try await IntakeBenchmark(seconds: seconds).run() }),
            ("chat", { try await ChatBenchmark(seconds: seconds, jack: jack).run() }),
            ("search", { try await SearchBenchmark().run() }),
            ("memory", { try await MemoryBenchmark(jack: jack).run() }),
            ("ai", { try await AIBenchmark(seconds: seconds).run() }),
            ("outbound", { try await OutboundBenchmark().run() }),
            ("plan", { try PlanBenchmark().run() }),
            ("on call", { try await OnCallBenchmark(jack: jack).run() }),
        ])
    }
}

struct IntakeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "intake", abstract: "Signed webhooks into the durable inbox, against the same server's bare POST with HMAC.")
    @OptionGroup var options: BenchOptions
    @Option(help: "How long each stretch runs, in seconds.") var seconds = 5.0
    @Option(help: "Connections that are kept open.") var connections = 64
    @Option(help: "How often both routes take their turn.") var rounds = 3

    func run() async throws {
        let benchmark = IntakeBenchmark(seconds: seconds, connections: connections, rounds: rounds)
        try await options.run([("intake", { try await benchmark.run() })])
    }
}

struct ChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat", abstract: "From a guest's message on the chat socket to the stored, delivered answer.")
    @OptionGroup var options: BenchOptions
    @OptionGroup var jack: JackOptions
    @Option(help: "How long each stretch runs, in seconds.") var seconds = 5.0
    @Option(name: .customLong("connections"), parsing: .upToNextOption, help: "Guests that write at the same time.") var connections = [1, 16, 200]

    func run() async throws {
        let benchmark = ChatBenchmark(seconds: seconds, connections: connections, jack: jack)
        try await options.run([("chat", { try await benchmark.run() })])
    }
}

struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Hybrid search by words and meaning, and whether it finds what it should.")
    @OptionGroup var options: BenchOptions
    @Option(name: .customLong("chunks"), parsing: .upToNextOption, help: "Sizes of the collection.") var chunks = [1_000, 100_000]
    @Option(help: "Questions that are timed.") var questions = 400
    @Option(help: "Questions whose hits are compared with those of an exhaustive search.") var compared = 40

    func run() async throws {
        let benchmark = SearchBenchmark(sizes: chunks, questions: questions, compared: compared)
        try await options.run([("search", { try await benchmark.run() })])
    }
}

struct MemoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory", abstract: "The resident size idle and with open chat sockets, and the time to start.")
    @OptionGroup var options: BenchOptions
    @OptionGroup var jack: JackOptions
    @Option(help: "Chat sockets that are opened.") var connections = 1_000
    @Option(help: "How often Jack is started to time it.") var starts = 7

    func run() async throws {
        let benchmark = MemoryBenchmark(connections: connections, starts: starts, jack: jack)
        try await options.run([("memory", { try await benchmark.run() })])
    }
}

struct AICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ai", abstract: "What Jack's way to an AI provider costs beside calling it.")
    @OptionGroup var options: BenchOptions
    @Option(help: "How long the calls at the same time go on, in seconds.") var seconds = 5.0
    @Option(help: "Calls at the same time.") var concurrent = 64

    func run() async throws {
        let benchmark = AIBenchmark(seconds: seconds, concurrent: concurrent)
        try await options.run([("ai", { try await benchmark.run() })])
    }
}

struct OutboundCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbound", abstract: "How fast a full outbox empties into a vendor that takes its time, and what it weighs.")
    @OptionGroup var options: BenchOptions
    @Option(help: "Messages that wait.") var messages = 50_000
    @Option(help: "Messages on their way at the same time, beside what Jack is delivered with.") var most = 64
    @Option(help: "How long the vendor takes, in milliseconds.") var latency = 20

    func run() async throws {
        let benchmark = OutboundBenchmark(messages: messages, latency: latency, most: most)
        try await options.run([("outbound", { try await benchmark.run() })])
    }
}

struct OnCallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oncall", abstract: "Alerts in, first pages out, and what a plan reckons, beside Debian's Alertmanager.")
    @OptionGroup var options: BenchOptions
    @OptionGroup var jack: JackOptions
    @Option(help: "Alerts that are posted, all active at the end.") var alerts = 100_000
    @Option(help: "Connections that are kept open.") var connections = 16
    @Option(help: "How long first pages are measured, in seconds.") var seconds = 10.0
    @Flag(help: "Leave out the servers: only what a plan reckons.") var plan = false

    func run() async throws {
        let benchmark = OnCallBenchmark(alerts: alerts, connections: connections, seconds: seconds, jack: jack), alerts = alerts
        try await options.run(
            [("plan", { try PlanBenchmark(alerts: alerts).run() })] + (plan ? [] : [("on call", { try await benchmark.run() })]))
    }
}
