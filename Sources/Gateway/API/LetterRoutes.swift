import HTTPTypes

/// What the routes about dead letters need of the house. Errors are those of ``HotelAPI``.
public protocol LetterAPI: Sendable {
    /// The latest first.
    func letters(_ filter: API.LetterFilter, _ page: API.PageRequest) async throws -> API.Page<API.DeadLetter>
    /// Has a letter dealt with or sent anew; answers with the letter as it was.
    func retry(letter id: String, by staff: String) async throws -> API.DeadLetter
    /// Puts a letter away for good; answers with the letter as it was.
    func drop(letter id: String, _ drop: API.LetterDrop, by staff: String) async throws -> API.DeadLetter
}

/// The routes about dead letters; `Resources/openapi.yaml` describes them.
enum LetterRoutes {
    private struct Nothing: APIInput { static let fields: Set<String> = [] }

    static func all(_ house: any LetterAPI) -> [APIRoute] {
        [
            .get("/api/v1/dead-letters", taking: ["box", "instance", "limit", "cursor"]) { request in
                let filter = API.LetterFilter(box: try request.choice("box", API.LetterFilter.Box.self), instance: request.query("instance"))
                return try await house.letters(filter, request.page())
            },
            .send(.post, "/api/v1/dead-letters/{id}/retry", Nothing.self) { request, _ in
                try await house.retry(letter: request.parameter("id"), by: request.staff)
            },
            .send(.post, "/api/v1/dead-letters/{id}/drop", API.LetterDrop.self) {
                try await house.drop(letter: $0.parameter("id"), $1, by: $0.staff)
            },
        ]
    }
}
