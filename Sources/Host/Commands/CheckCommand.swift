import ArgumentParser
import Butler
import Foundation
import Kernel
import Logging
import PluginAPI

/// `jack check`.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check the configuration and every file that it names.",
        discussion: """
            Prints each mistake as file:line:column: error: message, all of them in one run. Reaches nobody, unless --probe is given.
            Exit status: 0 where it is sound, 1 where something is wrong, 2 where it cannot be checked.
            """)

    @OptionGroup var options: ConfigurationOptions
    @Argument(
        help: ArgumentHelp("The files to check, each by itself, in place of --config.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var files: [String] = []
    @Flag(help: "Also ask each plugin whether its vendor can be reached and takes the credentials. Nothing is changed there.")
    var probe = false
    @Flag(help: "Print JSON.")
    var json = false

    /// What became of one file.
    private struct Outcome {
        var loaded: Configurator.Loaded?
        var diagnostics: Diagnostics
        var probes: [ProbeLine]
        var isSound: Bool { loaded != nil && probes.allSatisfy(\.isWell) }
    }

    func run() async throws {
        var outcomes: [Outcome] = []
        for file in files.isEmpty ? [options.config] : files {
            do {
                let outcome = try await check(file)
                outcomes.append(outcome)
                if !json { show(outcome) }
            } catch {
                Terminal.error("jack: \(error)")
                throw ExitCode(2)
            }
        }
        let isSound = outcomes.allSatisfy(\.isSound)
        if json {
            let object: JSONValue = [
                "sound": .bool(isSound), "diagnostics": .array(outcomes.flatMap { $0.diagnostics.json.arrayValue ?? [] }),
                "probes": .array(outcomes.flatMap { $0.probes.map(\.json) }),
            ]
            print(JSONText.pretty(object))
        }
        guard isSound else { throw ExitCode(1) }
    }

    private func check(_ file: String) async throws -> Outcome {
        let (loaded, diagnostics) = try options.configurator(file: file).load(makingSecrets: false, checkingKnowledge: true)
        var outcome = Outcome(loaded: loaded, diagnostics: diagnostics, probes: [])
        if probe, let loaded {
            let house = try await ProbeHouse(loaded)
            outcome.probes = await house.probe()
            await house.close()
        }
        return outcome
    }

    private func show(_ outcome: Outcome) {
        for diagnostic in outcome.diagnostics.sorted { print(diagnostic) }
        for line in outcome.probes { print(line.text) }
        guard let loaded = outcome.loaded, outcome.isSound else { return }
        let warnings = outcome.diagnostics.all.count { $0.severity == .warning }
        print(
            "\(loaded.configuration.file): sound: \(loaded.configuration.instances.count) instances, \(loaded.catalogs.intents.intents.count) intents, "
                + "\(loaded.catalogs.safety.safety.count) safety rules, \(warnings) warnings")
    }
}

/// What a probe of one instance came to.
struct ProbeLine: Sendable {
    var instance: String
    var isWell: Bool
    var summary: String

    var text: String { "\(instance): \(isWell ? "ok" : "error"): \(summary)" }
    var json: JSONValue { ["instance": .string(instance), "ok": .bool(isWell), "summary": .string(summary)] }
}

extension ProbeHouse {
    /// Probes every instance, without starting any.
    func probe() async -> [ProbeLine] {
        await withTaskGroup(of: (Int, ProbeLine).self) { tasks in
            for (index, supervisor) in supervisors.enumerated() {
                tasks.addTask {
                    do {
                        return (index, ProbeLine(instance: supervisor.spec.name, isWell: true, summary: try await supervisor.probe().summary))
                    } catch {
                        return (index, ProbeLine(instance: supervisor.spec.name, isWell: false, summary: ServeCommand.words(error)))
                    }
                }
            }
            return await tasks.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}
