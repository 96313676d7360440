import CoreMetrics
import Logging
import PluginAPI

/// What supervisors need of the kernel.
public struct SupervisionEnvironment: Sendable {
    public var clock: any TimeSource
    public var logger: Logger
    public var metrics: any MetricsFactory
    public var bus: EventBus
    public var context: PluginSupervisor.ContextFactory
    /// Draws from 0 to 1 for jitter.
    public var random: @Sendable () -> Double

    public init(
        clock: any TimeSource, logger: Logger, metrics: any MetricsFactory, bus: EventBus, context: @escaping PluginSupervisor.ContextFactory,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) {
        self.clock = clock
        self.logger = logger
        self.metrics = metrics
        self.bus = bus
        self.context = context
        self.random = random
    }
}
