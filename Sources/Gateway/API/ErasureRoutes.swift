import HTTPTypes

extension API {
    /// What was deleted, in numbers.
    public struct Erasure: Codable, Sendable, Hashable {
        public var conversations: Int
        public var messages: Int
        /// Guests' files.
        public var attachments: Int
        /// Tasks that stay, without the guest's words.
        public var tasksEmptied: Int

        public init(conversations: Int, messages: Int, attachments: Int, tasksEmptied: Int) {
            self.conversations = conversations
            self.messages = messages
            self.attachments = attachments
            self.tasksEmptied = tasksEmptied
        }
    }
}

/// What the routes that delete need of the house. Errors are those of ``HotelAPI``; what is still open is a conflict that says why.
public protocol ErasureAPI: Sendable {
    /// Deletes a conversation with all that was said in it.
    func delete(conversation id: String, by staff: String) async throws -> API.Erasure
    /// Deletes all conversations of a guest, and the guest.
    func erase(guest id: String, by staff: String) async throws -> API.Erasure
}

/// The routes that delete; `Resources/openapi.yaml` describes them.
enum ErasureRoutes {
    private struct Nothing: APIInput { static let fields: Set<String> = [] }

    static func all(_ house: any ErasureAPI) -> [APIRoute] {
        [
            .send(.delete, "/api/v1/conversations/{id}", Nothing.self) { request, _ in
                try await house.delete(conversation: request.parameter("id"), by: request.staff)
            },
            .send(.delete, "/api/v1/guests/{id}", Nothing.self) { request, _ in
                try await house.erase(guest: request.parameter("id"), by: request.staff)
            },
        ]
    }
}
