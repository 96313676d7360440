import Foundation
import Kernel
import PluginAPI
import Testing

/// `config/broken/*.yaml`: one file for each mistake, and in `expected.txt` the lines that `jack check` prints for it.
struct BrokenConfigurationTests {
    private let root = ConfigurationFixtures.root

    private func said(_ name: String) -> [String] {
        // Files are named as an operator in the repository's root would, wherever the test runs.
        let root = self.root.path()
        let files = ConfigurationFiles { (path, limit) throws(ConfigurationFiles.Problem) in try ConfigurationFiles.system.read(root + path, limit) }
        let loader = ConfigurationLoader(file: "config/broken/\(name)", registrations: ConfigurationFixtures.registrations, files: files)
        let (configuration, diagnostics) = loader.load()
        #expect(configuration == nil, "\(name) is not broken")
        return diagnostics.sorted.map(\.description)
    }

    @Test func eachFilePrintsItsLines() throws {
        let folder = root.appending(path: "config/broken")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path()).filter { $0.hasSuffix(".yaml") }.sorted()
        #expect(names.count >= 12)
        let expected = try String(contentsOf: folder.appending(path: "expected.txt"), encoding: .utf8).split(separator: "\n").map(String.init)
        let printed = names.flatMap(said)
        for (line, other) in zip(printed, expected) where line != other { Issue.record("printed  \(line)\nexpected \(other)") }
        #expect(printed.count == expected.count)
        for name in names { #expect(expected.contains { $0.hasPrefix("config/broken/\(name):") }, "\(name) has no line") }
    }

    @Test(.timeLimit(.minutes(1))) func tenMegabytesAreRefusedBySizeAlone() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "jack-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "big.yaml")
        // A sparse file: that it is refused at once shows that it is not read.
        _ = FileManager.default.createFile(atPath: file.path(), contents: Data("property:\n".utf8))
        let handle = try FileHandle(forWritingTo: file)
        try handle.truncate(atOffset: 10 << 20)
        try handle.close()
        let (configuration, diagnostics) = ConfigurationLoader(file: file.path(), registrations: []).load()
        #expect(configuration == nil)
        let problem = "the file has 10MB, and no more than 1MB is read; look whether it is the file that you mean"
        #expect(diagnostics.all.map(\.description) == ["\(file.path()):1:1: error: \(problem)"])
        #expect(diagnostics.all.first?.code == .limit)
    }

    /// The sample hotel's own file has none. The sections of modules that are not the kernel's are left out here.
    @Test func theSampleHotelIsSound() {
        let kernel: Set = ["property", "server", "storage", "log", "security", "channels", "ai", "pms", "alerts"]
        let files = ConfigurationFiles { [root] (path, limit) throws(ConfigurationFiles.Problem) in
            let bytes = try ConfigurationFiles.system.read(root.path() + path, limit)
            var isKept = true
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).filter { line in
                if let first = line.first, first.isLetter { isKept = kernel.contains(String(line.prefix { $0 != ":" })) }
                return isKept
            }
            return Array(lines.joined(separator: "\n").utf8)
        }
        let loader = ConfigurationLoader(file: "config/jack.yaml", registrations: ConfigurationFixtures.registrations, files: files)
        let (configuration, diagnostics) = loader.load()
        #expect(diagnostics.all.map(\.description) == [])
        #expect(configuration?.instances.map(\.name) == ["webchat", "embedded", "frontdesk", "log"])
        #expect(configuration?.property.timeZone == "Europe/Lisbon")
    }
}
