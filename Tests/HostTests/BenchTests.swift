import Foundation
import PluginAPI
import Testing

/// Whether `jack-bench` runs at all and says what it found so that a program can read it. Its figures are no business of a test.
@Suite struct BenchTests {
    @Test(.timeLimit(.minutes(3))) func searchPrintsJSON() async throws {
        let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let process = Process()
        process.executableURL = folder.appendingPathComponent("jack-bench")
        process.arguments = ["search", "--chunks", "300", "--questions", "5", "--compared", "2", "--json"]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let printed = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let report = try JSONDecoder().decode(JSONValue.self, from: printed)
        let table = try #require(report["tables"]?.arrayValue?.first)
        #expect(table["name"]?.stringValue == "search")
        let exact = try #require(table["measures"]?.arrayValue?.first { $0["name"]?.stringValue?.contains("nearest vectors") == true })
        #expect(exact["met"] == .bool(true))
    }
}
