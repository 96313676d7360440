import ArgumentParser
import Foundation
import Gateway
import HTTPTypes
import Kernel
import PluginAPI

/// `jack guests`.
struct GuestsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guests", abstract: "List the guests that Jack knows, and erase one.", subcommands: [List.self, Erase.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List guests.")
        @OptionGroup var remote: RemoteOptions
        @Option(help: "Only those with this in their name, e-mail address or telephone number.") var search: String?

        func run() async throws {
            let page = try await remote.client.list("/api/v1/guests", [("search", search)], of: API.Guest.self, whole: remote.json)
            if remote.json { return try remote.print(page.items) }
            guard !page.items.isEmpty else { return print("no guests") }
            print(
                Terminal.table(
                    ["ID", "NAME", "E-MAIL", "TELEPHONE", "ADDRESSES"],
                    page.items.map {
                        [$0.id, $0.name, $0.email ?? "", $0.phone ?? "", $0.addresses.joined(separator: ", ")].map(Terminal.plain)
                    }))
            if page.nextCursor != nil { print("… and more") }
        }
    }

    struct Erase: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete all conversations of a guest, and what Jack keeps of the guest, for good.",
            discussion: """
                All of it or nothing: where one conversation is still open, none is deleted. What the PMS knows of the guest stays in the PMS, and Jack learns it
                again when the guest next writes. Nothing brings them back but a backup: think of your backups too.
                """)
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The guest's id.") var id: String

        func run() async throws { try await remote.erase("/api/v1/guests/\(RemoteClient.escaped(id))", "the guest \(id)") }
    }
}

extension RemoteOptions {
    /// Has something deleted, and says what went.
    func erase(_ path: String, _ what: String) async throws {
        let erasure = try await client.send(.delete, path, nil, as: API.Erasure.self)
        if json { return try print(erasure) }
        Swift.print(
            "\(what) is deleted: \(erasure.conversations) conversations, \(erasure.messages) messages, \(erasure.attachments) files; "
                + "\(erasure.tasksEmptied) tasks stay without the guest's words")
    }
}
