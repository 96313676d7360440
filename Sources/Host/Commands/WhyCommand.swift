import ArgumentParser
import Foundation
import Gateway
import Kernel
import PluginAPI

/// `jack why`.
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Say what happened to a message or an alert, step by step, and by which rule.",
        discussion: """
            Of a message: what it was taken for, and why it was answered so. Of an alert or a page: when it was raised, which line sent it where, what held it \
            back, who was paged through what, what failed, who answered by what way, and when it was over. By an alertname it is the alert of that name that was \
            raised last. Where no Jack runs, its database is asked. Exit status: 1 where nothing is known of it.
            """)
    @OptionGroup var remote: RemoteOptions
    @Argument(help: "The id of a message or of a page, an alert's fingerprint or alertname, or a group key.") var subject: String

    func run() async throws {
        let entries = try await entries()
        if remote.json { return try remote.print(entries) }
        for entry in entries {
            print("\(entry.at.iso8601)  \(Terminal.plain(entry.step)): \(Terminal.plain(entry.outcome))")
            print("    \(Terminal.plain(entry.reason))")
            if let rule = entry.rule { print("    by \(Terminal.plain(rule))") }
        }
    }

    private func entries() async throws -> [API.LedgerEntry] {
        let storage = try remote.options.connection().storage
        if remote.url == nil, storage.persist, ProcessMark(database: storage.path).read() == nil { return try await stored() }
        let escaped = RemoteClient.escaped(subject)
        return try await remote.client.get("/api/v1/why?of=\(escaped)", as: ItemList<API.LedgerEntry>.self).items
    }

    /// What a Jack that does not run has left.
    private func stored() async throws -> [API.LedgerEntry] {
        let (loaded, _) = try remote.options.load()
        let why = WhyReader(loaded)
        do {
            let entries = try await PastReading.read(loaded) { [subject] in try why.entries(of: subject, at: Date(), $0) }
            guard let entries, !entries.isEmpty else {
                Terminal.error("jack: “\(Terminal.plain(subject))” in the ledger was not found\(entries == nil ? ": there is no database yet" : "")")
                throw ExitCode(1)
            }
            return entries.map(API.LedgerEntry.init)
        } catch let error as StorageError {
            Terminal.error("jack: \(error.message)")
            throw ExitCode(2)
        }
    }
}
