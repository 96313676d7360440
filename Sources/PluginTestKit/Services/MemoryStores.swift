import Foundation
import PluginAPI
import Synchronization

/// A ``KeyValueStore`` that lives in memory and can be made to fail.
public final class MemoryKeyValueStore: KeyValueStore {
    private struct State {
        var values: [String: (value: [UInt8], expires: Date?)] = [:]
        var failure: PluginFailure?
    }

    private let state = Mutex(State())
    private let clock: any TimeSource

    /// - Parameter clock: by whose wall a value's lifetime ends.
    public init(clock: any TimeSource) { self.clock = clock }

    /// Every call fails with this until it is nil again.
    public func fail(with failure: PluginFailure?) { state.withLock { $0.failure = failure } }

    /// All that is stored and has not expired.
    public var contents: [String: [UInt8]] {
        let now = clock.now
        return state.withLock { $0.values.filter { $0.value.expires.map { $0 > now } ?? true }.mapValues(\.value) }
    }

    public func get(_ key: String) async throws -> [UInt8]? {
        let now = clock.now
        return try access { state in state.values[key].flatMap { $0.expires.map { $0 <= now } == true ? nil : $0.value } }
    }

    public func set(_ key: String, to value: [UInt8], lifetime: Duration?) async throws {
        let expires = lifetime.map { clock.now.addingTimeInterval($0.seconds) }
        try access { $0.values[key] = (value, expires) }
    }

    public func remove(_ key: String) async throws { try access { _ = $0.values.removeValue(forKey: key) } }

    public func keys(withPrefix prefix: String, limit: Int) async throws -> [String] {
        try access { _ in }
        return Array(contents.keys.filter { $0.hasPrefix(prefix) }.sorted().prefix(limit))
    }

    private func access<T: Sendable>(_ body: (inout sending State) -> T) throws -> T {
        try state.withLock { state throws -> T in
            if let failure = state.failure { throw failure }
            return body(&state)
        }
    }
}

/// A ``SecretStore`` that lives in memory.
public final class MemorySecretStore: SecretStore {
    private let values: Mutex<[String: Secret]>

    public init(_ values: [String: Secret] = [:]) { self.values = Mutex(values) }

    /// All secrets by name.
    public var contents: [String: Secret] { values.withLock { $0 } }

    public func get(_ name: String) async throws -> Secret? { values.withLock { $0[name] } }
    public func set(_ name: String, to value: Secret) async throws { values.withLock { $0[name] = value } }
    public func remove(_ name: String) async throws { values.withLock { _ = $0.removeValue(forKey: name) } }
}
