import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

/// The sample hotel with the real AI, the real PMS and the real knowledge. One house serves all, since the classifier learns for a while.
@Suite struct SampleHotelTests {
    private static let shared = Task {
        var parts = House.Parts()
        parts.isReal = true
        parts.settings.knowledge.embeddings = "ai"
        return try await House.open(parts)
    }

    private func ask(_ text: String, _ peer: PeerAddress = PeerAddress(.session, "\(UInt64.random(in: 0 ... .max))")) async throws
        -> [OutboundMessage]
    {
        let house = try await Self.shared.value
        let id = try await house.write(text, from: peer)
        // Others ask at the same time: only this message must be done.
        #expect(
            try await eventually(within: .seconds(60)) {
                try await house.engine.read { try $0.row("SELECT state FROM inbox WHERE id = :id", ["id": id.sql])?.string("state") } == "done"
            })
        let wanted = try await house.messages(peer).count { $0.state == .released && $0.author != .guest }
        #expect(await eventually(within: .seconds(60)) { house.parts.channel.sent.count { $0.peer == peer } == wanted })
        return house.parts.channel.sent.filter { $0.peer == peer }
    }

    @Test(arguments: [("Hello!", "Hello, I am Jack"), ("Guten Morgen", "Guten Tag"), ("¡Buenos días!", "Hola"), ("Bonjour", "Bonjour")])
    func greetings(text: String, reply: String) async throws {
        #expect(try await ask(text).first?.text.hasPrefix(reply) == true)
    }

    @Test func breakfast() async throws {
        let sent = try await ask("When is breakfast?")
        #expect(sent.first?.text.contains("07:00") == true)
        #expect(sent.first?.sources.first?.id == "breakfast-hours")
    }

    @Test func towels() async throws {
        let peer = PeerAddress(.session, "towels")
        _ = try await ask("please bring two towels to 204", peer)
        let task = try #require(try await Self.shared.value.tasks(peer).first)
        #expect(task.department == "housekeeping" && task.room == "204")
    }

    @Test func smoke() async throws {
        let sent = try await ask("there is smoke in my room")
        #expect(sent.first?.text.hasPrefix("Please leave your room now") == true)
    }

    @Test func aGuestOfTheHouseIsKnownByTheirNumber() async throws {
        let peer = PeerAddress(.phone, "+15555550101")
        _ = try await ask("could someone bring more towels", peer)
        #expect(try await Self.shared.value.tasks(peer).map(\.room) == ["415"])
    }

    @Test func recallThroughTheRealSearch() async throws {
        let house = try await Self.shared.value
        var at: [Int: Int] = [:], reciprocal = 0.0, byLanguage: [String: (found: Int, all: Int)] = [:], missed: [String] = []
        let tests = try SampleHotel.node("knowledge-test.yaml")["tests"]?.elements ?? []
        for test in tests {
            let question = test["question"]?.text ?? "", language = test["lang"]?.text ?? ""
            let also = test["also"]?.elements?.compactMap(\.text) ?? [test["also"]?.text].compactMap { $0 }
            let wanted = Set([test["entry"]?.text ?? ""] + also)
            let hits = try await house.butler.knowledge.search(question, language: language, limit: 10)
            let rank = hits.firstIndex { wanted.contains($0.entry) }
            for limit in [1, 3, 4] where (rank ?? 99) < limit { at[limit, default: 0] += 1 }
            reciprocal += rank.map { 1 / Double($0 + 1) } ?? 0
            byLanguage[language, default: (0, 0)].all += 1
            if (rank ?? 99) < 3 {
                byLanguage[language, default: (0, 0)].found += 1
            } else {
                missed.append("\(language) \(question) → \(wanted.sorted())")
            }
        }
        let count = Double(tests.count), recall = Double(at[3, default: 0]) / count
        print(
            "search: \(tests.count) questions, recall@1 \(Double(at[1, default: 0]) / count), @3 \(recall), @4 \(Double(at[4, default: 0]) / count), MRR \(reciprocal / count), \(byLanguage)"
        )
        for miss in missed { print("  missed: \(miss)") }
        #expect(tests.count >= 100)
        #expect(recall >= 0.7)
    }
}
