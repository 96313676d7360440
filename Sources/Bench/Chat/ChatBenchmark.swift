import Foundation

/// From a guest's message on the chat socket to the answer on the same socket, in a Jack of its own with the sample hotel.
struct ChatBenchmark {
    var seconds = 5.0
    var connections = [1, 16, 200]
    var jack: JackOptions

    /// What the sample hotel can answer: other questions would go to staff, and end the conversation.
    static let questions = [
        "When is breakfast?", "What is the Wi-Fi password?", "What time is check-out?", "When does the gym open?", "Where is the spa?",
        "Is smoking allowed?",
        "What time is check-in?", "When is the restaurant open?",
    ]

    /// The settings under which guests may write faster than people do.
    static let settings = ["channels.webchat.settings.messages_per_minute=1000000", "channels.webchat.inbound.rate=0"]

    func run() async throws -> Table {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        var table = Table(
            name: "chat",
            method: """
                A jack serve of its own with the sample hotel, its limits per guest lifted. Each guest sends a message and waits for its answer before the next; a message is stored \
                (SQLite, synchronous=FULL) before it is acknowledged, classified, searched for and answered by the embedded AI, and the answer stored before it is sent. Client in \
                another process on the same cores; \(Measure.plain(seconds)) s for each number of guests.
                """)
        let process = try await JackProcess(jack, folder: folder.path, settings: Self.settings)
        do {
            try await measure(process, &table)
            await process.stop()
        } catch {
            await process.stop()
            throw error
        }
        return table
    }

    private func measure(_ process: JackProcess, _ table: inout Table) async throws {
        // The first message waits for the classifier to learn; it is told apart.
        let first = try await ChatLoad(port: process.port, connections: 1, duration: 2_000_000, questions: [Self.questions[0]]).run()
        table.measures.append(Measure("first message after the start", first.answered.milliseconds(at: 1), "ms"))
        _ = try await ChatLoad(port: process.port, connections: 4, duration: 1_000_000_000, questions: Self.questions).run()
        for count in connections {
            let outcome = try await ChatLoad(port: process.port, connections: count, duration: Int64(seconds * 1e9), questions: Self.questions).run()
            if let error = outcome.errors.first { throw BenchError("the chat answered with an error: \(error)") }
            let who = count == 1 ? "1 guest" : "\(count) guests"
            table.measures += [
                Measure("\(who): answer, p50", outcome.answered.milliseconds(at: 0.5), "ms", goal: count == 1 ? .below(5) : nil),
                Measure("\(who): answer, p99", outcome.answered.milliseconds(at: 0.99), "ms"),
                Measure("\(who): acknowledged, p50", outcome.acknowledged.milliseconds(at: 0.5), "ms"),
                Measure("\(who): answered", outcome.rate, "messages/s"),
                Measure("\(who): answers without a source", Double(outcome.unfounded), "messages", goal: .exactly(0)),
            ]
        }
    }
}
