import ArgumentParser
import Foundation

/// `jack docs`.
struct DocsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "docs", abstract: "Write the reference pages of this program's plugins.",
        discussion: "One Markdown page for each kind and each plugin, made from manifests and settings. Pages of plugins that are gone are removed.")

    @Option(help: ArgumentHelp("Where to write them.", valueName: "dir"), completion: .directory) var output = "docs/reference"
    @Flag(help: "Write nothing; end with status 1 where a page is not as it would be written.") var check = false

    func run() throws {
        let folder = URL(filePath: output), pages = ReferencePages(registrations: JackHost.registrations).pages
        let manager = FileManager.default
        let there = (try? manager.contentsOfDirectory(atPath: folder.path))?.filter { $0.hasSuffix(".md") } ?? []
        let gone = there.filter { pages[$0] == nil }.sorted()
        let stale = pages.filter { (try? String(contentsOf: folder.appending(path: $0.key), encoding: .utf8)) != $0.value }.map(\.key).sorted()
        if check {
            for name in stale { print("\(name) is not up to date") }
            for name in gone { print("\(name) belongs to no plugin") }
            if !stale.isEmpty || !gone.isEmpty { throw ExitCode(1) }
            return
        }
        do {
            try manager.createDirectory(at: folder, withIntermediateDirectories: true)
            for name in stale { try Data((pages[name] ?? "").utf8).write(to: folder.appending(path: name), options: .atomic) }
            for name in gone { try manager.removeItem(at: folder.appending(path: name)) }
        } catch {
            Terminal.error("jack: \(output) cannot be written: \(error.localizedDescription)")
            throw ExitCode(2)
        }
        print("\(pages.count) pages in \(output), \(stale.count) written, \(gone.count) removed")
    }
}
