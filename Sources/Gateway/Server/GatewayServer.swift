import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import PluginAPI
import ServiceLifecycle
import Synchronization

/// The listening gateway. ``start()`` and ``stop()`` for whoever orders the house's life themselves, ``run()`` for a service group.
public final class GatewayServer: Service {
    typealias MakeApplication =
        @Sendable (_ address: BindAddress, _ onRunning: @escaping @Sendable (any Channel) async -> Void) -> any ApplicationProtocol

    private struct State {
        var task: Task<Void, any Error>?
        var group: ServiceGroup?
        var port: Int?
        var metricsPort: Int?
    }

    private let configuration: GatewayConfiguration
    private let registry: ConnectionRegistry
    private let logger: Logger
    private let makeMain: MakeApplication
    private let makeMetrics: MakeApplication?
    private let state = Mutex(State())

    init(
        configuration: GatewayConfiguration, registry: ConnectionRegistry, logger: Logger, makeMain: @escaping MakeApplication,
        makeMetrics: MakeApplication?
    ) {
        self.configuration = configuration
        self.registry = registry
        self.logger = logger
        self.makeMain = makeMain
        self.makeMetrics = makeMetrics
    }

    /// The port that is listened on, once started.
    public var port: Int? { state.withLock { $0.port } }

    /// The port of the metrics listener, where there is one.
    public var metricsPort: Int? { state.withLock { $0.metricsPort } }

    /// How many connections and WebSockets are open.
    public var openConnections: Int { registry.count }
    public var openSockets: Int { registry.socketCount }

    /// Listens, and returns once requests are answered.
    /// - Throws: where a port cannot be had.
    public func start() async throws {
        let (ready, signal) = AsyncThrowingStream<Void, any Error>.makeStream()
        let wanted = makeMetrics == nil ? 1 : 2
        let running = Mutex(0)
        let count: @Sendable () -> Void = {
            if running.withLock({
                $0 += 1
                return $0 == wanted
            }) {
                signal.yield()
            }
        }
        let services = makeServices(count)
        let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: services, logger: silent))
        let task = Task {
            do {
                try await group.run()
                signal.finish()
            } catch {
                signal.finish(throwing: error)
                throw error
            }
        }
        state.withLock { ($0.group, $0.task) = (group, task) }
        var iterator = ready.makeAsyncIterator()
        guard try await iterator.next() != nil else { throw CancellationError() }
    }

    /// Stops listening, says 1001 to WebSockets, lets running requests end, and closes what is left at the deadline. Safe without ``start()``, and
    /// twice.
    public func stop() async {
        guard let (group, task) = state.withLock({ state in state.group.flatMap { group in state.task.map { (group, $0) } } }) else { return }
        await group.triggerGracefulShutdown()
        let ended = FirstOf<Void>()
        let deadline = forceCloseLater { ended.resolve(()) }
        Task {
            _ = await task.result
            ended.resolve(())
        }
        await ended.value
        deadline.cancel()
        task.cancel()
    }

    /// Listens until its service group stops.
    public func run() async throws {
        let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: makeServices {}, logger: silent))
        try await withGracefulShutdownHandler {
            try await group.run()
        } onGracefulShutdown: {
            _ = self.forceCloseLater {}
        }
    }

    /// Waits until the server has ended by itself or was stopped.
    public func wait() async throws { try await state.withLock { $0.task }?.value }

    /// Ends the sockets of an instance that stops: their work is cancelled and they close with 1001.
    public func closeSockets(of instance: String) { registry.closeSockets(of: instance) }

    /// At the deadline, closes what is left. A handler that heeds neither its connection's end nor its cancellation is then not waited for.
    private func forceCloseLater(_ closed: @escaping @Sendable () -> Void) -> Task<Void, Never> {
        Task { [registry, configuration, logger] in
            guard (try? await Task.sleep(for: configuration.drainDeadline)) != nil else { return }
            if registry.count > 0 {
                logger.warning("draining took too long: connections are closed", metadata: ["connections": .stringConvertible(registry.count)])
            }
            registry.closeAll()
            closed()
        }
    }

    private func makeServices(_ running: @escaping @Sendable () -> Void) -> [any Service] {
        let host = configuration.host
        var services: [any Service] = [
            makeMain(.hostname(host, port: configuration.port)) { channel in
                self.state.withLock { $0.port = channel.localAddress?.port }
                running()
            }
        ]
        if let makeMetrics, let port = configuration.metricsPort {
            services.append(
                makeMetrics(.hostname(host, port: port)) { channel in
                    self.state.withLock { $0.metricsPort = channel.localAddress?.port }
                    running()
                })
        }
        return services
    }

    private var silent: Logger {
        var logger = logger
        logger.logLevel = .error
        return logger
    }
}
