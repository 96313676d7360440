import HTTPTypes
import Kernel
import PluginAPI
import Testing

@testable import Gateway

@Suite struct LimitTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false),
        ("192.0.2.128/25", "192.0.2.127", false), ("192.0.2.128/25", "192.0.2.200", true), ("0.0.0.0/0", "8.8.8.8", true),
        ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("::/0", "10.0.0.1", false),
    ]) func rangesHoldTheirAddresses(_ range: String, _ address: String, _ isInside: Bool) throws {
        #expect(try #require(AddressRange(range)).contains(try #require(IPAddress(address))) == isInside)
    }

    @Test(arguments: ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "::1/129", "10.0.0.0/8/8", "host"]) func nonsenseIsNoRange(_ text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test func whatTheOperatorSetsAreTheLimitsAndTheRestIsAsItWas() {
        let usual = RateLimits(), plain = RateLimits(RateLimitSettings())
        #expect(plain.pages == .init(perSecond: 5, burst: 300) && plain.api == plain.pages)
        #expect(plain.webhooks == usual.webhooks && plain.sockets == usual.sockets && plain.failures == usual.failures)
        var settings = RateLimitSettings()
        (settings.webhooks.requests, settings.webhooks.per, settings.webhooks.burst) = (600, .seconds(60), 20)
        (settings.sockets.requests, settings.sockets.burst) = (2, 3)
        let set = RateLimits(settings)
        #expect(set.webhooks == .init(perSecond: 10, burst: 20) && set.sockets == .init(perSecond: 2, burst: 3) && set.pages == plain.pages)
        (settings.webhooks.requests, settings.sockets.requests) = (0, 0)
        let lifted = RateLimits(settings)
        #expect(lifted.webhooks == nil && lifted.sockets == nil && lifted.pages == plain.pages && lifted.failures != nil)
        settings = RateLimitSettings()
        settings.requests = 0
        let open = RateLimits(settings)
        #expect(open.pages == nil && open.api == nil && open.sockets == nil && open.webhooks == usual.webhooks)
    }

    @Test func forwardedChainsAreReadFromTheRight() throws {
        let resolver = ClientResolver(trusted: ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].compactMap { AddressRange($0) })
        func address(_ peer: String, _ chain: String) throws -> String {
            resolver.resolve(peer: peer, authority: "x", headers: [.xForwardedFor: chain]).addressText
        }
        #expect(try address("127.0.0.1", "1.1.1.1, 10.0.0.1") == "1.1.1.1")
        #expect(try address("127.0.0.1", "9.9.9.9, 1.1.1.1") == "1.1.1.1")
        #expect(try address("127.0.0.1", "1.1.1.1:443") == "1.1.1.1")
        #expect(try address("127.0.0.1", "[2001:db8::5]:80, fd00::1") == "2001:db8::5")
        #expect(try address("127.0.0.1", "1.1.1.1, nonsense") == "127.0.0.1")
        #expect(try address("127.0.0.1", "10.0.0.9") == "10.0.0.9")
        #expect(try address("192.0.2.1", "1.1.1.1") == "192.0.2.1")
    }

    @Test func bucketsFillSteadilyAndDoNotOverflow() throws {
        let time = StoppedTime()
        let limiter = try #require(AddressLimiter(RateLimits.Rate(perSecond: 2, burst: 3), maximumAddresses: 10, time: time))
        let address = IPAddress("192.0.2.1")
        for _ in 0..<3 { #expect(limiter.take(address) == nil) }
        #expect(limiter.take(address) == .milliseconds(500))
        time.advance(.milliseconds(250))
        #expect(limiter.take(address) == .milliseconds(250))
        time.advance(.seconds(100))
        for _ in 0..<3 { #expect(limiter.take(address) == nil) }
        #expect(limiter.take(address) != nil)
    }

    @Test func theTableIsBoundedAndForgetsOnlyWhoHasNothingToForget() throws {
        let time = StoppedTime()
        let limiter = try #require(AddressLimiter(RateLimits.Rate(perSecond: 1, burst: 2), maximumAddresses: 100, time: time))
        let held = IPAddress("198.51.100.1")
        for _ in 0..<3 { _ = limiter.take(held) }
        for n in 0..<1000 { _ = limiter.take(IPAddress("10.0.\(n / 250).\(n % 250)")) }
        #expect(limiter.count <= 101)
        #expect(limiter.take(held) != nil)
        time.advance(.milliseconds(1500))
        #expect(limiter.take(IPAddress("10.9.9.9")) == nil)
        #expect(limiter.count < 10)
    }

    private func blocks(_ time: StoppedTime, maximum: Int = 100) throws -> WebhookBlocks {
        var rule = RateLimits.Block()
        rule.failures = 3
        return try #require(WebhookBlocks(rule, maximumAddresses: maximum, time: time))
    }

    @Test func failuresThatAreFarApartBlockNobody() throws {
        let time = StoppedTime(), blocks = try blocks(time), address = IPAddress("192.0.2.1")
        for _ in 0..<20 {
            #expect(!blocks.failed(address, "hook"))
            time.advance(.seconds(301))
        }
        #expect(blocks.refusal(address, "hook") == nil)
    }

    @Test func aBlockLastsWhileItGoesOn() throws {
        let time = StoppedTime(), blocks = try blocks(time), address = IPAddress("192.0.2.1")
        #expect((0..<3).map { _ in blocks.failed(address, "hook") } == [false, false, true])
        #expect(blocks.refusal(address, "hook") == .seconds(5))
        #expect(blocks.refusal(IPAddress("192.0.2.2"), "hook") == nil && blocks.refusal(address, "other") == nil)
        for _ in 0..<200 {
            time.advance(.seconds(5))
            #expect(blocks.refusal(address, "hook") == nil, "one is looked at")
            #expect(blocks.refusal(address, "hook") == .seconds(5), "and only one")
            #expect(!blocks.failed(address, "hook"), "it is said once")
        }
        time.advance(.seconds(598))
        #expect(blocks.refusal(address, "hook") == nil)
        #expect(blocks.refusal(address, "hook") == .seconds(2), "no longer than the block itself")
        time.advance(.seconds(2))
        #expect((0..<5).allSatisfy { _ in blocks.refusal(address, "hook") == nil })
    }

    @Test func trustEndsWhenNothingVerifiesForADay() throws {
        let time = StoppedTime(), blocks = try blocks(time), address = IPAddress("192.0.2.1")
        blocks.verified(address, "hook")
        for _ in 0..<10 { #expect(!blocks.failed(address, "hook")) }
        time.advance(.seconds(86_400))
        #expect((0..<3).map { _ in blocks.failed(address, "hook") } == [false, false, true])
    }

    @Test func aCrowdOfForgersBlocksNobodyElse() throws {
        let time = StoppedTime(), blocks = try blocks(time, maximum: 50)
        for n in 0..<1000 { for _ in 0..<3 { _ = blocks.failed(IPAddress("10.0.\(n / 250).\(n % 250)"), "hook") } }
        #expect(blocks.count == 50)
        #expect(blocks.refusal(IPAddress("198.51.100.1"), "hook") == nil)
        time.advance(.seconds(700))
        #expect((0..<3).map { _ in blocks.failed(IPAddress("198.51.100.1"), "hook") } == [false, false, true], "the table forgets")
    }

    @Test func oneIPv6CustomerIsOneAddress() throws {
        let limiter = try #require(AddressLimiter(RateLimits.Rate(perSecond: 1, burst: 1), maximumAddresses: 10, time: StoppedTime()))
        #expect(limiter.take(IPAddress("2001:db8:1:2::1")) == nil)
        #expect(limiter.take(IPAddress("2001:db8:1:2:ffff::9")) != nil)
        #expect(limiter.take(IPAddress("2001:db8:1:3::1")) == nil)
    }
}
