import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import Testing

@testable import Host

/// Incidents and maintenance over HTTP, with the whole of Jack behind them.
@Suite(.serialized) struct OperationsTests {
    @Test func `an incident is worked on from its opening to its closing`() async throws {
        try await TestHotel.run { hotel async throws in
            #expect(try await hotel.get("/api/v1/incidents", token: nil).status == 401)
            let opened = try await hotel.send(.post, "/api/v1/incidents", ["priority": "P1", "title": "No hot water"])
            #expect(opened.status == 201 && opened["state"] == "open" && opened["opened_by"] == "Rosa", "\(opened.text)")
            let path = "/api/v1/incidents/\(try #require(opened["id"].stringValue))"
            #expect(try await hotel.send(.patch, path, ["action": "take"])["commander"] == "Rosa")
            #expect(try await hotel.send(.patch, path, ["action": "note", "text": "the pump"]).status == 200)
            #expect(try await hotel.send(.patch, path, ["action": "status", "text": "We are on it."])["public_status"] == "We are on it.")
            #expect(try await hotel.send(.patch, path, ["action": "step", "step": "diagnos"]).status == 422)
            #expect(try await hotel.send(.patch, path, ["action": "step", "step": "mitigate"])["state"] == "mitigated")
            #expect(try await hotel.send(.patch, path, ["action": "close", "postmortem": "x"]).status == 409)
            #expect(try await hotel.send(.patch, path, ["action": "resolve"])["state"] == "watching")
            let shown = try await hotel.get(path)
            #expect(shown["timeline"].arrayValue?.compactMap { $0["kind"]?.stringValue }.contains("took") == true)
            #expect(try await hotel.get("\(path)/postmortem")["markdown"].stringValue?.contains("# P1: No hot water") == true)
            #expect(try await hotel.get("/api/v1/incidents?state=open").items.count == 1)
            #expect(try await hotel.get("/api/v1/incidents?state=closed").items.isEmpty)
            #expect(try await hotel.get("/api/v1/incidents?state=asleep").status == 400)
            #expect(try await hotel.get("/api/v1/incidents/none").status == 404)
            for body in [["priority": "P9", "title": "x"], ["priority": "P1", "title": " "], ["priority": "P1"]] as [JSONValue] {
                #expect(try await hotel.send(.post, "/api/v1/incidents", body).status == 422, "\(body)")
            }
        }
    }

    @Test func `guests are turned away while work is done, also after a restart, and nothing else is`() async throws {
        let folder = try TestHotel.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let first = try await TestHotel(folder)
        do {
            try await first.application.start()
            #expect(try await first.get("/", token: nil).status == 200)
            let begun = try await first.send(
                .post, "/api/v1/maintenance/begin", ["seconds": 600, "refuse_requests": true, "comment": "new disks"])
            #expect(begun.status == 201 && begun["state"] == "running" && begun["by"] == "Rosa", "\(begun.text)")
            #expect(try await first.get("/", token: nil).status == 503)
            // Another one beside it mutes, without a plan too.
            let other = try await first.send(.post, "/api/v1/maintenance/begin", ["seconds": 600, "matchers": ["service=\"db\""]])
            #expect(other.status == 201 && other["matchers"] == ["service=\"db\""], "\(other.text)")
            _ = try await first.send(.post, "/api/v1/alerts", ["name": "Muted", "labels": ["service": "db"]])
            let muted = try await first.get("/api/v2/alerts").json.arrayValue?.first
            #expect(muted?["status"]?["state"] == "suppressed", "\(muted ?? .null)")
            #expect(try await first.send(.post, "/api/v1/maintenance/end", ["id": other["id"]]).status == 200)
            await first.stop()
        } catch {
            await first.stop()
            throw error
        }
        let second = try await TestHotel(folder)
        do {
            try await second.application.start()
            #expect(try await second.get("/api/v1/maintenance")["windows"].arrayValue?.count == 1)
            #expect(try await second.get("/", token: nil).status == 503)
            #expect(try await second.get("/healthz", token: nil).status == 200)
            #expect(try await second.get("/readyz", token: nil).status == 200)
            let ended = try await second.send(.post, "/api/v1/maintenance/end", [:])
            #expect(ended["windows"].arrayValue?.first?["state"] == "over", "\(ended.text)")
            #expect(try await second.get("/", token: nil).status == 200)
            #expect(try await second.send(.post, "/api/v1/maintenance/end", [:]).status == 404)
            await second.stop()
        } catch {
            await second.stop()
            throw error
        }
    }

    @Test func `a recovery program is run without a shell, and ended when it takes too long`() async throws {
        let folder = try TestHotel.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let made = folder.appendingPathComponent("a file; rm").path
        #expect(await RecoveryProgram.run(["/usr/bin/touch", made], timeout: .seconds(20)) == "/usr/bin/touch ended with status 0")
        #expect(FileManager.default.fileExists(atPath: made))
        #expect(await RecoveryProgram.run(["/bin/sleep", "60"], timeout: .milliseconds(200)).contains("took longer than"))
        #expect(await RecoveryProgram.run(["/nowhere/at-all"], timeout: .seconds(1)).contains("could not be run"))
        #expect(await RecoveryProgram.run(["/bin/false"], timeout: .seconds(20)).hasSuffix("status 1"))
    }
}
