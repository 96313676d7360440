import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import Synchronization

/// Jack's real kernel, supervisors, inbox, outbox and dispatch, over a database in memory: for seeing a plugin at work as it will be.
///
/// ```swift
/// let test = TestContext()
/// try await MemoryKernel.run(Carrier.self, ["token": "a-secret-of-enough-length"], in: test) { kernel in
///     _ = try await kernel.receive(webhook)
///     #expect(kernel.events.count == 1)
/// }
/// ```
public final class MemoryKernel: Sendable {
    public let kernel: JackKernel
    /// The instance's name: that of the ``TestContext``.
    public let instance: String
    private let engine: SQLiteEngine
    private let test: TestContext
    private let handled: Handled

    private final class Handled: Sendable {
        let events = Mutex<[InboundEvent]>([])
        let vendorIDs = Mutex<[String: [String]]>([:])
    }

    /// What became of a webhook.
    public struct Reception: Sendable {
        public let response: PluginResponse
        /// What was stored; a repetition says so.
        public let receipts: [InboundReceipt]
    }

    private init(kernel: JackKernel, instance: String, engine: SQLiteEngine, test: TestContext, handled: Handled) {
        self.kernel = kernel
        self.instance = instance
        self.engine = engine
        self.test = test
        self.handled = handled
    }

    /// Starts an instance in a kernel of its own for as long as `body` runs. Clock, HTTP, files, secrets, logs and metrics are those of `test`.
    /// - Throws: ``SettingsRejected``, ``PluginAPI/PluginFailure`` where the instance does not start, and what `body` throws.
    public static func run<P: Plugin, T: Sendable>(
        _ type: P.Type = P.self, _ settings: JSONValue = [:], in test: TestContext = TestContext(), use body: (MemoryKernel) async throws -> T
    ) async throws -> T {
        let settings = try validatedSettings(for: type, settings)
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(KernelSchema.migrations)
        let context = test.context, handled = Handled()
        let kernel = JackKernel(
            .init(
                property: context.property, engine: engine, clock: test.clock, logger: test.logs.logger(), metrics: test.metrics, http: context.http,
                files: { _ in test.files }, secrets: { _ in test.secrets }, trapFile: nil))
        let dispatcher = kernel.dispatcher
        kernel.connect(
            .init(
                inbound: { item in
                    handled.events.withLock { $0.append(item.event) }
                    try await engine.write { try Inbox.complete(item, in: $0) }
                },
                deliveries: [
                    .message: { entry in
                        let message = try entry.decoded(OutboundMessage.self)
                        let result = try await dispatcher.call(
                            entry.instance, as: (any ChannelPlugin).self, "send", CallOptions(attempts: 1)
                        ) { try await $0.send(message) }
                        handled.vendorIDs.withLock { $0[message.id] = result.vendorIDs }
                        return .accepted(result)
                    }
                ], transcript: { _, _, _ in [] }))
        let this = MemoryKernel(kernel: kernel, instance: context.instance, engine: engine, test: test, handled: handled)
        let result: Result<T, any Error>
        do {
            try await kernel.start([
                InstanceSpec(name: context.instance, registration: PluginRegistration(type), settings: settings, onStartFailure: .fail)
            ])
            result = .success(try await body(this))
        } catch {
            result = .failure(error)
        }
        await kernel.stop(drain: .zero)
        await engine.close()
        return try result.get()
    }

    /// The running instance.
    public var plugin: (any Plugin)? { get async { try? await kernel.dispatcher.call(instance, as: (any Plugin).self, "look") { $0 } } }

    /// What the kernel handed to whoever deals with guests, in order, receipts and acknowledgements left out: those are its own business.
    public var events: [InboundEvent] { handled.events.withLock { $0 } }

    /// How the instance is.
    public var status: InstanceStatus? { kernel.instances.supervisor(instance)?.status }

    /// The webhook routes of the running instance whose secret is there.
    public var webhooks: [WebhookRoute] {
        kernel.instances.routes.compactMap { if case .webhook(let route) = $0.route, route.verification.isConfigured { route } else { nil } }
    }

    /// Takes a webhook through the gateway's order: the route, verification over the raw body, parsing, the durable write, the answer.
    /// - Returns: nil where there is no such route, or the request is refused unread.
    /// - Throws: what parsing throws.
    public func receive(_ request: PluginRequest) async throws -> Reception? {
        let tail = request.path.replacing("/webhooks/\(instance)", with: "", maxReplacements: 1)
        guard let route = webhooks.first(where: { $0.method == request.method && $0.tail == tail }), request.body.count <= route.maximumBodyBytes,
            route.verification.verify(request)
        else { return nil }
        let result = try await route.parse(request)
        let receipts = result.events.isEmpty ? [] : try await kernel.inbox.accept(instance, result.events)
        return Reception(response: result.response, receipts: receipts)
    }

    /// Puts a message into the outbox, from where the instance sends it.
    public func send(_ message: OutboundMessage) async throws {
        let entry = try OutboxEntry.message(message, through: instance, at: test.clock.now), outbox = kernel.outbox
        try await engine.write { try outbox.enqueue(entry, in: $0) }
    }

    /// How far a message has come, by its id; nil where there is none.
    public func state(of message: String) async throws -> OutboxEntry.State? {
        try await engine.read { try Outbox.state(of: message, in: $0)?.state }
    }

    /// The vendor's ids of a message that has left.
    public func vendorIDs(of message: String) -> [String] { handled.vendorIDs.withLock { $0[message] ?? [] } }

    /// Waits, by the machine's clock, until a message has come so far.
    public func wait(until state: OutboxEntry.State, of message: String, within limit: Duration = .seconds(10)) async throws -> Bool {
        try await eventually(within: limit) { try await self.state(of: message) == state }
    }
}
