import Foundation

/// One measured number.
struct Measure: Encodable, Sendable {
    /// What the number must keep to.
    enum Goal: Encodable, Sendable {
        case below(Double)
        case atLeast(Double)
        case exactly(Double)

        var text: String {
            switch self {
            case .below(let limit): "< \(Measure.plain(limit))"
            case .atLeast(let limit): "≥ \(Measure.plain(limit))"
            case .exactly(let value): "= \(Measure.plain(value))"
            }
        }

        func isMet(by value: Double) -> Bool {
            switch self {
            case .below(let limit): value < limit
            case .atLeast(let limit): value >= limit
            case .exactly(let wanted): value == wanted
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(text)
        }
    }

    var name: String
    var value: Double
    var unit: String
    var goal: Goal?

    init(_ name: String, _ value: Double, _ unit: String, goal: Goal? = nil) {
        self.name = name
        self.value = value
        self.unit = unit
        self.goal = goal
    }

    var met: Bool? { goal?.isMet(by: value) }

    private enum CodingKeys: String, CodingKey { case name, value, unit, goal, met }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(value, forKey: .value)
        try container.encode(unit, forKey: .unit)
        try container.encodeIfPresent(goal, forKey: .goal)
        try container.encodeIfPresent(met, forKey: .met)
    }

    /// A number as people read it: no more digits than mean something.
    static func plain(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 {
            let digits = String(Int(abs(value)))
            var text = ""
            for (place, digit) in digits.enumerated() {
                if place > 0, (digits.count - place) % 3 == 0 { text += "," }
                text.append(digit)
            }
            return (value < 0 ? "-" : "") + text
        }
        return abs(value) >= 100 ? plain(value.rounded()) : String(format: abs(value) >= 10 ? "%.1f" : "%.2f", value)
    }
}

/// What one benchmark found.
struct Table: Encodable, Sendable {
    var name: String
    /// How it was measured, in a sentence or two.
    var method: String
    var measures: [Measure] = []
    var loadAverage = Machine.loadAverage

    func text(on machine: Machine) -> String {
        let header = ["\(name)", "measured", "", "goal", ""]
        let rows = measures.map { measure in
            [measure.name, Measure.plain(measure.value), measure.unit, measure.goal?.text ?? "", measure.met.map { $0 ? "met" : "MISSED" } ?? ""]
        }
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        let lines = all.map { row in
            row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column == 1 ? space + cell : cell + space
            }.joined(separator: "  ").replacing(#/\s+$/#, with: "")
        }
        return (lines + ["", method, "\(machine); load average \(loadAverage)"]).joined(separator: "\n")
    }
}

/// All that a run found.
struct Report: Encodable, Sendable {
    var machine: Machine
    var tables: [Table] = []

    var met: Bool { tables.allSatisfy { $0.measures.allSatisfy { $0.met ?? true } } }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

/// What was measured on.
struct Machine: Encodable, Sendable, CustomStringConvertible {
    var cores: Int
    var memoryGiB: Double
    var processor: String
    var system: String
    var build: String

    static let current: Machine = {
        let release = (try? String(contentsOfFile: "/etc/os-release", encoding: .utf8)) ?? ""
        let name =
            release.split(separator: "\n").first { $0.hasPrefix("PRETTY_NAME=") }.map { $0.dropFirst(12).filter { $0 != "\"" } } ?? "unknown system"
        let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model =
            info.split(separator: "\n").first { $0.hasPrefix("model name") }
            .flatMap { $0.split(separator: ":").last }.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
        #if DEBUG
            let build = "debug"
        #else
            let build = "release"
        #endif
        return Machine(
            cores: ProcessInfo.processInfo.activeProcessorCount,
            memoryGiB: (Double(ProcessInfo.processInfo.physicalMemory) / Double(1 << 30) * 10).rounded() / 10,
            processor: model, system: name, build: build)
    }()

    static var loadAverage: String {
        let text = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
        return text.split(separator: " ").prefix(3).joined(separator: " ")
    }

    var description: String { "\(cores) cores of \(processor), \(Measure.plain(memoryGiB)) GiB, \(system), \(build) build" }
}

/// What the system says of a process.
enum ProcessStatus {
    /// A field of `/proc/<pid>/status`: sizes are in KiB.
    static func field(_ name: String, of process: Int32 = getpid()) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        return text.split(separator: "\n").first { $0.hasPrefix(name + ":") }.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }
}

/// What people who wait are told; not part of the result.
enum Progress {
    static func say(_ text: String) { FileHandle.standardError.write(Data("jack-bench: \(text)\n".utf8)) }
}

/// Measured times.
struct Times: Sendable {
    /// In nanoseconds.
    private(set) var values: [Int64] = []

    init(_ values: [Int64] = []) { self.values = values }

    var count: Int { values.count }
    mutating func add(_ nanoseconds: Int64) { values.append(nanoseconds) }
    mutating func add(_ other: Times) { values += other.values }

    /// The time in milliseconds that this share of all does not exceed.
    func milliseconds(at share: Double) -> Double {
        guard !values.isEmpty else { return .nan }
        let sorted = values.sorted()
        let place = Int((Double(sorted.count) * share).rounded(.up)) - 1
        return Double(sorted[max(0, min(sorted.count - 1, place))]) / 1e6
    }
}

/// The middle of a few repeated measurements.
func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    let sorted = values.sorted()
    return sorted.count % 2 == 1 ? sorted[sorted.count / 2] : (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
}

/// Monotonic time.
enum Stopwatch {
    static var now: Int64 {
        let elapsed = ContinuousClock.now - start
        return elapsed.components.seconds * 1_000_000_000 + elapsed.components.attoseconds / 1_000_000_000
    }
    private static let start = ContinuousClock.now
}

/// A folder for one measurement.
struct TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("jack-bench-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// What stops a measurement.
struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
