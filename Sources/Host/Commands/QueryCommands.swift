import ArgumentParser
import Gateway
import HTTPTypes
import Kernel
import PluginAPI

/// `jack tasks`.
struct TasksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tasks", abstract: "List tasks, and move them on.", subcommands: [List.self, Move.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List tasks, what is due first at the top.")
        @OptionGroup var remote: RemoteOptions
        @Option(help: "Only this department.") var department: String?
        @Option(help: "Only this status: open, claimed, in_progress, done or cancelled.") var status: String?

        func run() async throws {
            let page = try await remote.client.list(
                "/api/v1/tasks", [("department", department), ("status", status)], of: API.HotelTask.self, whole: remote.json)
            if remote.json { return try remote.print(page.items) }
            guard !page.items.isEmpty else { return print("no tasks") }
            print(
                Terminal.table(
                    ["ID", "DUE", "DEPARTMENT", "ROOM", "PRIORITY", "STATUS", "WHO", "WHAT"],
                    page.items.map { task in
                        [
                            task.id, task.dueAt?.iso8601 ?? "", task.department, task.room ?? "", task.priority, task.status, task.assignedTo ?? "",
                            Terminal.plain(task.description.isEmpty ? task.summary : task.description),
                        ]
                    }))
            if page.nextCursor != nil { print("… and more") }
        }
    }

    struct Move: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Claim, start, complete or cancel a task.")
        enum Action: String, ExpressibleByArgument, CaseIterable { case claim, start, complete, cancel }

        @OptionGroup var remote: RemoteOptions
        @Argument(help: "claim, start, complete or cancel.") var action: Action
        @Argument(help: "The task's id.") var id: String
        @Option(help: "A note for the task.") var note: String?

        func run() async throws {
            var body: [String: JSONValue] = ["action": .string(action.rawValue)]
            if let note { body["note"] = .string(note) }
            let task = try await remote.client.send(.patch, "/api/v1/tasks/\(RemoteClient.escaped(id))", .object(body), as: API.HotelTask.self)
            if remote.json { return try remote.print(task) }
            print("\(task.id) is \(task.status)")
        }
    }
}

/// `jack conversations`.
struct ConversationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conversations", abstract: "List conversations, read them, answer, take over, give back and delete.",
        subcommands: [List.self, Show.self, Reply.self, Take.self, Release.self, Delete.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List conversations, the latest at the top.")
        @OptionGroup var remote: RemoteOptions
        @Option(help: "Only this state: active, escalated, taken, resolved or closed.") var state: String?

        func run() async throws {
            let page = try await remote.client.list("/api/v1/conversations", [("state", state)], of: API.Conversation.self, whole: remote.json)
            if remote.json { return try remote.print(page.items) }
            guard !page.items.isEmpty else { return print("no conversations") }
            print(
                Terminal.table(
                    ["ID", "CHANNEL", "STATE", "WHO", "ROOM", "CHANGED", "LAST"],
                    page.items.map {
                        [$0.id, $0.channel, $0.state, $0.assignedTo ?? "", $0.room ?? "", $0.updatedAt.iso8601, Terminal.plain($0.preview ?? "")]
                    }))
            if page.nextCursor != nil { print("… and more") }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print what was said, the latest last.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The conversation's id.") var id: String

        func run() async throws {
            let page = try await remote.client.list(
                "/api/v1/conversations/\(RemoteClient.escaped(id))/messages", of: API.Message.self, whole: remote.json)
            if remote.json { return try remote.print(page.items) }
            if page.nextCursor != nil { print("… and what was said before: --json prints all") }
            for message in page.items.reversed() {
                print("\(message.at.iso8601)  \(message.staff ?? message.author.rawValue)  [\(message.id), \(message.delivery)]")
                print("    \(Terminal.plain(message.text))")
                if let doubt = message.senderDoubt { print("    [who wrote it is not proven: \(Terminal.plain(doubt))]") }
                for media in message.media {
                    let what = [media.fileName, media.mimeType, media.attachmentID, media.failure].compactMap { $0 }.joined(separator: ", ")
                    print("    [\(media.kind.rawValue), \(media.state.rawValue)] \(Terminal.plain(what))")
                }
            }
        }
    }

    struct Reply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Answer a guest; the conversation is then yours.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The conversation's id.") var id: String
        @Argument(help: "What to write.") var text: String

        func run() async throws {
            let message = try await remote.client.send(
                .post, "/api/v1/conversations/\(RemoteClient.escaped(id))/messages", ["text": .string(text)], as: API.Message.self)
            print("\(message.id) is \(message.delivery)")
        }
    }

    struct Take: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take a conversation over: Jack keeps silent in it.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The conversation's id.") var id: String

        func run() async throws { try await move("take_over", id, remote) }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give a conversation back to Jack.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The conversation's id.") var id: String

        func run() async throws { try await move("release", id, remote) }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a conversation with all that was said in it, for good.",
            discussion: """
                Messages, files, deliveries and history go; tasks stay without the guest's words. A conversation that waits for a human, or whose emergency is
                not dealt with, is not deleted. Nothing brings it back but a backup.
                """)
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The conversation's id.") var id: String

        func run() async throws { try await remote.erase("/api/v1/conversations/\(RemoteClient.escaped(id))", "the conversation \(id)") }
    }

    private static func move(_ action: String, _ id: String, _ remote: RemoteOptions) async throws {
        let conversation = try await remote.client.send(
            .patch, "/api/v1/conversations/\(RemoteClient.escaped(id))", ["action": .string(action)], as: API.Conversation.self)
        print("\(conversation.id) is \(conversation.state)")
    }
}
