import Kernel
import PluginAPI
import Synchronization

/// Token buckets by address, in a table that cannot grow without end.
final class AddressLimiter: Sendable {
    private struct Bucket {
        var tokens: Double
        var at: Duration
    }

    private struct State {
        var buckets: [[UInt8]: Bucket] = [:]
        var sweptAt: Duration = .zero
    }

    private let rate: RateLimits.Rate
    private let maximumAddresses: Int
    private let time: any TimeSource
    private let state = Mutex(State())

    init?(_ rate: RateLimits.Rate?, maximumAddresses: Int, time: any TimeSource) {
        guard let rate, rate.perSecond > 0, rate.burst >= 1 else { return nil }
        self.rate = rate
        self.maximumAddresses = maximumAddresses
        self.time = time
    }

    /// Takes a token. Returns nil where there was one, else how long until there is.
    func take(_ address: IPAddress?) -> Duration? {
        let now = time.monotonic
        return state.withLock { state in
            var key = address?.limitKey ?? []
            if state.buckets[key] == nil, state.buckets.count >= maximumAddresses {
                sweep(&state, now)
                // Whoever finds the table full shares one bucket with all who did, rather than push out somebody who is being held back.
                if state.buckets.count >= maximumAddresses { key = [] }
            }
            var bucket = state.buckets[key] ?? Bucket(tokens: rate.burst, at: now)
            bucket.tokens = min(rate.burst, bucket.tokens + (now - bucket.at).seconds * rate.perSecond)
            bucket.at = now
            guard bucket.tokens >= 1 else {
                state.buckets[key] = bucket
                return .milliseconds(Int64(((1 - bucket.tokens) / rate.perSecond * 1000).rounded(.up)))
            }
            bucket.tokens -= 1
            state.buckets[key] = bucket
            return nil
        }
    }

    /// How many addresses are being told apart.
    var count: Int { state.withLock { $0.buckets.count } }

    /// Forgets buckets that are full again: they are as good as new. At most once a second, since it looks at all of them.
    private func sweep(_ state: inout State, _ now: Duration) {
        guard now - state.sweptAt >= .seconds(1) || state.sweptAt == .zero else { return }
        state.sweptAt = now
        state.buckets = state.buckets.filter { $0.value.tokens + (now - $0.value.at).seconds * rate.perSecond < rate.burst }
    }
}

/// The limits of all kinds of request.
struct Limiters: Sendable {
    enum Scope: String, Sendable { case pages, api, webhooks, sockets, failures }

    private let limiters: [Scope: AddressLimiter]

    init(_ rates: RateLimits, time: any TimeSource) {
        var all: [Scope: AddressLimiter] = [:]
        for (scope, rate) in [
            (Scope.pages, rates.pages), (.api, rates.api), (.webhooks, rates.webhooks), (.sockets, rates.sockets), (.failures, rates.failures),
        ] {
            all[scope] = AddressLimiter(rate, maximumAddresses: rates.maximumAddresses, time: time)
        }
        limiters = all
    }

    func take(_ scope: Scope, _ address: IPAddress?) -> Duration? { limiters[scope]?.take(address) }
}

extension IPAddress {
    /// What limits are counted by: an IPv4 address, or the /64 network that one IPv6 customer has to itself.
    var limitKey: [UInt8] { bytes.count == 4 ? bytes : Array(bytes[..<8]) }
}
