import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import Synchronization
import Testing

@testable import Gateway

@Suite struct WebhookTests {
    @Test func aVerifiedWebhookIsStoredBeforeItIsAnswered() async throws {
        try await TestHouse.run { house in
            try house.mountHook()
            let answer = try await house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "e1")
            #expect((answer.status, answer.body) == (202, "taken"))
            let stored = house.stored.withLock { $0 }
            #expect(stored.map(\.instance) == ["hook"])
            #expect(stored.first?.events.map(\.vendorID) == ["e1"])
        }
    }

    @Test func anUnverifiedWebhookStoresNothingAndIsNotParsed() async throws {
        let parsed = Mutex(false)
        try await TestHouse.run { house in
            try house.mountHook { _ in
                parsed.withLock { $0 = true }
                return WebhookResult([])
            }
            let answer = try await house.request("POST", "/webhooks/hook", headers: ["Authorization: wrong"], body: "e1")
            #expect((answer.status, answer.errorCode) == (401, "unverified"))
            #expect(house.stored.withLock { $0.isEmpty })
            #expect(!parsed.withLock { $0 })
        }
    }

    @Test func whatIsNotConfiguredIsNotThere() async throws {
        try await TestHouse.run { house in
            let open = WebhookRoute(verification: .custom(secret: nil) { _, _ in true }) { _ in WebhookResult([]) }
            try house.routes.mount([.webhook(open)], of: "open")
            #expect(try await house.request("POST", "/webhooks/open", body: "x").status == 404)
            #expect(try await house.request("POST", "/webhooks/nobody", body: "x").status == 404)
            try house.mountHook(tail: "/status")
            #expect(try await house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "x").status == 404)
            #expect(try await house.request("POST", "/webhooks/hook/status?x=1", headers: ["Authorization: s"], body: "x").status == 202)
            #expect(try await house.request("GET", "/webhooks/hook/status").status == 405)
        }
    }

    @Test func failuresSayWhetherToTryAgain() async throws {
        try await TestHouse.run { house in
            try house.mountHook { request in
                if request.body == [0x62] { throw PluginFailure.permanent(.invalidRequest, "no message in it") }
                throw PluginFailure.notReady(.overloaded, "not now", retryAfter: .seconds(7))
            }
            let bad = try await house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "b")
            #expect((bad.status, bad.errorCode) == (400, "invalid_request"))
            let later = try await house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "x")
            #expect((later.status, later.headers["retry-after"]) == (503, "7"))
        }
    }

    @Test func aDiskThatRefusesIsNotAcknowledged() async throws {
        try await TestHouse.run { house in
            try house.mountHook()
            house.storageError.withLock { $0 = StorageError(.full, "disk full") }
            let answer = try await house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "e1")
            #expect((answer.status, answer.errorCode) == (503, "storage_unavailable"))
            #expect(answer.headers["retry-after"] != nil)
            house.storageError.withLock { $0 = nil }
            #expect(try await house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "e1").status == 202)
        }
    }

    @Test func guessingIsSlowedAndDoesNotShutTheVendorOut() async throws {
        try await TestHouse.run(time: StoppedTime(), { $0.rates.failures = RateLimits.Rate(perSecond: 1, burst: 3) }) { house in
            try house.mountHook()
            for _ in 0..<3 { #expect(try await house.request("POST", "/webhooks/hook", body: "x").status == 401) }
            #expect(try await house.request("POST", "/webhooks/hook", body: "x").status == 429)
            #expect(try await house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "e1").status == 202)
            let metrics = house.registry.render()
            #expect(
                metrics.contains("webhooks_unverified_total{instance=\"hook\"} 4") && metrics.contains("rate_limited_total{scope=\"failures\"} 1"))
        }
    }

    @Test func routesOfTwoInstancesCannotCollide() throws {
        let routes = MountedRoutes()
        let page = PluginRoute.page(PageRoute(path: "/") { _ in PluginResponse(.ok) })
        try routes.mount([page], of: "a")
        try routes.mount([page], of: "a")
        #expect(throws: PluginFailure.self) { try routes.mount([page], of: "b") }
        for path in ["/api/v1/x", "/health", "/ws", "/webhooks/x", "no-slash", "/a b"] {
            #expect(throws: PluginFailure.self) { try routes.mount([.page(PageRoute(path: path) { _ in PluginResponse(.ok) })], of: "c") }
        }
        // The guest's socket lies below the staff's path and is free.
        try routes.mount([.socket(SocketRoute(path: "/ws/chat") { _ in TestReceiver() })], of: "chat")
        // What fails changes nothing.
        #expect(throws: PluginFailure.self) {
            try routes.mount([.page(PageRoute(path: "/new") { _ in PluginResponse(.ok) }), page], of: "chat")
        }
        #expect(routes.page("/new") == nil)
        #expect(routes.socket("/ws/chat")?.instance == "chat")
    }
}
