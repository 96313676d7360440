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
    @Argument(help: ArgumentHelp("The file to check, in place of --config.", valueName: "file"), completion: .file(extensions: ["yaml", "yml"]))
    var file: String?
    @Flag(help: "Also ask each plugin whether its vendor can be reached and takes the credentials. Nothing is changed there.")
    var probe = false
    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let loaded: Configurator.Loaded?, diagnostics: Diagnostics
        do {
            (loaded, diagnostics) = try options.configurator(file: file ?? options.config).load(makingSecrets: false, checkingKnowledge: true)
        } catch {
            Terminal.error("jack: \(error)")
            throw ExitCode(2)
        }
        var probes: [ProbeLine] = []
        if probe, let loaded {
            let house = try await ProbeHouse(loaded)
            probes = await house.probe()
            await house.close()
        }
        let isSound = loaded != nil && probes.allSatisfy(\.isWell)
        if json {
            let object: JSONValue = [
                "sound": .bool(isSound), "diagnostics": diagnostics.json, "probes": .array(probes.map(\.json)),
            ]
            print(JSONText.pretty(object))
        } else {
            for diagnostic in diagnostics.sorted { print(diagnostic) }
            for line in probes { print(line.text) }
            if let loaded, isSound {
                let warnings = diagnostics.all.count { $0.severity == .warning }
                print(
                    "\(loaded.configuration.file): sound: \(loaded.configuration.instances.count) instances, \(loaded.catalogs.intents.intents.count) intents, "
                        + "\(loaded.catalogs.safety.safety.count) safety rules, \(warnings) warnings")
            }
        }
        guard isSound else { throw ExitCode(1) }
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
