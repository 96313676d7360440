import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import Testing

@testable import Gateway
@testable import OnCall

/// Whoever guesses at an alert source is blocked as whoever guesses at a plugin's webhook is.
@Suite struct SourceBlockTests {
    /// Takes what shows `Authorization: s`.
    struct Sources: AlertSourceKeeping {
        func take(_ request: PluginRequest, of source: String) async throws -> SourceReceipt {
            guard ["boiler", "other", "hook"].contains(source) else { throw SourceRefusal.unknown }
            guard request.headers[.authorization] == "s" else { throw SourceRefusal.unverified("the token is wrong") }
            if request.body.starts(with: "bad".utf8) { throw SourceRefusal.invalid("no alert") }
            return SourceReceipt(alerts: 1)
        }
    }

    /// Three failures are enough, and nothing else limits.
    private func strict(_ configuration: inout GatewayConfiguration) {
        configuration.rates.failures = nil
        configuration.rates.block?.failures = 3
    }

    @Test func whoFailsAgainAndAgainIsNotReadAnyMore() async throws {
        let time = StoppedTime()
        try await TestHouse.run(time: time, sources: Sources(), strict) { house async throws in
            try house.mountHook()
            for _ in 0..<3 { #expect(try await house.request("POST", "/api/v1/alerts/boiler", body: "{}").status == 401) }
            // A body is announced and never sent: the answer comes without it.
            let refused = try await house.request("POST", "/api/v1/alerts/boiler", headers: ["Content-Length: 900"])
            #expect((refused.status, refused.errorCode, refused.headers["retry-after"]) == (429, "rate_limited", "5"))
            #expect(refused.headers["connection"] == "close")
            #expect(try await house.request("POST", "/api/v1/alerts/other", body: "{}").status == 401, "another source is another matter")
            for _ in 0..<5 { #expect(try await house.request("POST", "/api/v1/alerts/nobody", body: "{}").status == 404) }
            let metrics = house.registry.render()
            #expect(metrics.contains("webhook_blocked_total{instance=\"boiler\"} 1"), "\(metrics)")
            #expect(metrics.contains("webhooks_unverified_total{instance=\"boiler\"} 3"))
            #expect(
                house.lines.named("an address is blocked: what it sends to an alert source shows no good signature").map { $0["client"] }
                    == ["127.0.0.1"])
            time.advance(.seconds(601))
            #expect(try await house.request("POST", "/api/v1/alerts/boiler", body: "{}").status == 401, "the block has an end")
        }
    }

    @Test func aSourceBehindTheSameAddressIsNotShutOut() async throws {
        let time = StoppedTime(), good = ["Authorization: s"]
        try await TestHouse.run(time: time, sources: Sources(), strict) { house async throws in
            for _ in 0..<3 { #expect(try await house.request("POST", "/api/v1/alerts/boiler", body: "{}").status == 401) }
            #expect(try await house.request("POST", "/api/v1/alerts/boiler", headers: good, body: "{}").status == 429)
            time.advance(.seconds(5))
            // That it is no alert changes nothing: it has shown that it comes from the source.
            #expect(try await house.request("POST", "/api/v1/alerts/boiler", headers: good, body: "bad").status == 422)
            for _ in 0..<10 { #expect(try await house.request("POST", "/api/v1/alerts/boiler", body: "{}").status == 401) }
            #expect(try await house.request("POST", "/api/v1/alerts/boiler", headers: good, body: "{}").status == 202)
        }
    }

    @Test func anInstanceOfTheSameNameIsAnotherSender() async throws {
        try await TestHouse.run(time: StoppedTime(), sources: Sources(), strict) { house async throws in
            try house.mountHook()
            for _ in 0..<3 { #expect(try await house.request("POST", "/api/v1/alerts/hook", body: "{}").status == 401) }
            #expect(try await house.request("POST", "/webhooks/hook", body: "x").status == 401)
            #expect(try await house.request("POST", "/api/v1/alerts/hook", body: "{}").status == 429)
        }
    }
}
