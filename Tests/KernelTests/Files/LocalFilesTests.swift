import Foundation
import Kernel
import PluginAPI
import Testing

@Suite struct LocalFilesTests {
    private final class Folder {
        let url = URL.temporaryDirectory.appending(path: "jack-files-\(UUID())")
        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(at: url) }
        func write(_ name: String, _ text: String) throws { try text.write(to: url.appending(path: name), atomically: true, encoding: .utf8) }
    }

    private func files(_ folder: Folder, _ settings: JSONValue) -> LocalFiles {
        LocalFiles(directory: folder.url.path, settings: settings) { NoFiles().yaml($0, file: $1) }
    }

    @Test func aFileThatTheSettingsNameIsRead() async throws {
        let folder = try Folder()
        try folder.write("a.csv", "one")
        let absolute = folder.url.appending(path: "a.csv").path
        let files = files(folder, ["reservations": "a.csv", "more": ["names": [.string(absolute)]]])
        #expect(try await files.read("a.csv", maximumBytes: 3) == Array("one".utf8))
        #expect(try await files.read(absolute, maximumBytes: 99) == Array("one".utf8))
        let before = try #require(try await files.stamp(of: "a.csv"))
        #expect(before.size == 3 && abs(before.modified.timeIntervalSinceNow) < 60)
        try folder.write("a.csv", "two")
        #expect(try await files.stamp(of: "a.csv") != before, "a file of the same size that was renamed into place is another")
    }

    @Test(arguments: ["b.csv", "./a.csv", "../a.csv", "/etc/passwd", ""])
    func noOtherFileIsRead(_ path: String) async throws {
        let folder = try Folder()
        try folder.write("a.csv", "one")
        let files = files(folder, ["reservations": "a.csv"])
        let failure = await #expect(throws: PluginFailure.self) { try await files.read(path, maximumBytes: 99) }
        #expect(failure?.disposition == .permanent && failure?.reason == .configuration)
        await #expect(throws: PluginFailure.self) { try await files.stamp(of: path) }
    }

    @Test func whatCannotBeReadIsNotReady() async throws {
        let folder = try Folder()
        try folder.write("long", "four")
        #expect(mkfifo(folder.url.appending(path: "pipe").path, 0o600) == 0)
        try FileManager.default.createDirectory(at: folder.url.appending(path: "folder"), withIntermediateDirectories: true)
        let files = files(folder, ["a": "long", "b": "pipe", "c": "folder", "d": "absent", "e": "long/x"])
        for path in ["long", "pipe", "folder", "absent", "long/x"] {
            let failure = await #expect(throws: PluginFailure.self) { try await files.read(path, maximumBytes: 3) }
            #expect(failure?.disposition == .notReady, "\(path)")
        }
        #expect(try await files.stamp(of: "absent") == nil)
        #expect(try await files.stamp(of: "long/x") == nil)
    }
}
