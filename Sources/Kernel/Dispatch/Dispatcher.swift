import PluginAPI

/// Typed calls into named instances.
///
/// ```swift
/// let result = try await dispatcher.call("whatsapp", as: (any ChannelPlugin).self, "send") { try await $0.send(message) }
/// ```
public struct Dispatcher: Sendable {
    private let instances: InstanceRegistry

    public init(instances: InstanceRegistry) { self.instances = instances }

    /// Calls an instance under its limits.
    /// - Parameters:
    ///   - instance: the name in YAML.
    ///   - type: the kind's protocol, as `(any ChannelPlugin).self`.
    ///   - operation: a short name for metrics and traces.
    /// - Throws: ``PluginAPI/PluginFailure``; not ready where the instance is not running.
    public func call<P: Sendable, R: Sendable>(
        _ instance: String, as type: P.Type, _ operation: String, _ options: CallOptions = CallOptions(),
        _ body: @escaping @Sendable (P) async throws -> R
    ) async throws -> R {
        guard let supervisor = instances.supervisor(instance) else {
            throw PluginFailure.permanent(.configuration, "there is no instance “\(instance)”")
        }
        return try await supervisor.call(as: type, operation, options, body)
    }

    /// What a channel instance can carry, without a call; nil where it has not started yet, or is none.
    public func channelFeatures(_ instance: String) -> ChannelFeatures? { instances.supervisor(instance)?.channelFeatures }

    /// A chain of instances: calls them in order until one succeeds, and says why each was passed over.
    ///
    /// One mechanism for the AI's fallback, a message's delivery plan and a page's next contact. A failure that another instance could not mend either ends the chain where
    /// `isFinal` says so.
    public func chain<P: Sendable, R: Sendable>(
        _ names: [String], as type: P.Type, _ operation: String, _ options: CallOptions = CallOptions(),
        isFinal: @Sendable (PluginFailure) -> Bool = { _ in false }, _ body: @escaping @Sendable (P) async throws -> R
    ) async throws -> ChainResult<R> {
        var passed: [ChainResult<R>.Step] = []
        var last = PluginFailure.permanent(.configuration, "the chain names no instance")
        for name in names {
            do {
                return ChainResult(value: try await call(name, as: type, operation, options, body), instance: name, passedOver: passed)
            } catch let failure as PluginFailure {
                passed.append(ChainResult.Step(instance: name, reason: failure.description))
                last = failure
                if isFinal(failure) { break }
            }
        }
        throw last
    }
}

/// What a chain of instances came to.
public struct ChainResult<R: Sendable>: Sendable {
    public struct Step: Sendable, Hashable {
        public let instance: String
        public let reason: String
    }

    public let value: R
    /// The instance that answered.
    public let instance: String
    /// The instances before it, and why they did not.
    public let passedOver: [Step]
}
