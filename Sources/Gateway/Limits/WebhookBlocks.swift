import Kernel
import PluginAPI
import Synchronization

/// Addresses whose webhooks failed again and again, by instance: while one is blocked, its requests are not read, let alone hashed.
///
/// A vendor may share its address with whoever guesses, behind a proxy that is not in `server.trusted_proxies`. So an address from which something verified is not blocked
/// at all for as long as it is trusted, and of a blocked address one request is looked at from time to time: the first that verifies ends the block.
final class WebhookBlocks: Sendable {
    private struct Key: Hashable {
        var address: [UInt8]
        var instance: String
    }

    private struct Suspect {
        var failures = 0
        var since: Duration
        var blockedUntil: Duration?
        /// When one of its requests was last looked at.
        var triedAt: Duration = .zero
    }

    private struct State {
        var suspects: [Key: Suspect] = [:]
        /// When something last verified.
        var proven: [Key: Duration] = [:]
        var sweptAt: Duration?
    }

    private let rule: RateLimits.Block
    private let maximumAddresses: Int
    private let time: any TimeSource
    private let state = Mutex(State())

    init?(_ rule: RateLimits.Block?, maximumAddresses: Int, time: any TimeSource) {
        guard let rule, rule.failures > 0 else { return nil }
        self.rule = rule
        self.maximumAddresses = maximumAddresses
        self.time = time
    }

    /// Whether a request may be read. Asked before its body is.
    /// - Returns: nil where it may; else how long until one is looked at again.
    func refusal(_ address: IPAddress?, _ instance: String) -> Duration? {
        let now = time.monotonic, key = Self.key(address, instance)
        return state.withLock { state in
            guard let suspect = state.suspects[key], let until = suspect.blockedUntil else { return nil }
            guard until > now else {
                state.suspects[key] = nil
                return nil
            }
            let next = suspect.triedAt + rule.trial
            if next > now { return min(next, until) - now }
            state.suspects[key]?.triedAt = now
            return nil
        }
    }

    /// A request showed no good signature.
    /// - Returns: true where the address is blocked from now on.
    func failed(_ address: IPAddress?, _ instance: String) -> Bool {
        let now = time.monotonic, key = Self.key(address, instance)
        return state.withLock { state in
            if let at = state.proven[key], now - at < rule.trust { return false }
            if state.suspects[key] == nil, state.suspects.count >= maximumAddresses {
                sweep(&state, now)
                // Who finds the table full is limited like all who fail, and not blocked: nobody is blocked for others.
                guard state.suspects.count < maximumAddresses else { return false }
            }
            var suspect = state.suspects[key] ?? Suspect(since: now)
            defer { state.suspects[key] = suspect }
            if let until = suspect.blockedUntil, until > now {
                suspect.blockedUntil = now + rule.lasts
                return false
            }
            if suspect.blockedUntil != nil || now - suspect.since > rule.within { suspect = Suspect(since: now) }
            suspect.failures += 1
            guard suspect.failures >= rule.failures else { return false }
            suspect.blockedUntil = now + rule.lasts
            suspect.triedAt = now
            return true
        }
    }

    /// A request showed that it comes from the vendor.
    func verified(_ address: IPAddress?, _ instance: String) {
        let now = time.monotonic, key = Self.key(address, instance)
        state.withLock { state in
            state.suspects[key] = nil
            if state.proven[key] == nil, state.proven.count >= maximumAddresses {
                state.proven = state.proven.filter { now - $0.value < rule.trust }
                if state.proven.count >= maximumAddresses { state.proven.remove(at: state.proven.startIndex) }
            }
            state.proven[key] = now
        }
    }

    /// How many addresses are suspected.
    var count: Int { state.withLock { $0.suspects.count } }

    private static func key(_ address: IPAddress?, _ instance: String) -> Key { Key(address: address?.limitKey ?? [], instance: instance) }

    /// Forgets who has nothing to be remembered for. At most once a second, since it looks at all of them.
    private func sweep(_ state: inout State, _ now: Duration) {
        if let sweptAt = state.sweptAt, now - sweptAt < .seconds(1) { return }
        state.sweptAt = now
        state.suspects = state.suspects.filter { _, suspect in suspect.blockedUntil.map { $0 > now } ?? (now - suspect.since <= rule.within) }
    }
}
