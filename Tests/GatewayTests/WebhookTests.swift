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

    @Test func aPluginThatHangsIsAnsweredForAndNothingIsStored() async throws {
        try await TestHouse.run { house in
            let check = WebhookVerification.custom(secret: Secret("s")) { _, _ in true }
            let hook = WebhookRoute(verification: check) { _ in WebhookResult([InboundEvent(vendorID: "e", peer: nil, .consent(true))]) }
            let hung = hook.done { _ in throw PluginFailure.notReady(.timeout, "hook did not answer within 10s") }
            try house.routes.mount([.webhook(hung)], of: "hook")
            let answer = try await house.request("POST", "/webhooks/hook", body: "e1")
            #expect((answer.status, answer.errorCode) == (503, "not_ready"))
            #expect(answer.headers["retry-after"] != nil && house.stored.withLock { $0.isEmpty })
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

    /// Three failures are enough, and nothing else limits.
    private func strict(_ configuration: inout GatewayConfiguration) {
        configuration.rates.failures = nil
        configuration.rates.block?.failures = 3
    }

    @Test func whoForgesAgainAndAgainIsNotReadAnyMore() async throws {
        let time = StoppedTime()
        try await TestHouse.run(time: time, strict) { house in
            try house.mountHook()
            try house.mountHook(of: "other")
            for _ in 0..<3 { #expect(try await house.request("POST", "/webhooks/hook", body: "x").status == 401) }
            // A body is announced and never sent: the answer comes without it.
            let refused = try await house.request("POST", "/webhooks/hook", headers: ["Content-Length: 900"])
            #expect((refused.status, refused.errorCode, refused.headers["retry-after"]) == (429, "rate_limited", "5"))
            #expect(refused.headers["connection"] == "close")
            #expect(try await house.request("POST", "/webhooks/other", body: "x").status == 401, "another instance is another matter")
            let metrics = house.registry.render()
            #expect(metrics.contains("webhook_blocked_total{instance=\"hook\"} 1"), "\(metrics)")
            #expect(metrics.contains("webhooks_unverified_total{instance=\"hook\"} 3"))
            #expect(house.lines.named("an address is blocked: its webhooks show no good signature").map { $0["client"] } == ["127.0.0.1"])
            time.advance(.seconds(601))
            #expect(try await house.request("POST", "/webhooks/hook", body: "x").status == 401, "the block has an end")
        }
    }

    @Test func aVendorBehindTheSameAddressIsNotShutOut() async throws {
        let time = StoppedTime(), good = ["Authorization: s"]
        try await TestHouse.run(time: time, strict) { house in
            try house.mountHook()
            for _ in 0..<3 { #expect(try await house.request("POST", "/webhooks/hook", body: "x").status == 401) }
            #expect(try await house.request("POST", "/webhooks/hook", headers: good, body: "e1").status == 429)
            // It tries again, as vendors do, and is looked at.
            time.advance(.seconds(5))
            #expect(try await house.request("POST", "/webhooks/hook", headers: good, body: "e1").status == 202)
            #expect(try await house.request("POST", "/webhooks/hook", headers: good, body: "e2").status == 202)
            // From now on nobody at its address can have it blocked, the quiet hours of a night included.
            time.advance(.seconds(20 * 3600))
            for _ in 0..<10 { #expect(try await house.request("POST", "/webhooks/hook", body: "x").status == 401) }
            #expect(try await house.request("POST", "/webhooks/hook", headers: good, body: "e3").status == 202)
            #expect(house.stored.withLock { $0.flatMap(\.events).map(\.vendorID) } == ["e1", "e2", "e3"])
        }
    }

    @Test func anInstancesLimitCountsOnlyWhatVerifies() async throws {
        let asked = Mutex<[String]>([]), parsed = Mutex(0)
        try await TestHouse.run(admit: { instance in
            asked.withLock { $0.append(instance) }
            return asked.withLock { $0.count } > 1 ? .milliseconds(2500) : nil
        }) { house in
            try house.mountHook { _ in
                parsed.withLock { $0 += 1 }
                return WebhookResult([InboundEvent(vendorID: "e", peer: nil, .consent(true))])
            }
            #expect(try await house.request("POST", "/webhooks/hook", body: "x").status == 401)
            #expect(asked.withLock { $0.isEmpty })
            #expect(try await house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "e1").status == 200)
            let refused = try await house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "e2")
            #expect((refused.status, refused.errorCode, refused.headers["retry-after"]) == (429, "rate_limited", "3"))
            #expect(asked.withLock { $0 } == ["hook", "hook"] && parsed.withLock { $0 } == 1)
            #expect(house.stored.withLock { $0.count } == 1)
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
