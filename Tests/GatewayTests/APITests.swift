import Foundation
import HTTPTypes
import PluginAPI
import Synchronization
import Testing

@testable import Gateway

@Suite struct APITests {
    @Test func onlyTheTokenOpensTheAPI() async throws {
        try await TestHouse.run { house in
            for headers in [
                [], ["Authorization: Bearer wrong"], ["Authorization: \(TestHouse.token)"], ["Authorization: Bearer \(TestHouse.token)x"],
            ] {
                let answer = try await house.request("GET", "/api/v1/tasks", headers: headers)
                #expect((answer.status, answer.errorCode) == (401, "unauthorized"))
                #expect(answer.headers["www-authenticate"] == #"Bearer realm="jack""#)
            }
            #expect(try await house.request("GET", "/api/v1/tasks", headers: ["Authorization: bearer \(TestHouse.token)"]).status == 200)
            #expect(try await house.request("GET", "/api/openapi.yaml").status == 200)
        }
        for token in [nil, Secret("")] {
            try await TestHouse.run({ $0.token = token }) { house in
                let closed = try await house.request("GET", "/api/v1/tasks", headers: ["Authorization: Bearer "])
                #expect((closed.status, closed.errorCode) == (503, "api_closed"))
            }
        }
    }

    @Test func listsComeInPages() async throws {
        try await TestHouse.run { house in
            let first = try await house.api("GET", "/api/v1/conversations?state=open")
            #expect(first.json["next_cursor"] as? String == "next")
            let second = try await house.api("GET", "/api/v1/conversations?limit=100&cursor=next")
            #expect(second.json["next_cursor"] == nil)
            #expect(
                house.hotel.calls.withLock { $0 }
                    == ["conversations state=open limit=50 cursor=-", "conversations state=- limit=100 cursor=next"])
            for limit in ["0", "101", "x", "-1"] {
                let answer = try await house.api("GET", "/api/v1/conversations?limit=\(limit)")
                #expect((answer.status, answer.errorCode) == (400, "invalid_parameter"))
            }
            let misspelt = try await house.api("GET", "/api/v1/conversations?stat=open")
            #expect((misspelt.status, misspelt.errorCode) == (400, "unknown_parameter"))
            #expect(misspelt.body.contains("did you mean “state”?"))
        }
    }

    @Test(arguments: [
        ("{", 400, "invalid_json", ""), ("[]", 400, "invalid_json", ""), ("{}", 422, "validation_failed", "text"),
        (#"{"text":5}"#, 422, "validation_failed", "text"), (#"{"text":"  "}"#, 422, "validation_failed", "text"),
        (#"{"text":"a","tekst":"b"}"#, 422, "validation_failed", "tekst"), (#"{"text":"a","client_id":7}"#, 422, "validation_failed", "client_id"),
        (#"{"text":"\#(String(repeating: "a", count: 4001))"}"#, 422, "validation_failed", "text"),
    ]) func aWrongBodySaysWhatIsWrong(_ body: String, _ status: Int, _ code: String, _ field: String) async throws {
        try await TestHouse.run { house in
            let answer = try await house.api("POST", "/api/v1/conversations/c1/messages", body: body)
            #expect((answer.status, answer.errorCode) == (status, code))
            let details = (answer.json["error"] as? [String: Any])?["details"] as? [String: Any]
            let fields = details?["fields"] as? [String: String] ?? [:]
            #expect(fields.keys.sorted() == (field.isEmpty ? [] : [field]))
            #expect(house.hotel.calls.withLock { $0.isEmpty })
        }
    }

    @Test func whatIsAskedArrives() async throws {
        try await TestHouse.run { house in
            let reply = try await house.api(
                "POST", "/api/v1/conversations/c%2F1/messages", headers: ["X-Staff-Name: Mia"], body: #"{"text":"<b>'; DROP","client_id":"k1"}"#)
            #expect(reply.status == 201)
            #expect(
                try await house.api("PATCH", "/api/v1/conversations/c1", body: #"{"action":"take_over","assigned_to":"Mia"}"#).status == 200)
            #expect(
                try await house.api("POST", "/api/v1/tasks", body: #"{"department":"d","summary":"s","due_at":"2027-01-15T08:00:00Z"}"#).status == 201
            )
            #expect(try await house.api("POST", "/api/v1/admin/reload", body: #"{"dry_run":true}"#).status == 200)
            #expect(try await house.api("POST", "/api/v1/admin/stop").status == 202)
            #expect(try await house.api("GET", "/api/v1/knowledge/search?q=breakfast%20hours").status == 200)
            #expect(
                house.hotel.calls.withLock { $0 } == [
                    "reply c/1 <b>'; DROP k1 by Mia", "update c1 take_over Mia by staff", "create d 1800000000.0", "reload dry", "stop by staff",
                    "search breakfast hours 10",
                ])
        }
    }

    @Test func theHousesOwnErrorsReachTheCaller() async throws {
        try await TestHouse.run { house in
            let missing = try await house.api("GET", "/api/v1/conversations/zzz")
            #expect((missing.status, missing.errorCode) == (404, "not_found"))
            let illegal = try await house.api("PATCH", "/api/v1/conversations/c1", body: #"{"state":"sleeping"}"#)
            #expect((illegal.status, illegal.errorCode) == (409, "conflict"))
            let date = try await house.api("POST", "/api/v1/tasks", body: #"{"department":"d","summary":"s","due_at":"tomorrow"}"#)
            #expect(date.body.contains("is no moment as 2026-05-01T14:00:00Z"))
            let choice = try await house.api("GET", "/api/v1/approvals?state=maybe")
            #expect((choice.status, choice.errorCode) == (400, "invalid_parameter"))
            let day = try await house.api("GET", "/api/v1/reservations?on=May")
            #expect(day.status == 400)
        }
    }

    @Test func recordsSurviveTheirOwnJSON() throws {
        let task = API.HotelTask(
            id: "t", department: "d", summary: "s", priority: "low", status: "open", conversationID: "c", dueAt: Date(timeIntervalSince1970: 1.5),
            createdAt: Date(timeIntervalSince1970: 1), updatedAt: Date(timeIntervalSince1970: 2))
        let data = try APICoding.encoder.encode(task)
        #expect(String(decoding: data, as: UTF8.self).contains(#""conversation_id":"c""#))
        #expect(try APICoding.decoder.decode(API.HotelTask.self, from: data) == task)
    }

    @Test func deadLettersAreListedSentAgainAndDropped() async throws {
        try await TestHouse.run { house in
            let listed = try await house.api("GET", "/api/v1/dead-letters?box=outbox&instance=webchat&limit=7")
            #expect(listed.status == 200 && (listed.json["items"] as? [[String: Any]])?.first?["died_at"] as? String == "2027-01-15T08:00:00.125Z")
            #expect(try await house.api("GET", "/api/v1/dead-letters?box=pigeon").status == 400)
            #expect(try await house.api("GET", "/api/v1/dead-letters?colour=red").status == 400)
            #expect(try await house.request("GET", "/api/v1/dead-letters").status == 401)
            #expect(try await house.api("POST", "/api/v1/dead-letters/msg_1/retry").status == 200)
            #expect(try await house.api("POST", "/api/v1/dead-letters/none/retry").status == 404)
            #expect(try await house.api("POST", "/api/v1/dead-letters/msg_1/drop", body: #"{"reason":"said so"}"#).status == 200)
            #expect(try await house.api("POST", "/api/v1/dead-letters/msg_1/drop", body: #"{"reason":" "}"#).status == 422)
            let calls = house.hotel.calls.withLock { $0 }
            #expect(calls.count == 3 && calls[0] == "letters box=outbox instance=webchat limit=7")
            #expect(calls[1].hasPrefix("retry msg_1 by ") && calls[2].hasPrefix("drop msg_1 said so by "))
        }
    }
}
