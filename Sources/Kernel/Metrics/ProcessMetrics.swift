import Foundation

/// What the system knows of this process, under the names that all Prometheus clients use.
struct ProcessMetrics {
    var residentBytes: Double
    var virtualBytes: Double
    var cpuSeconds: Double
    var threads: Int
    var openDescriptors: Int
    var startTime: Double

    /// Reads `/proc` (proc(5)); nil where there is none.
    static func read() -> ProcessMetrics? {
        guard let stat = text("/proc/self/stat"), let nameEnd = stat.lastIndex(of: ")") else { return nil }
        // Fields are counted from 1 and the name, which may hold blanks, is the second.
        let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
        func field(_ number: Int) -> Double? { fields.indices.contains(number - 3) ? Double(fields[number - 3]) : nil }
        guard let user = field(14), let system = field(15), let threads = field(20), let started = field(22), let virtual = field(23),
            let pages = field(24)
        else { return nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK))), pageSize = Double(sysconf(Int32(_SC_PAGESIZE)))
        let boot = text("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) } ?? 0
        let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        return ProcessMetrics(
            residentBytes: pages * pageSize, virtualBytes: virtual, cpuSeconds: (user + system) / ticks, threads: Int(threads),
            openDescriptors: descriptors, startTime: boot + started / ticks)
    }

    func write(to text: inout String) {
        func add(_ name: String, _ type: String, _ help: String, _ value: Double) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(name) \(MetricName.number(value))\n"
        }
        add("process_cpu_seconds_total", "counter", "User and system CPU time spent.", cpuSeconds)
        add("process_open_fds", "gauge", "Open file descriptors.", Double(openDescriptors))
        add("process_resident_memory_bytes", "gauge", "Resident memory.", residentBytes)
        add("process_start_time_seconds", "gauge", "Start of the process since 1970.", startTime)
        add("process_threads", "gauge", "Threads of the process.", Double(threads))
        add("process_virtual_memory_bytes", "gauge", "Virtual memory.", virtualBytes)
    }

    // Files of /proc have no length that can be asked, so they are read to the end.
    private static func text(_ path: String) -> String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        return (try? file.readToEnd()).map { String(decoding: $0, as: UTF8.self) }
    }
}
