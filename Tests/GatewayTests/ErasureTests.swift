import Foundation
import Synchronization
import Testing

@testable import Gateway

/// What cannot be undone takes the token, and says what it did.
@Suite struct ErasureTests {
    @Test func conversationsAndGuestsAreDeleted() async throws {
        try await TestHouse.run { house in
            #expect(try await house.request("DELETE", "/api/v1/conversations/c1").status == 401)
            #expect(try await house.request("DELETE", "/api/v1/guests/g1").status == 401)
            let conversation = try await house.api("DELETE", "/api/v1/conversations/c1", headers: ["X-Staff-Name: Mia"])
            #expect(conversation.status == 200 && conversation.json["messages"] as? Int == 4 && conversation.json["tasks_emptied"] as? Int == 2)
            #expect(try await house.api("DELETE", "/api/v1/guests/g1").status == 200)
            #expect(house.hotel.calls.withLock { $0 } == ["delete c1 by Mia", "erase g1 by staff"])
        }
    }

    @Test func whatIsRefusedIsSaid() async throws {
        try await TestHouse.run { house in
            let open = try await house.api("DELETE", "/api/v1/conversations/open")
            #expect((open.status, open.errorCode) == (409, "conflict"))
            #expect(open.body.contains("waits for a human"))
            #expect(try await house.api("DELETE", "/api/v1/guests/none").status == 404)
            #expect(try await house.api("DELETE", "/api/v1/conversations/c1?force=1").status == 400)
            #expect(house.hotel.calls.withLock { $0.isEmpty })
        }
    }
}
