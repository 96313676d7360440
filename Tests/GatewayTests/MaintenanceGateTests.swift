import Foundation
import HTTPTypes
import OnCall
import PluginAPI
import Synchronization
import Testing

@testable import Gateway

/// Requests while work is done, over real HTTP.
@Suite struct MaintenanceGateTests {
    private let until = Date(timeIntervalSince1970: 1_800_000_000 + 1800)

    @Test func guestsAreToldWhenToComeAgainAndTheHouseIsNot() async throws {
        let time = StoppedTime(), refusal = Mutex<MaintenanceRefusal?>(nil)
        try await TestHouse.run(time: time, board: MemoryBoard(), refusal: { $0 == "sink" ? nil : refusal.withLock { $0 } }) { house async throws in
            try house.mountHook()
            try house.mountEcho()
            let page = PageRoute(path: "/guest") { _ in PluginResponse(.ok, text: "welcome") }
            try house.routes.mount([.page(page)], of: "webchat")
            let hook = ["Authorization: s"]
            #expect(try await house.request("POST", "/webhooks/hook", headers: hook, body: "e1").status == 202)
            refusal.withLock { $0 = MaintenanceRefusal(until: until) }
            let socket = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
            let refused = [
                try await house.request("POST", "/webhooks/hook", headers: hook, body: "e2"), try await house.request("GET", "/guest"),
                try await house.request("GET", "/echo", headers: socket),
            ]
            for answer in refused {
                #expect((answer.status, answer.errorCode) == (503, "maintenance"))
                #expect(answer.headers["retry-after"] == "1800")
            }
            #expect(house.stored.withLock { $0.count } == 1)
            time.advance(.seconds(600))
            #expect(try await house.request("POST", "/webhooks/hook/", headers: hook, body: "e2").headers["retry-after"] == "1200")

            for path in ["/health", "/healthz", "/readyz", "/metrics"] { #expect(try await house.request("GET", path).status == 200, "\(path)") }
            #expect(try await house.api("GET", "/api/v1/tasks").status == 200)
            #expect(try await house.api("GET", "/api/v1/maintenance").status == 200)
            #expect(try await house.api("POST", "/api/v1/alerts", body: #"{"name":"X"}"#).status == 202)
            #expect(try await house.api("POST", "/api/v2/alerts", body: #"[{"labels":{"alertname":"X"}}]"#).status == 200)
            // Somebody may be acknowledging.
            let answers = WebhookVerification.custom(secret: Secret("s")) { _, _ in true }
            try house.routes.mount(
                [
                    .webhook(
                        WebhookRoute(tail: "", verification: answers, maximumBodyBytes: 100) { _ in WebhookResult([], response: PluginResponse(.ok)) }
                    )
                ],
                of: "sink")
            #expect(try await house.request("POST", "/webhooks/sink", body: "ack").status == 200)

            refusal.withLock { $0 = nil }
            #expect(try await house.request("POST", "/webhooks/hook", headers: hook, body: "e2").status == 202)
        }
    }

    @Test func whatHasBegunIsFinished() async throws {
        let refusal = Mutex<MaintenanceRefusal?>(nil), until = until
        try await TestHouse.run(time: StoppedTime(), refusal: { _ in refusal.withLock { $0 } }) { house async throws in
            let arrived = Latch(), mayGo = Latch()
            try house.mountHook { request in
                arrived.open()
                await mayGo.wait()
                return WebhookResult(
                    [InboundEvent(vendorID: String(decoding: request.body, as: UTF8.self), peer: nil, .consent(true))],
                    response: PluginResponse(.accepted))
            }
            async let first = house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "e1")
            await arrived.wait()
            refusal.withLock { $0 = MaintenanceRefusal(until: until) }
            #expect(try await house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "e2").status == 503)
            mayGo.open()
            #expect(try await first.status == 202)
            #expect(house.stored.withLock { $0.flatMap(\.events).map(\.vendorID) } == ["e1"])
        }
    }
}
