import Foundation

/// A plugin instance's own durable keys and values. Other instances, also of the same plugin, do not see them.
public protocol KeyValueStore: Sendable {
    /// The value, or nil where there is none or it has expired.
    func get(_ key: String) async throws -> [UInt8]?

    /// Stores a value; returns when it is on disk.
    /// - Parameter lifetime: after which the value is gone; nil keeps it.
    func set(_ key: String, to value: [UInt8], lifetime: Duration?) async throws

    func remove(_ key: String) async throws

    /// The keys that begin with `prefix`, in order.
    func keys(withPrefix prefix: String, limit: Int) async throws -> [String]
}

extension KeyValueStore {
    /// The value decoded from JSON.
    public func get<T: Decodable>(_ key: String, as type: T.Type) async throws -> T? {
        try await get(key).map { try JSONDecoder().decode(type, from: Data($0)) }
    }

    /// Stores the value as JSON.
    public func set(_ key: String, json value: some Encodable, lifetime: Duration? = nil) async throws {
        try await set(key, to: [UInt8](JSONEncoder().encode(value)), lifetime: lifetime)
    }
}

/// A plugin instance's secrets, encrypted at rest.
public protocol SecretStore: Sendable {
    func get(_ name: String) async throws -> Secret?
    func set(_ name: String, to value: Secret) async throws
    func remove(_ name: String) async throws
}

/// Work in time. What is scheduled belongs to the instance and ends with it.
public protocol PluginScheduler: Sendable {
    /// Runs `work` every `interval`, counted from the end of one run to the beginning of the next, until the instance stops. A failure is logged and counted, and
    /// does not end the series. Not durable: register it in `start`.
    func every(_ interval: Duration, name: String, _ work: @escaping @Sendable () async throws -> Void) async

    /// Asks for ``handle`` to be called with `payload` at `date`, once, also after a restart. The same `key` replaces what was asked before.
    func at(_ date: Date, key: String, payload: [UInt8]) async throws

    /// Says what to do with work that ``at(_:key:payload:)`` brings due. Register it in `start`; what came due before waits for it.
    func handle(_ work: @escaping @Sendable (_ key: String, _ payload: [UInt8]) async throws -> Void) async
}

/// Where an instance reports on itself between `start` and `stop`.
public protocol HealthReporter: Sendable {
    /// The instance still runs, but not as it should. Logged and announced once, however often it is said.
    func degraded(_ why: String)

    /// The instance is well again.
    func recovered()

    /// The vendor no longer takes the credentials: the kernel stops calling and asks a human.
    func credentialsRejected(_ why: String)
}

/// Where a plugin hands in what arrives from outside by other ways than a webhook route.
public protocol InboundPort: Sendable {
    /// Stores events and returns when they are on disk. An event whose ``InboundEvent/vendorID`` the instance handed in before is not stored again.
    /// - Throws: ``PluginFailure`` not ready where the disk refuses: the event is not accepted, and the sender must keep it.
    func accept(_ events: [InboundEvent]) async throws -> [InboundReceipt]

    /// Tells people of something that arrived and cannot be handed in, however often it is tried: a dead letter (`jack letters`) and its alert. The
    /// same ``InboundEvent/vendorID`` is told of once.
    /// - Parameters:
    ///   - event: stands for what arrived, as far as it can be read. Nobody deals with it.
    ///   - reason: why, and where it is to be found now. Holds no guest's word.
    ///   - attempts: how often it was tried.
    /// - Throws: as ``accept(_:)``: nobody was told then.
    func giveUp(_ event: InboundEvent, reason: String, attempts: Int) async throws

    /// What was said with a peer, oldest first: for channels whose vendor keeps no history.
    func transcript(with peer: PeerAddress, limit: Int) async throws -> [TranscriptEntry]
}

/// What became of an event that was handed in.
public struct InboundReceipt: Sendable, Hashable, Codable {
    /// Jack's own id of the event.
    public let id: String
    /// True where the event was already known.
    public let isDuplicate: Bool

    public init(id: String, isDuplicate: Bool) {
        self.id = id
        self.isDuplicate = isDuplicate
    }
}
