/// One time series as it stands, for whoever watches metrics from within.
public struct MetricSample: Sendable, Hashable {
    /// What a series says.
    public enum Reading: Sendable, Hashable {
        /// Only ever grows while the process lives.
        case counter(Double)
        case gauge(Double)
        /// - `bounds`: upper bounds, rising; `counts` has one more, for what is above the last. Not summed up.
        case histogram(bounds: [Double], counts: [UInt64], sum: Double)
    }

    /// As Prometheus sees it: `http_requests_total`.
    public var name: String
    public var labels: [String: String]
    public var reading: Reading

    public init(_ name: String, _ labels: [String: String] = [:], _ reading: Reading) {
        self.name = name
        self.labels = labels
        self.reading = reading
    }
}

extension PrometheusRegistry {
    /// What the system knows of this process, as samples: `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds`.
    public static func processSamples() -> [MetricSample] {
        guard let process = ProcessMetrics.read() else { return [] }
        return [
            MetricSample("process_cpu_seconds_total", [:], .counter(process.cpuSeconds)),
            MetricSample("process_resident_memory_bytes", [:], .gauge(process.residentBytes)),
            MetricSample("process_open_fds", [:], .gauge(Double(process.openDescriptors))),
        ]
    }
}
