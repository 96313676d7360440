import Foundation
import HTTPTypes
import PluginAPI
import Testing

@testable import Host

/// On call as an operator has it: by the API, with a plan that comes and goes.
@Suite(.serialized) struct OnCallTests {
    private static let plan = """
        people:
          ana: {name: Ana, contacts: [{type: webhook, url: "http://127.0.0.1:9/ana"}]}
          bea: {name: Bea, contacts: [{type: webhook, url: "http://127.0.0.1:9/bea"}, {type: pagerduty, service_key: 0123456789abcdef0123456789abcdef}]}
        policies:
          nights: {levels: [{name: first, notify: [ana], wait: 1h}, {name: second, notify: [bea], wait: 1h}]}
          fire: {levels: [{notify: [bea], wait: 1h}]}
        emergency: {policy: fire}
        route: {receiver: nights, group_by: [alertname], group_wait: 0s}
        receivers: [{name: nights, policy: nights}]

        """

    private func prepare(_ file: TestFile) throws {
        try file.edit(
            "  log: {}",
            """
              log: {}
              hook: {plugin: webhook, settings: {url: "http://127.0.0.1:9/all", secret: 0123456789abcdef0123, reaches_human: true}}
              pagerduty: {settings: {routing_key: 0123456789abcdef0123456789abcdef, base_url: "http://127.0.0.1:9"}}
            """)
        try Self.plan.write(to: file.url.deletingLastPathComponent().appending(path: "plan.yaml"), atomically: true, encoding: .utf8)
    }

    private func raise(_ hotel: TestHotel, _ name: String, _ labels: [String: JSONValue] = [:]) async throws {
        let answer = try await hotel.send(
            .post, "/api/v1/alerts", ["name": .string(name), "severity": "error", "summary": "a test", "labels": .object(labels)])
        #expect(answer.status == 202, "\(answer.text)")
    }

    /// The open matters' receivers by the names of their alerts; what the sinks that nobody answers at bring with them is left out.
    private func receivers(_ hotel: TestHotel) async throws -> [String: String] {
        let items = try await hotel.get("/api/v1/oncall/matters").items.filter {
            $0["names"] != ["PageNotDelivered"] && $0["names"] != ["NobodyReached"]
        }
        return Dictionary(items.map { ($0["names"]?.arrayValue?.first?.stringValue ?? "", $0["receiver"]?.stringValue ?? "") }) { first, _ in first }
    }

    @Test func `a plan comes and goes by a reload, and what is open goes on by its own`() async throws {
        try await TestHotel.run(configure: prepare) { hotel async throws in
            let file = TestFile(url: hotel.file)
            try await raise(hotel, "One")
            try await hotel.eventually("the first") { try await receivers(hotel) == ["One": "everybody"] }
            try file.edit("oncall:\n", "oncall:\n  file: plan.yaml\n")
            let dry = try await hotel.send(.post, "/api/v1/admin/reload", ["dry_run": true])
            #expect(dry["changes"].arrayValue?.contains("go by the on-call plan from now on") == true, "\(dry.text)")
            let come = try await hotel.send(.post, "/api/v1/admin/reload", [:])
            #expect(come["applied"] == true, "\(come.text)")
            try await raise(hotel, "Two")
            try await hotel.eventually("the second") { try await receivers(hotel) == ["One": "everybody", "Two": "nights"] }
            #expect(try await hotel.get("/api/v2/receivers").text.contains("nights"))
            try file.edit("oncall:\n  file: plan.yaml\n", "oncall:\n")
            let gone = try await hotel.send(.post, "/api/v1/admin/reload", [:])
            #expect(
                gone["changes"].arrayValue?.contains { $0.stringValue?.hasPrefix("go by no on-call plan any more") == true } == true, "\(gone.text)")
            try await raise(hotel, "Three")
            try await hotel.eventually("the third") {
                try await receivers(hotel) == ["One": "everybody", "Two": "nights", "Three": "everybody"]
            }
            // It keeps its plan: whom it comes to is the plan's, though nobody answers at their addresses.
            let two = try #require(try await hotel.get("/api/v1/oncall/matters").items.first { $0["names"] == ["Two"] })
            #expect(two["next"]?.arrayValue?.isEmpty == false && "\(two)".contains("webhook of Ana"), "\(two)")
        }
    }

    @Test func `a dry run lists whose next recipient would be another`() async throws {
        try await TestHotel.run(configure: { file in
            try prepare(file)
            try file.edit("oncall:\n", "oncall:\n  file: plan.yaml\n")
            let plan = TestFile(url: file.url.deletingLastPathComponent().appending(path: "plan.yaml"))
            try plan.edit("nights: {levels", "nights: {acknowledgement_lasts: 2h, levels")
        }) { hotel async throws in
            let plan = TestFile(url: hotel.file.deletingLastPathComponent().appending(path: "plan.yaml"))
            func dry() async throws -> [String] {
                let report = try await hotel.send(.post, "/api/v1/admin/reload", ["dry_run": true])
                return (report["changes"].arrayValue ?? []).compactMap(\.stringValue).filter {
                    $0.contains("pages ") && !$0.contains("PageNotDelivered") && !$0.contains("NobodyReached")
                }
            }
            try await raise(hotel, "Lift")
            try await hotel.eventually("the matter") { try await receivers(hotel) == ["Lift": "nights"] }
            // Nobody answers at the sinks' addresses: what is acknowledged stays where it is.
            let done = try await hotel.send(.post, "/api/v1/oncall/answers", ["action": "acknowledge", "name": "Lift"])
            #expect(done["status"] == "acknowledged", "\(done.text)")
            try plan.edit("group_wait: 0s}", "group_wait: 1h}")
            #expect(try await dry() == [])
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["applied"] == true)
            // This one has not been told yet.
            try await raise(hotel, "Lamp")
            try plan.edit("{name: first, notify: [ana]", "{name: first, notify: [bea]")
            try plan.edit("receivers: [{name: nights, policy: nights}]", "receivers: [{name: nights, policy: nights}, {name: lamps, notify: [bea]}]")
            try plan.edit(
                "group_wait: 1h}", "group_wait: 1h, routes: [{matchers: ['alertname=\"Lamp\"'], receiver: lamps}]}")
            let lines = try await dry()
            #expect(lines.count == 2, "\(lines)")
            let open = try #require(lines.first { $0.hasPrefix("open: ") })
            #expect(
                open.contains("(Lift): nights pages webhook of Ana, when the acknowledgement ends at ")
                    && open.contains("nights would page webhook of Bea"), "\(open)")
            let moves = try #require(lines.first { $0.hasPrefix("alert Lamp (") })
            #expect(
                moves.contains("now nights pages webhook of Ana at ") && moves.contains("by the new plan lamps pages webhook of Bea at "), "\(moves)")
            // Nothing has changed by asking.
            #expect(try await dry().count == 2)
        }
    }

    @Test func `an operator answers by the API`() async throws {
        try await TestHotel.run(configure: { file in
            try prepare(file)
            try file.edit("oncall:\n", "oncall:\n  file: plan.yaml\n")
        }) { hotel async throws in
            try await raise(hotel, "Lift")
            try await hotel.eventually("the matter") { try await receivers(hotel) == ["Lift": "nights"] }
            func answer(_ name: String, _ action: String = "acknowledge") async throws -> TestHotel.Answer {
                try await hotel.send(.post, "/api/v1/oncall/answers", ["action": .string(action), "name": .string(name), "note": "on my way"])
            }
            let unknown = try await answer("Lifft")
            #expect(unknown.status == 404 && unknown.text.contains("these stand open") && unknown.text.contains("Lift"), "\(unknown.text)")
            let done = try await answer("Lift")
            #expect(done.status == 200 && done["status"] == "acknowledged", "\(done.text)")
            #expect(try await answer("Lift")["status"] == "already")
            let key = try #require(done["matter"].stringValue)
            #expect(try await answer(key, "resolve")["status"] == "resolved")
            #expect(try await answer(key, "resolve")["status"] == "already")
            let wrong = try await answer("Lift", "explode")
            #expect(wrong.status == 422, "\(wrong.text)")
            #expect(try await hotel.send(.post, "/api/v1/oncall/answers", ["action": "resolve", "name": "Lift"], token: nil).status == 401)
        }
    }

    @Test func `a drill is ordered by the API and reported by the month`() async throws {
        try await TestHotel.run(configure: { file in
            try prepare(file)
            try file.edit("oncall:\n", "oncall:\n  file: plan.yaml\n")
        }) { hotel async throws in
            let begun = try await hotel.send(.post, "/api/v1/oncall/drills", ["person": "ana", "within": 120])
            #expect(begun.status == 201 && begun["subject"] == "person ana", "\(begun.text)")
            let wrong = try await hotel.send(.post, "/api/v1/oncall/drills", ["person": "anna"])
            #expect(wrong.status == 404 && wrong.text.contains("did you mean “ana”?"), "\(wrong.text)")
            #expect(try await hotel.send(.post, "/api/v1/oncall/drills", ["person": "ana", "receiver": "nights"]).status == 422)
            let key = try #require(begun["matter"]["id"]?.stringValue)
            let answered = try await hotel.send(.post, "/api/v1/oncall/answers", ["action": "acknowledge", "name": .string(key), "by": "Ana"])
            #expect(answered["status"] == "acknowledged", "\(answered.text)")
            let report = try await hotel.get("/api/v1/oncall/drills")
            let drill = try #require(report["drills"].arrayValue?.first)
            #expect(drill["outcome"] == "acknowledged" && drill["acknowledged_by"] == "Ana" && drill["ordered_by"] == "Rosa", "\(report.text)")
            // By the command nobody knows whether the page came.
            #expect(report["unproven"].arrayValue?.count == 3, "\(report.text)")
            #expect(try await hotel.get("/api/v1/oncall/drills?month=2020-01")["drills"] == [])
            #expect(try await hotel.get("/api/v1/oncall/drills?month=2020-13").status == 400)
        }
    }
}
