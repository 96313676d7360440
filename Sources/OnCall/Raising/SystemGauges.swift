import CoreMetrics
import Foundation
import Kernel
import Metrics
import PluginAPI
import Synchronization

/// Brings up to date the gauges that nobody sets while guests are served: how full the disk and the memory are, how busy the processors, how big the
/// database.
public final class SystemGauges: Sendable {
    /// Where the numbers come from. Each is left out where it is nil, or cannot be told.
    public struct Sources: Sendable {
        /// A folder on the disk that must not fill up: the database's.
        public var folder: String?
        public var databaseBytes: (@Sendable () async throws -> Int64)?
        /// Conversations that wait for a human.
        public var escalations: (@Sendable () async throws -> Int)?
        /// Whether Jack is well: what `/readyz` answers.
        public var isHealthy: (@Sendable () async -> Bool)?
        /// The system's files, for tests.
        public var root = ""

        public init() {}
    }

    private struct State {
        var failures = 0
        var cpu: (seconds: Double, at: Duration)?
    }

    private let sources: Sources
    private let clock: any TimeSource
    private let metrics: any MetricsFactory
    private let state = Mutex(State())

    public init(_ sources: Sources, clock: any TimeSource, metrics: any MetricsFactory) {
        self.sources = sources
        self.clock = clock
        self.metrics = metrics
    }

    /// Says what the gauges mean. Once for a registry, before they are used.
    public static func describe(in registry: PrometheusRegistry) {
        registry.describe("jack_health_check_failures", "Health checks that failed one after the other.")
        registry.describe("jack_database_bytes", "Size of the database with its log.")
        registry.describe("jack_disk_used_ratio", "How full the database's disk is, 0 to 1.")
        registry.describe("jack_memory_used_ratio", "Resident memory as a share of what the process may have.")
        registry.describe("jack_cpu_used_ratio", "CPU time as a share of what the process may have, since the last look.")
        registry.describe("jack_escalation_queue", "Conversations that wait for a human.")
        registry.describe("jack_sla_breaches_total", "Tasks that were not done when they were due.")
    }

    /// Looks once.
    public func collect() async {
        if let folder = sources.folder, let share = Self.diskShare(folder) { set("jack_disk_used_ratio", share) }
        if let size = try? await sources.databaseBytes?() { set("jack_database_bytes", Double(size)) }
        if let waiting = try? await sources.escalations?() { set("jack_escalation_queue", Double(waiting)) }
        if let isHealthy = sources.isHealthy {
            let isWell = await isHealthy()
            let failures = state.withLock { state in
                state.failures = isWell ? 0 : state.failures + 1
                return state.failures
            }
            set("jack_health_check_failures", Double(failures))
        }
        recordProcess()
    }

    private func recordProcess() {
        let samples = PrometheusRegistry.processSamples()
        func reading(_ name: String) -> Double? {
            switch samples.first(where: { $0.name == name })?.reading {
            case .gauge(let value)?, .counter(let value)?: value
            default: nil
            }
        }
        if let resident = reading("process_resident_memory_bytes"), let limit = Self.memoryLimit(root: sources.root) {
            set("jack_memory_used_ratio", resident / limit)
        }
        guard let seconds = reading("process_cpu_seconds_total") else { return }
        let now = clock.monotonic, cores = Self.processors(root: sources.root)
        let share: Double? = state.withLock { state in
            defer { state.cpu = (seconds, now) }
            guard let last = state.cpu, now > last.at else { return nil }
            return max(0, seconds - last.seconds) / (now - last.at).seconds / cores
        }
        if let share { set("jack_cpu_used_ratio", share) }
    }

    private func set(_ name: String, _ value: Double) { Gauge(label: name, factory: metrics).record(value) }

    // MARK: What the system allows

    /// How full a file system is for who is not root: as `df` says it.
    static func diskShare(_ folder: String) -> Double? {
        var info = statvfs()
        guard statvfs(folder, &info) == 0 else { return nil }
        let used = Double(info.f_blocks) - Double(info.f_bfree), usable = used + Double(info.f_bavail)
        return usable > 0 ? used / usable : nil
    }

    /// The bytes that the process may have: the least of its control groups' limits (cgroup v2, then v1), and at most the machine's memory.
    static func memoryLimit(root: String) -> Double? {
        let machine = text("\(root)/proc/meminfo").flatMap { text in
            text.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }?.split(separator: " ").dropFirst().first.flatMap { Double($0) }
        }.map { $0 * 1024 }
        let files = groups(nil, root).map { "\($0)/memory.max" } + groups("memory", root).map { "\($0)/memory.limit_in_bytes" }
        // A group without a limit says `max`, or more than the machine has.
        let limits = files.compactMap(number).filter { $0 > 0 }
        return (limits + [machine].compactMap(\.self)).min()
    }

    /// How many processors' time the process may take: the least of its control groups' quotas, else all.
    static func processors(root: String) -> Double {
        var quotas = groups(nil, root).compactMap { folder -> Double? in
            let parts = text("\(folder)/cpu.max")?.split(whereSeparator: \.isWhitespace) ?? []
            guard parts.count == 2, let quota = Double(parts[0]), let period = Double(parts[1]), quota > 0, period > 0 else { return nil }
            return quota / period
        }
        quotas += groups("cpu", root).compactMap { folder in
            guard let quota = number("\(folder)/cpu.cfs_quota_us"), let period = number("\(folder)/cpu.cfs_period_us"), quota > 0, period > 0 else {
                return nil
            }
            return quota / period
        }
        return (quotas + [Double(max(1, ProcessInfo.processInfo.activeProcessorCount))]).min() ?? 1
    }

    /// The folders of the control groups that hold the process, the outermost first; each one's limit counts (cgroups(7)). A service manager's group
    /// lies deep in the tree, and the outermost of a machine has no limit at all; within a container the tree often begins at the process's own group.
    /// - Parameter controller: of cgroup v1; nil for v2.
    private static func groups(_ controller: String?, _ root: String) -> [String] {
        let own = (text("\(root)/proc/self/cgroup") ?? "").split(separator: "\n").compactMap { line -> Substring? in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return nil }
            let isMeant = controller.map { parts[1].split(separator: ",").contains(Substring($0)) } ?? (parts[0] == "0" && parts[1].isEmpty)
            return isMeant ? parts[2] : nil
        }
        var folders = ["\(root)/sys/fs/cgroup" + (controller.map { "/\($0)" } ?? "")]
        // A path that leads out of what can be seen says nothing.
        let names = own.first?.split(separator: "/") ?? []
        for name in names where !names.contains("..") { folders.append("\(folders[folders.count - 1])/\(name)") }
        return folders
    }

    private static func number(_ path: String) -> Double? { text(path).flatMap { Double($0.trimmingCharacters(in: .whitespacesAndNewlines)) } }

    // Files of /proc have no length that can be asked, so they are read to the end.
    private static func text(_ path: String) -> String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        return (try? file.readToEnd()).map { String(decoding: $0, as: UTF8.self) }
    }
}
