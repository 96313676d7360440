import CoreMetrics

/// Metrics of one instance: each carries the instance's name, and each name begins with `jack_plugin_`.
public struct PluginMetrics: Sendable {
    private let instance: String
    private let factory: any MetricsFactory

    public init(instance: String, factory: any MetricsFactory) {
        self.instance = instance
        self.factory = factory
    }

    /// Adds to a counter: what a plugin needs in most cases, without importing a metrics library.
    public func count(_ name: String, _ dimensions: [(String, String)] = [], by amount: Int = 1) { counter(name, dimensions).increment(by: amount) }

    public func counter(_ name: String, _ dimensions: [(String, String)] = []) -> Counter {
        Counter(label: "jack_plugin_\(name)", dimensions: dimensions + [("instance", instance)], factory: factory)
    }

    public func gauge(_ name: String, _ dimensions: [(String, String)] = []) -> Gauge {
        Gauge(label: "jack_plugin_\(name)", dimensions: dimensions + [("instance", instance)], factory: factory)
    }

    public func timer(_ name: String, _ dimensions: [(String, String)] = []) -> Timer {
        Timer(label: "jack_plugin_\(name)", dimensions: dimensions + [("instance", instance)], factory: factory)
    }
}
