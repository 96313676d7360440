import Foundation
import Kernel
import OnCall
import PluginAPI

/// What a plan's text comes to.
struct ReadPlan {
    var routing: Routing?
    /// Its diagnostics, in reading order.
    var said: [String]
}

func readPlan(_ yaml: String, otherReceivers: [String] = [], isOther: @escaping (String) -> Bool = { _ in false }) -> ReadPlan {
    var diagnostics = Diagnostics()
    guard let root = YAMLReader().read(Array(yaml.utf8), file: "f", &diagnostics) else {
        return ReadPlan(said: diagnostics.sorted.map(\.description))
    }
    let routing = RoutingReader(otherReceivers: otherReceivers, isOther: isOther).read(root, &diagnostics)
    return ReadPlan(routing: diagnostics.hasErrors ? nil : routing, said: diagnostics.sorted.map(\.description))
}

/// A sequence of numbers that is the same in every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[Int.random(in: 0..<elements.count, using: &self)] }
}

/// Alertmanager's own tool, where it is installed.
enum Amtool {
    static let path = "/usr/bin/amtool"
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: path) }

    /// Its status and what it wrote to its standard output.
    static func run(_ arguments: [String]) async throws -> (status: Int32, output: String) {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try wait(arguments) }) }
        }
    }

    private static func wait(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: said, as: UTF8.self))
    }
}

/// A fresh folder, removed afterwards.
func withFolder<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "jack-routing-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}
