@testable import Gateway

extension FakeHotel {
    func delete(conversation id: String, by staff: String) async throws -> API.Erasure {
        guard id != "open" else { throw GatewayError.conflict("the conversation “open” is open still: it waits for a human") }
        note("delete \(id) by \(staff)")
        return API.Erasure(conversations: 1, messages: 4, attachments: 1, tasksEmptied: 2)
    }

    func erase(guest id: String, by staff: String) async throws -> API.Erasure {
        guard id != "none" else { throw GatewayError.notFound("guest “\(id)”") }
        note("erase \(id) by \(staff)")
        return API.Erasure(conversations: 2, messages: 8, attachments: 0, tasksEmptied: 0)
    }
}
