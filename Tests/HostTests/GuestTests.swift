import HTTPTypes
import Kernel
import PluginAPI
import Testing

@testable import Host

/// A guest at the page's socket, with the whole of Jack behind it.
@Suite(.serialized) struct GuestTests {
    @Test func `a question is answered with its source, a request becomes a task, and the history is kept`() async throws {
        try await TestHotel.run { hotel async throws in
            let window = try await hotel.window()
            #expect(window.session["restored"] == false && window.history.isEmpty)
            let answer = try await window.ask("q", "When is breakfast?")
            #expect(answer["in_reply_to"] == "q" && answer["from"] == "jack")
            #expect(answer["sources"]?.arrayValue?.first?["title"]?.stringValue?.lowercased().contains("breakfast") == true)
            let done = try await window.ask("t", "please bring two towels to 204")
            #expect(done["text"]?.stringValue?.contains("housekeeping") == true)
            let task = try #require(try await hotel.get("/api/v1/tasks").items.first)
            #expect(task["department"] == "housekeeping" && task["room"] == "204" && task["status"] == "open")
            try await window.close()

            let again = try await hotel.window(token: window.token)
            #expect(again.session["restored"] == true && again.token == window.token)
            #expect(again.history.map { $0["from"]?.stringValue } == ["guest", "jack", "guest", "jack"])
            #expect(again.history.first?["id"] == "q")
            try await again.close()
        }
    }

    @Test func `the same id is one message, whatever was sent`() async throws {
        try await TestHotel.run { hotel async throws in
            let window = try await hotel.window()
            for _ in 0..<3 { #expect(try await window.say("same", "please bring two towels to 204")["type"] == "ack") }
            _ = try await window.next("message")
            let conversation = try await hotel.newest()
            #expect(try await hotel.get("/api/v1/conversations/\(conversation)/messages").items.count == 2)
            #expect(try await hotel.get("/api/v1/tasks").items.count == 1)
            try await window.close()
        }
    }

    @Test func `an emergency is told to the guest, made a task and paged, whoever holds the conversation`() async throws {
        try await TestHotel.run { hotel async throws in
            let window = try await hotel.window()
            _ = try await window.ask("h", "Hello")
            let conversation = try await hotel.newest()
            #expect(try await hotel.send(.patch, "/api/v1/conversations/\(conversation)", ["action": "take_over"])["state"] == "taken")
            let answer = try await window.ask("s", "there is smoke in my room")
            #expect(answer["text"]?.stringValue?.isEmpty == false)
            #expect(try await hotel.get("/api/v1/conversations/\(conversation)")["state"] == "taken")
            let urgent = try await hotel.get("/api/v1/tasks").items.filter { $0["priority"] == "urgent" }
            #expect(urgent.count == 1)
            try await hotel.eventually("the page") {
                try await hotel.application.storage.read {
                    try $0.row("SELECT COUNT(*) AS n FROM outbox WHERE kind = 'page' AND state = 'sent'")?.int("n")
                } == 1
            }
            try await window.close()
        }
    }

    @Test func `staff who answer silence Jack, and the guest sees who writes`() async throws {
        try await TestHotel.run { hotel async throws in
            let window = try await hotel.window()
            _ = try await window.ask("h", "Hello")
            let conversation = try await hotel.newest()
            let sent = try await hotel.send(
                .post, "/api/v1/conversations/\(conversation)/messages", ["text": "Good evening, Rosa here.", "client_id": "r1"])
            #expect(sent.status == 201 && sent["author"] == "staff" && sent["staff"] == "Rosa")
            let seen = try #require(try await window.next("message"))
            #expect(seen["from"] == "staff" && seen["text"] == "Good evening, Rosa here.")
            // The same reply, sent again by a browser that did not hear of the first.
            #expect(
                try await hotel.send(.post, "/api/v1/conversations/\(conversation)/messages", ["text": "x", "client_id": "r1"])["id"] == sent["id"])

            #expect(try await window.say("q", "When is breakfast?")["type"] == "ack")
            try await hotel.eventually("the silence") {
                try await hotel.get("/api/v1/conversations/\(conversation)/messages").items.first?["text"] == "When is breakfast?"
            }
            let why = try await hotel.get("/api/v1/messages/\(try await guestMessage(hotel, conversation, "When is breakfast?"))/why")
            #expect(why.items.contains { $0["step"] == "custody" && $0["outcome"] == "silent" }, "\(why.text)")

            #expect(try await hotel.send(.patch, "/api/v1/conversations/\(conversation)", ["action": "release"])["state"] == "active")
            #expect(try await window.ask("q2", "When is breakfast?")["from"] == "jack")
            try await window.close()
        }
    }

    private func guestMessage(_ hotel: TestHotel, _ conversation: String, _ text: String) async throws -> String {
        let all = try await hotel.get("/api/v1/conversations/\(conversation)/messages").items
        return try #require(all.first { $0["author"] == "guest" && $0["text"]?.stringValue == text }?["id"]?.stringValue)
    }

    @Test func `a reply that is not sure enough waits for approval, and reaches the guest when it is given`() async throws {
        try await TestHotel.run { hotel async throws in
            let window = try await hotel.window()
            for (id, text) in [("a", "When is breakfast? sure 45"), ("b", "Where is breakfast? sure 40")] {
                #expect(try await window.say(id, text)["type"] == "ack")
            }
            try await hotel.eventually("two drafts") { try await hotel.get("/api/v1/approvals?state=pending").items.count == 2 }
            let drafts = try await hotel.get("/api/v1/approvals?state=pending").items
            let first = try #require(drafts.first { $0["question"]?.stringValue?.hasPrefix("When") == true }?["id"]?.stringValue)
            let second = try #require(drafts.first { $0["question"]?.stringValue?.hasPrefix("Where") == true }?["id"]?.stringValue)
            let conversation = try await hotel.newest()
            #expect(try await hotel.get("/api/v1/conversations/\(conversation)")["pending_approvals"] == 2)

            let approved = try await hotel.send(.post, "/api/v1/approvals/\(first)/approve", ["text": "From seven."])
            #expect(approved["state"] == "approved" && approved["decided_by"] == "Rosa", "\(approved.text)")
            // Before it come the two notices that a colleague is asked.
            var seen = try #require(try await window.next("message"))
            for _ in 0..<2 where seen["text"] != "From seven." { seen = try #require(try await window.next("message")) }
            #expect(seen["text"] == "From seven." && seen["in_reply_to"] == "a")
            #expect(try await hotel.send(.post, "/api/v1/approvals/\(first)/approve", [:]).status == 409)

            #expect(try await hotel.send(.post, "/api/v1/approvals/\(second)/reject", ["reason": "wrong"])["state"] == "rejected")
            #expect(try await hotel.get("/api/v1/conversations/\(conversation)")["state"] == "taken")
            #expect(try await hotel.get("/api/v1/approvals?state=pending").items.isEmpty)
            let again = try await hotel.window(token: window.token)
            #expect(again.history.count { $0["in_reply_to"] == "b" } == 1, "of what was rejected only the notice was seen")
            try await again.close()
            try await window.close()
        }
    }

    @Test func `what nobody is sure of goes to staff, and the guest is told`() async throws {
        try await TestHotel.run { hotel async throws in
            let window = try await hotel.window()
            let answer = try await window.ask("x", "When is breakfast? sure 5")
            #expect(answer["text"]?.stringValue?.isEmpty == false)
            #expect(try await hotel.get("/api/v1/conversations/\(try await hotel.newest())")["state"] == "escalated")
            try await window.close()
        }
    }
}
