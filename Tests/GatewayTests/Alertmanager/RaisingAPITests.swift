import Foundation
import OnCall
import PluginAPI
import Synchronization
import Testing

@testable import Gateway

@Suite struct RaisingAPITests {
    @Test func anAlertIsRaisedInFewWords() async throws {
        let board = MemoryBoard()
        try await TestHouse.run(board: board) { house async throws in
            let answer = try await house.api(
                "POST", "/api/v1/alerts",
                body:
                    #"{"name":"BackupFailed","severity":"error","summary":"no backup","labels":{"job":"backup","empty":""},"annotations":{"a_b":"c"}}"#
            )
            #expect(answer.status == 202)
            #expect(answer.json["labels"] as? [String: String] == ["alertname": "BackupFailed", "severity": "error", "job": "backup"])
            let taken = try #require(board.taken.first)
            #expect(taken.labels == ["alertname": "BackupFailed", "severity": "error", "job": "backup"])
            #expect(taken.annotations == ["summary": "no backup", "a_b": "c"] && taken.endsAt == nil)
            #expect(
                try await house.api(
                    "POST", "/api/v1/alerts", body: #"{"name":"BackupFailed","severity":"error","labels":{"job":"backup"},"resolved":true}"#
                ).status == 202)
            #expect(board.taken.last?.labels == taken.labels && board.taken.last?.endsAt != nil)
            #expect(board.state.withLock { $0.alerts.isEmpty })
        }
    }

    @Test(arguments: [
        (#"{}"#, "name"), (#"{"name":" "}"#, "name"), (#"{"name":"A","severity":"critcal"}"#, "severity"), (#"{"name":"A","lables":{}}"#, "lables"),
        (#"{"name":"A","labels":{"alertname":"B"}}"#, "labels"), (#"{"name":"A","labels":{"":"B"}}"#, "labels"),
        (#"{"name":"A","labels":{"x":"\#(String(repeating: "y", count: 1 << 20))"}}"#, "labels"),
        (#"{"name":"A","starts_at":"2026-01-02T00:00:00Z","ends_at":"2026-01-01T00:00:00Z"}"#, "ends_at"),
    ]) func whatIsWrongIsNamed(_ body: String, _ field: String) async throws {
        let board = MemoryBoard()
        try await TestHouse.run(board: board) { house async throws in
            let answer = try await house.api("POST", "/api/v1/alerts", body: body)
            #expect((answer.status, answer.errorCode) == (422, "validation_failed"), "\(answer.body)")
            let details = (answer.json["error"] as? [String: Any])?["details"] as? [String: Any]
            #expect((details?["fields"] as? [String: String])?.keys.sorted() == [field])
            #expect(board.taken.isEmpty)
        }
    }

    @Test func theTokenIsNeeded() async throws {
        let board = MemoryBoard()
        try await TestHouse.run(board: board, heartbeats: MemoryHeartbeats()) { house async throws in
            for (method, path) in [("POST", "alerts"), ("GET", "heartbeats"), ("POST", "heartbeats/backup")] {
                #expect(try await house.request(method, "/api/v1/\(path)", body: method == "POST" ? "{}" : "").status == 401)
            }
            #expect(board.taken.isEmpty)
        }
    }

    @Test func heartbeatsAreHeard() async throws {
        try await TestHouse.run(heartbeats: MemoryHeartbeats()) { house async throws in
            let beat = try await house.api("POST", "/api/v1/heartbeats/backup", body: "whatever cron sends")
            #expect(beat.status == 200 && beat.json["state"] as? String == "alive" && beat.json["interval"] as? String == "1h")
            let unknown = try await house.api("POST", "/api/v1/heartbeats/bakup")
            #expect((unknown.status, unknown.errorCode) == (404, "not_found"))
            #expect(unknown.body.contains("did you mean “backup”?"))
            let list = try await house.api("GET", "/api/v1/heartbeats").json["items"] as? [[String: Any]]
            #expect(list?.first?["name"] as? String == "backup" && list?.first?["state"] as? String == "waiting")
        }
    }
}
