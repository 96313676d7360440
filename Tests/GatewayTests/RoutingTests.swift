import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import Synchronization
import Testing

@testable import Gateway

/// Routes, errors, limits and headers through a real socket.
@Suite struct RoutingTests {
    @Test func everyErrorIsJSON() async throws {
        try await TestHouse.run { house in
            struct Surprise: Error {}
            try house.routes.mount([.page(PageRoute(path: "/boom") { _ in throw Surprise() })], of: "boom")
            let missing = try await house.request("GET", "/no/such/page")
            #expect((missing.status, missing.errorCode) == (404, "not_found"))
            let method = try await house.request("DELETE", "/health")
            #expect((method.status, method.errorCode) == (405, "method_not_allowed"))
            #expect(method.headers["allow"] == "GET, HEAD")
            let page = try await house.request("POST", "/boom")
            #expect((page.status, page.headers["allow"]) == (405, "GET, HEAD"))
            let boom = try await house.request("GET", "/boom")
            #expect((boom.status, boom.errorCode) == (500, "internal"))
            #expect(!boom.body.contains("Surprise"))
        }
    }

    @Test func everyAnswerCarriesTheSecurityHeaders() async throws {
        try await TestHouse.run { house in
            for path in ["/healthz", "/nothing", "/api/v1/tasks"] {
                let answer = try await house.request("GET", path)
                #expect(answer.headers["content-security-policy"]?.hasPrefix("default-src 'self'") == true)
                #expect(answer.headers["x-content-type-options"] == "nosniff")
                #expect(answer.headers["x-frame-options"] == "DENY")
                #expect(answer.headers["referrer-policy"] == "no-referrer")
                #expect(answer.headers["server"] == "Jack")
                #expect(answer.headers["strict-transport-security"] == nil)
                #expect(answer.headers["date"] != nil)
            }
        }
    }

    @Test func pagesAreServedAtTheirPathAndForHEADWithoutBody() async throws {
        try await TestHouse.run { house in
            try house.routes.mount(
                [.page(PageRoute(path: "/") { PluginResponse(.ok, text: "<\($0.queryValue("a") ?? "-")> \($0.url)", contentType: "text/html") })],
                of: "chat")
            let page = try await house.request("GET", "/?a=b%20c")
            #expect(page.body == "<b c> http://jack.test/?a=b%20c")
            let client = try await house.client()
            try await client.send("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let head = try await client.untilClosed()
            #expect(head.hasPrefix("HTTP/1.1 200") && head.hasSuffix("\r\n\r\n"))
            house.routes.unmount("chat")
            #expect(try await house.request("GET", "/").status == 404)
        }
    }

    @Test func requestIDsAreTakenIfSaneAndAlwaysReturned() async throws {
        try await TestHouse.run { house in
            #expect(try await house.request("GET", "/healthz", headers: ["X-Request-Id: abc-123_DEF"]).headers["x-request-id"] == "abc-123_DEF")
            for bad in ["short", "has blank in it", "<script>alert</script>", String(repeating: "a", count: 65)] {
                let id = try #require(try await house.request("GET", "/healthz", headers: ["X-Request-Id: \(bad)"]).headers["x-request-id"])
                #expect(id != bad)
                #expect(id.count == 16)
            }
        }
    }

    @Test func everyRequestIsOneLogLineWithoutItsQuery() async throws {
        try await TestHouse.run { house in
            struct Surprise: Error {}
            try house.routes.mount([.page(PageRoute(path: "/boom") { _ in throw Surprise() })], of: "boom")
            _ = try await house.request("GET", "/nothing?token=secret", headers: ["X-Request-Id: abcd-1234"])
            _ = try await house.request("GET", "/boom")
            let lines = house.lines.named("request")
            #expect(lines.count == 2)
            #expect(lines.first?["request_id"] == "abcd-1234")
            #expect(lines.first?["path"] == "/nothing")
            #expect(lines.first?["status"] == "404")
            #expect(lines.first?["client"] == "127.0.0.1")
            #expect(lines.last?["error"]?.contains("Surprise") == true)
            #expect(!lines.contains { $0.values.contains { $0.contains("secret") } })
        }
    }

    @Test func aTakenPortIsSaidAndStoppingTwiceIsFine() async throws {
        try await TestHouse.run { house in
            let taken = try house.port
            await #expect(throws: (any Error).self) { try await TestHouse.run({ $0.port = taken }) { _ in } }
            #expect(try await house.request("GET", "/healthz").status == 200)
            try await house.server.stop()
        }
    }

    @Test func ratesAreLimitedByAddressAndSayWhenToComeBack() async throws {
        let time = StoppedTime()
        try await TestHouse.run(
            time: time,
            {
                $0.rates.pages = RateLimits.Rate(perSecond: 0.5, burst: 2)
                $0.trustedProxies = [AddressRange("127.0.0.1")!]
            }
        ) { house in
            func ask(_ address: String) async throws -> RawResponse {
                try await house.request("GET", "/nothing", headers: ["X-Forwarded-For: \(address)"])
            }
            #expect(try await ask("192.0.2.1").status == 404)
            #expect(try await ask("192.0.2.1").status == 404)
            let refused = try await ask("192.0.2.1")
            #expect((refused.status, refused.errorCode, refused.headers["retry-after"]) == (429, "rate_limited", "2"))
            #expect(try await ask("192.0.2.2").status == 404)
            // What watches Jack is never refused.
            for _ in 0..<5 { #expect(try await house.request("GET", "/healthz", headers: ["X-Forwarded-For: 192.0.2.1"]).status == 200) }
            time.advance(.seconds(2))
            #expect(try await ask("192.0.2.1").status == 404)
            #expect(house.registry.render().contains(#"rate_limited_total{scope="pages"} 1"#))
        }
    }

    @Test func forwardedHeadersAreBelievedOnlyFromTrustedProxies() async throws {
        let page = PluginRoute.page(PageRoute(path: "/who") { PluginResponse(.ok, text: "\($0.remoteAddress) \($0.url)") })
        let headers = ["X-Forwarded-For: 203.0.113.9, 198.51.100.7, 10.0.0.2", "X-Forwarded-Proto: https", "X-Forwarded-Host: hotel.example"]
        try await TestHouse.run { house in
            try house.routes.mount([page], of: "who")
            #expect(try await house.request("GET", "/who", headers: headers).body == "127.0.0.1 http://jack.test/who")
        }
        try await TestHouse.run({ $0.trustedProxies = ["127.0.0.0/8", "10.0.0.0/8"].compactMap { AddressRange($0) } }) { house in
            try house.routes.mount([page], of: "who")
            let answer = try await house.request("GET", "/who", headers: headers)
            #expect(answer.body == "198.51.100.7 https://hotel.example/who")
            #expect(answer.headers["strict-transport-security"] != nil)
        }
    }

    @Test func theAllowlistClosesTheAPIAndNothingElse() async throws {
        try await TestHouse.run({ $0.apiAllowlist = [AddressRange("192.0.2.0/24")!] }) { house in
            for path in ["/api/v1/tasks", "/api/openapi.yaml", "/metrics"] {
                let answer = try await house.api("GET", path)
                #expect((answer.status, answer.errorCode) == (403, "address_not_allowed"))
            }
            #expect(try await house.request("GET", "/healthz").status == 200)
        }
    }

    @Test func browsersOfAllowedOriginsMayReadTheAPI() async throws {
        try await TestHouse.run({ $0.corsOrigins = ["https://desk.example"] }) { house in
            let preflight = try await house.request(
                "OPTIONS", "/api/v1/tasks", headers: ["Origin: https://desk.example", "Access-Control-Request-Method: POST"])
            #expect(preflight.status == 204)
            #expect(preflight.headers["access-control-allow-origin"] == "https://desk.example")
            #expect(preflight.headers["access-control-allow-headers"]?.contains("Authorization") == true)
            // Whatever the API takes, a page of that origin may send.
            let allowed = Set(
                (preflight.headers["access-control-allow-methods"] ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
            #expect(allowed.isSuperset(of: house.documentedRoutes.withLock { $0 }.map { String($0.prefix { $0 != " " }) }), "\(allowed)")
            let other = try await house.request("OPTIONS", "/api/v1/tasks", headers: ["Origin: https://evil.example"])
            #expect(other.headers["access-control-allow-origin"] == nil)
            #expect(try await house.api("GET", "/api/v1/tasks", headers: ["Origin: https://desk.example"]).headers["vary"] == "Origin")
        }
    }

    @Test func metricsPassPromtoolAndHaveBoundedLabels() async throws {
        try await TestHouse.run({ $0.metricsPort = 0 }) { house in
            for n in 0..<5 { _ = try await house.request("GET", "/path/\(n)") }
            _ = try await house.api("GET", "/api/v1/tasks/t1")
            let text = try await house.request("GET", "/metrics")
            #expect(text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(text.body.contains(#"http_requests_total{method="GET",route="unmatched",status="404"} 5"#))
            #expect(text.body.contains(#"http_requests_total{method="GET",route="/api/v1/tasks/{id}",status="200"} 1"#))
            #expect(text.body.contains("http_request_duration_seconds_bucket{"))
            #expect(text.body.contains("active_connections "))
            let (status, output) = try await runAside(["promtool", "check", "metrics"], input: text.body)
            #expect(status == 0 && output.isEmpty, "\(output)")
            let own = try await RawClient.connect(try #require(try house.server.metricsPort))
            #expect(try await own.exchange("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").body.contains("http_requests_total"))
            #expect(try await own.exchange("GET /api/v1/tasks HTTP/1.1\r\nHost: x\r\n\r\n").status == 404)
        }
    }

    @Test func healthHasItsShape() async throws {
        try await TestHouse.run { house in
            let well = try await house.request("GET", "/health")
            #expect(well.status == 200)
            #expect(Set(well.json.keys) == ["status", "version", "uptime", "database", "channels"])
            #expect(well.json["status"] as? String == "healthy")
            #expect(well.json["version"] as? String == "1.2.3")
            #expect(well.json["database"] as? String == "connected")
            #expect(well.json["channels"] as? [String: String] == ["webchat": "connected", "whatsapp": "disconnected"])
            #expect(well.json["uptime"] is Double)
            house.database.withLock { $0 = false }
            let ill = try await house.request("GET", "/health")
            #expect(ill.status == 503)
            #expect(ill.json["status"] as? String == "unhealthy")
            #expect(ill.json["database"] as? String == "disconnected")
        }
    }

    @Test func readinessNamesWhatIsMissingWithinItsLimit() async throws {
        let never = Latch()
        try await TestHouse.run({ $0.probeTimeout = .milliseconds(100) }) { house in
            #expect(try await house.request("GET", "/readyz").status == 200)
            house.checks.withLock {
                $0 = [
                    ReadinessDependency("database") {},
                    ReadinessDependency("ai") { throw PluginFailure.notReady(.unreachable, "no answer from the model") },
                    ReadinessDependency("pms") { await never.wait() },
                ]
            }
            let begun = ContinuousClock.now
            let answer = try await house.request("GET", "/readyz")
            #expect(ContinuousClock.now - begun < .seconds(3))
            #expect(answer.status == 503)
            #expect(answer.json["not_ready"] as? [String] == ["ai", "pms"])
            let reasons = (answer.json["dependencies"] as? [[String: Any]])?.compactMap { $0["reason"] as? String }
            #expect(reasons == ["no answer from the model", "did not answer within 100ms"])
            #expect(try await house.request("GET", "/healthz").status == 200)
            never.open()
        }
    }
}
