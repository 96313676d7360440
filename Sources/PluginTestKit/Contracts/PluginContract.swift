import Kernel
import PluginAPI

/// What every plugin owes, whatever its kind, and what its author says of it so that the suites can check it.
///
/// A kind's own suite, such as ``ChannelContract``, takes one of these:
///
/// ```swift
/// @Test func contract() async {
///     let carrier = PluginContract(
///         Carrier.self, settings: { ["endpoint": .string($0), "token": "a-secret-of-enough-length"] }, secrets: ["a-secret-of-enough-length"],
///         vendor: FakeVendor { _ in .json(#"{"id":"m-1"}"#, status: 201) })
///     let message = OutboundMessage(id: "out-1", peer: PeerAddress(.phone, "+4915123456789"), author: .jack, text: "Good evening!")
///     let violations = await ChannelContract(carrier, message: message).violations()
///     #expect(violations == [])
/// }
/// ```
public struct PluginContract<P: Plugin>: Sendable {
    /// Settings of an instance that speaks with a vendor at a base URL such as `http://127.0.0.1:4711`.
    public var settings: @Sendable (_ vendor: String) -> JSONValue
    /// Every secret in those settings, and what the instance obtains itself: none may be seen anywhere.
    public var secrets: [String]
    /// Nil for a plugin that calls nobody over HTTP.
    public var vendor: FakeVendor?
    /// Webhooks that the vendor sends, at least one for each route.
    public var webhooks: [WebhookSample]
    /// Puts in place what the instance finds: files, kept tokens.
    public var prepare: @Sendable (TestContext) async throws -> Void
    /// What does not hold for this plugin, and why. The reason is part of the report and is published with the plugin's quality level.
    public var exemptions: [Obligation: String]

    public init(
        _ type: P.Type = P.self, settings: @escaping @Sendable (_ vendor: String) -> JSONValue, secrets: [String] = [], vendor: FakeVendor? = nil,
        webhooks: [WebhookSample] = [], exempt exemptions: [Obligation: String] = [:],
        prepare: @escaping @Sendable (TestContext) async throws -> Void = { _ in }
    ) {
        self.settings = settings
        self.secrets = secrets
        self.vendor = vendor
        self.webhooks = webhooks
        self.prepare = prepare
        self.exemptions = exemptions
    }

    /// Checks what every plugin owes, without a call of its kind. A kind's own suite does this too.
    public func report() async -> ContractReport { await ContractRun.perform(self, operations: []) { _ in } }

    public func violations() async -> [Violation] { await report().violations }
}

/// What a suite asks of a call.
struct ContractCall: Sendable {
    /// What a person wrote, where the operation carries such a text.
    var text: String
    /// A number of its own for each call.
    var number: Int
}

/// One method of a kind that the suite calls.
struct ContractOperation<P: Plugin>: Sendable {
    var name: String
    /// True for the one that is tried with everything; the others are tried with samples.
    var isMain = false
    /// True where ``ContractCall/text`` reaches the vendor.
    var carriesText = false
    var run: @Sendable (P, ContractCall) async throws -> Void
}
