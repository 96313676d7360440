import ArgumentParser
import Foundation
import PluginAPI

extension PluginsCommand {
    /// `jack plugins new`.
    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a new plugin: its folder, its tests, its registration.",
            discussion: """
                In Jack's own sources (the folder that you are in, or --root) it adds the plugin's folder and its tests, its targets in Package.swift, and its line in
                Sources/Host/JackHost.swift. With --package it writes a package of its own beside Jack, with a program of three lines, or adds to one that it wrote before.
                The result builds and passes its contract at once; what it does not do yet, it says.
                """)

        @Argument(help: "What it is for: channel, ai, pms or alert.") var kind: String
        @Argument(help: "The vendor's name as a Swift type's, such as Carrier.") var name: String
        @Option(help: ArgumentHelp("The folder of Jack's sources.", valueName: "dir"), completion: .directory) var root = "."
        @Option(help: ArgumentHelp("Write a stand-alone package here instead.", valueName: "dir"), completion: .directory) var package: String?
        @Option(help: ArgumentHelp("Where the package finds Jack's sources on this machine.", valueName: "dir"), completion: .directory)
        var jackPath: String?
        @Option(help: ArgumentHelp("The repository from where the package takes Jack.", valueName: "url")) var jackUrl: String?
        @Option(help: "The lowest version of Jack, with --jack-url.") var jackVersion = JackHost.version

        func validate() throws {
            guard ScaffoldKind(rawValue: kind) != nil else {
                throw ValidationError(
                    "“\(kind)” is no kind of plugin: write one of \(ScaffoldKind.allCases.map(\.rawValue).joined(separator: ", ")).")
            }
            if package == nil, jackPath != nil || jackUrl != nil { throw ValidationError("--jack-path and --jack-url go with --package.") }
            if jackPath != nil, jackUrl != nil { throw ValidationError("Give either --jack-path or --jack-url.") }
        }

        func run() throws {
            guard let kind = ScaffoldKind(rawValue: kind) else { return }
            do {
                let scaffold = try Scaffold(kind, name, in: place(), taken: taken(kind))
                try scaffold.write()
                for file in scaffold.files { print("wrote \(file.path.path)") }
                for change in scaffold.changes { print("changed \(change.path.path)") }
                print(
                    package == nil
                        ? "Now: swift build && ./scripts/test --filter \(name). When its settings stand: jack docs"
                        : "Now, in \(package ?? "."): swift build && swift test")
            } catch let error as HostError {
                Terminal.error("jack: \(error)")
                throw ExitCode(1)
            }
        }

        private func place() throws -> Scaffold.Place {
            guard let package else { return .repository(URL(filePath: root).absoluteURL.standardizedFileURL) }
            let folder = URL(filePath: package).absoluteURL.standardizedFileURL
            if let jackUrl { return .package(folder, jack: .url(jackUrl, version: jackVersion)) }
            // A path in a manifest counts from the package.
            if let jackPath { return .package(folder, jack: .path(URL(filePath: jackPath).absoluteURL.standardizedFileURL.path)) }
            if FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path) { return .package(folder, jack: .path("")) }
            throw HostError("say where the package finds Jack: --jack-path with a folder, or --jack-url with a repository")
        }

        private func taken(_ kind: ScaffoldKind) -> Set<String> {
            Set(JackHost.registrations.filter { $0.kind.rawValue == kind.rawValue }.map(\.manifest.id))
        }
    }
}
