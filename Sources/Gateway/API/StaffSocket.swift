import Foundation
import PluginAPI

/// The staff's socket at `/ws`: says what has changed, so that a dashboard knows when to look again. It carries no content of its own.
struct StaffSocket: SocketReceiver {
    private struct Event: Encodable {
        var type = "event"
        var topic: String
        var id: String
        var action: String
        var at: Date
    }

    private struct Command: Decodable { var type: String }

    private let connection: any SocketConnection
    private let changes: Task<Void, Never>

    static func route(_ hotel: any HotelAPI) -> SocketRoute {
        SocketRoute(path: "/ws", maximumMessageBytes: 4096) { StaffSocket($0, hotel) }
    }

    private init(_ connection: any SocketConnection, _ hotel: any HotelAPI) {
        self.connection = connection
        changes = Task {
            do {
                for await change in hotel.changes() {
                    let event = Event(topic: change.topic.rawValue, id: change.id, action: change.action.rawValue, at: change.at)
                    try await connection.send(String(decoding: APICoding.encoder.encode(event), as: UTF8.self))
                }
                await connection.close(code: 1000, reason: "")
            } catch {
                // Whoever is gone is told nothing; a dashboard that comes back looks at everything.
                await connection.close(code: 1001, reason: "going away")
            }
        }
    }

    func receive(_ text: String) async throws {
        let command = try? JSONDecoder().decode(Command.self, from: Data(text.utf8))
        switch command?.type {
        case "ping": try await connection.send(#"{"type":"pong"}"#)
        case let type?:
            let error: JSONValue = ["type": "error", "code": "unknown_type", "message": .string("“\(type)” is not known here")]
            try await connection.send(String(decoding: JSONEncoder().encode(error), as: UTF8.self))
        case nil: try await connection.send(#"{"type":"error","code":"invalid_json","message":"an object with a type is expected"}"#)
        }
    }

    func closed() async { changes.cancel() }
}
