import Foundation
import HTTPTypes
import PluginAPI

/// The vendor's words stand here and nowhere else.
struct PagerWire: Sendable {
    let settings: PagerSinkSettings
    let context: PluginContext

    struct Incident: Encodable {
        var key: String
        var title: String
        var urgent: Bool
    }

    struct Taken: Decodable {
        var id: String
    }

    @discardableResult
    func call(_ method: HTTPRequest.Method, _ path: String, _ incident: Incident? = nil) async throws -> Taken {
        let response = try await context.http.send(
            ClientRequest(
                method, settings.endpoint + path,
                headers: [.authorization: "Bearer \(settings.token.reveal())", .contentType: "application/json"],
                body: incident.map { try [UInt8](JSONEncoder().encode($0)) } ?? []))
        if let failure = response.failure(from: "Pager", now: context.clock) { throw failure }
        guard let taken = try? JSONDecoder().decode(Taken.self, from: Data(response.body)) else {
            throw PluginFailure.notReady(.malformedReply, "Pager answered with something else than its document says")
        }
        return taken
    }
}
