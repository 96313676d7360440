import ArgumentParser
import Foundation
import Gateway
import HTTPTypes
import Kernel
import PluginAPI

/// `jack reload`.
struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Have a running Jack read its configuration again.",
        discussion:
            "What changed is prepared and started before it takes over from the old; where anything fails, everything stays as it was. What did not change is not touched."
    )
    @OptionGroup var remote: RemoteOptions
    @Flag(help: "Only say what would change.") var dryRun = false

    func run() async throws {
        let report = try await remote.client.send(.post, "/api/v1/admin/reload", ["dry_run": .bool(dryRun)], as: API.ReloadReport.self)
        if remote.json { return try remote.print(report) }
        report.diagnostics.forEach { Terminal.error($0) }
        report.changes.forEach { print($0) }
        if report.changes.isEmpty, dryRun || report.applied { print("nothing changes") }
        guard report.applied || dryRun && !report.diagnostics.contains(where: { $0.contains(": error: ") }) else {
            Terminal.error("jack: the configuration was refused; everything stays as it was")
            throw ExitCode(1)
        }
    }
}

/// `jack stop`.
struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop a running Jack gracefully, and wait until it has.",
        discussion: "Finds the process by the file beside the database and sends SIGTERM; without such a file it asks through the API.")
    @OptionGroup var remote: RemoteOptions
    @Option(help: "How many seconds to wait.") var timeout: Int = 60

    private struct Accepted: Decodable { var accepted: Bool }

    func run() async throws {
        let storage = try remote.options.connection().storage
        guard remote.url == nil, let process = ProcessMark(database: storage.persist ? storage.path : nil).read(), kill(process, 0) == 0 else {
            _ = try await remote.client.send(.post, "/api/v1/admin/stop", [:], as: Accepted.self)
            return print("asked to stop")
        }
        guard kill(process, SIGTERM) == 0 else {
            Terminal.error("jack: process \(process) cannot be stopped: \(String(cString: strerror(errno)))")
            throw ExitCode(2)
        }
        for _ in 0..<(timeout * 10) {
            if kill(process, 0) != 0 { return print("stopped") }
            try await Task.sleep(for: .milliseconds(100))
        }
        Terminal.error("jack: process \(process) has not stopped within \(timeout) s")
        throw ExitCode(1)
    }
}

/// `jack db`.
struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db", abstract: "Look after the database.", subcommands: [Status.self, Migrate.self, Check.self], defaultSubcommand: Status.self)

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say which steps of the schema are applied.")
        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            // A database of a newer Jack is not refused here: what it has is what is asked for.
            try await withEngine(options, access: .readOnly, migrations: []) { engine, path in
                let status = try await engine.migrationStatus(JackApplication.migrations)
                print("\(path): \(try await engine.size()) bytes")
                for name in status.applied { print("applied  \(name)") }
                for name in status.pending { print("pending  \(name)") }
                for name in status.unknown { print("unknown  \(name): made by a newer program") }
            }
        }
    }

    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Apply the steps of the schema that are pending.")
        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            try await withEngine(options, access: .readWrite) { engine, path in
                let applied = try await engine.migrate(JackApplication.migrations)
                for name in applied { print("applied  \(name)") }
                if applied.isEmpty { print("\(path): up to date") }
            }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Look for damage. Exit status 1 where there is any.")
        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            try await withEngine(options, access: .readOnly) { engine, path in
                let problems = try await engine.check()
                problems.forEach { print($0) }
                guard problems.isEmpty else { throw ExitCode(1) }
                print("\(path): sound")
            }
        }
    }

    private static func withEngine(
        _ options: ConfigurationOptions, access: SQLiteEngine.Options.Access, migrations: [Migration] = JackApplication.migrations,
        _ body: (SQLiteEngine, String) async throws -> Void
    ) async throws {
        let (loaded, _) = try options.load()
        let storage = loaded.configuration.settings.storage
        guard storage.persist else {
            Terminal.error("jack: storage.persist is false: there is no database file")
            throw ExitCode(2)
        }
        do {
            let engine = try await SQLiteEngine.open(path: storage.path, options: .init(access: access, migrations: migrations))
            try await body(engine, storage.path)
            await engine.close()
        } catch let error as StorageError {
            Terminal.error("jack: \(error.message)")
            throw ExitCode(error.code == .corrupt ? 1 : 2)
        }
    }
}
