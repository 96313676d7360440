import PluginAPI

/// How calls into one instance are limited; the `limits:` of an instance in YAML.
public struct CallLimits: PluginSettings, Hashable {
    @Setting(help: "Calls at the same time.", .range(1...4096)) public var concurrency: Int = 16
    @Setting(help: "Calls a second; 0 for no limit.", .range(0...100_000)) public var rate: Double = 0
    @Setting(help: "Calls that may come at once before the rate holds.", .range(1...100_000)) public var burst: Int = 10
    @Setting(help: "The longest that one try may take.") public var timeout: Duration = .seconds(30)
    @Setting(help: "Tries of one call, the first included.", .range(1...20)) public var attempts: Int = 3
    @Setting(help: "The wait before the second try; it doubles from there, with full jitter.") public var backoff: Duration = .milliseconds(250)
    @Setting(help: "The longest wait between tries.") public var maximumBackoff: Duration = .seconds(10)
    @Setting(help: "Failures in a row that open the circuit breaker.", .range(1...1000)) public var breakerFailures: Int = 5
    @Setting(help: "How long the circuit breaker stays open.") public var breakerReset: Duration = .seconds(30)

    public init() {}

    public static func == (left: CallLimits, right: CallLimits) -> Bool { left.printed == right.printed }
    public func hash(into hasher: inout Hasher) { hasher.combine(printed) }
}
