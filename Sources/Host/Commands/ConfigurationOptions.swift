import ArgumentParser
import Foundation
import Kernel
import PluginAPI

/// How every command finds its configuration.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: [.short, .long], help: ArgumentHelp("The configuration file.", valueName: "file"), completion: .file(extensions: ["yaml", "yml"]))
    var config = "config/jack.yaml"

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Set a value over the file and the environment, such as server.port=8080. May be repeated.", valueName: "path=value"))
    var assignments: [String] = []

    @Option(help: ArgumentHelp("A file of NAME=value lines; the process's own environment wins over it.", valueName: "file"), completion: .file())
    var envFile: String?

    var configurator: Configurator {
        get throws { try configurator(file: config) }
    }

    func configurator(file: String) throws -> Configurator {
        var environment = ProcessInfo.processInfo.environment
        if let envFile {
            guard let text = try? String(contentsOfFile: envFile, encoding: .utf8) else { throw HostError("\(envFile) cannot be read") }
            environment = EnvironmentFile.parse(text).merging(environment) { $1 }
        }
        return Configurator(file: file, assignments: assignments, environment: environment, registrations: JackHost.registrations)
    }

    /// How a running Jack is reached; or what is wrong with the configuration, as ``load(makingSecrets:)`` says it.
    func connection() throws -> KernelSettings {
        if let settings = try? configurator.connection() { return settings }
        return try load().loaded.configuration.settings
    }

    /// The configuration; or the diagnostics on standard error and exit status 1, or why it cannot be read at all and exit status 2.
    func load(makingSecrets: Bool = false) throws -> (loaded: Configurator.Loaded, configurator: Configurator) {
        let configurator: Configurator, loaded: Configurator.Loaded?, diagnostics: Diagnostics
        do {
            configurator = try self.configurator
            (loaded, diagnostics) = try configurator.load(makingSecrets: makingSecrets)
        } catch let error as HostError {
            Terminal.error("jack: \(error)")
            throw ExitCode(2)
        }
        for diagnostic in diagnostics.sorted { Terminal.error(diagnostic.description) }
        guard let loaded else { throw ExitCode(1) }
        return (loaded, configurator)
    }
}

/// What commands print.
enum Terminal {
    static func error(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    /// Rows in columns.
    static func table(_ header: [String], _ rows: [[String]]) -> String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            row.enumerated().map { $0 == row.count - 1 ? $1 : $1.padding(toLength: widths[$0], withPad: " ", startingAt: 0) }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    /// Text of others as one line without control characters: a guest must not steer the operator's terminal.
    static func plain(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? " " : $0 }))
    }
}
