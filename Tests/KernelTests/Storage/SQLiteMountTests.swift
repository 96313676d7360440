import Foundation
import Kernel
import PluginAPI
import Testing

private enum Mount {
    /// True where this process may mount: root alone is not enough in a container.
    static let isAllowed: Bool = {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("jack-mount-\(UUID().uuidString)")
        guard (try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)) != nil else { return false }
        defer { try? FileManager.default.removeItem(at: folder) }
        return command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder.path) && command("umount", folder.path)
    }()

    static func command(_ arguments: String...) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}

/// What needs a file system of its own, which only root can mount.
@Suite(.serialized, .enabled(if: Mount.isAllowed)) struct MountTests {
    private func withMount(_ body: (URL) async throws -> Void) async throws {
        try await withFolder { folder async throws in
            #expect(Mount.command("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder.path))
            defer { _ = Mount.command("umount", "-l", folder.path) }
            try await body(folder)
        }
    }

    @Test func `a full disk refuses, keeps what was acknowledged, and recovers`() async throws {
        try await withMount { folder async throws in
            let file = folder.appendingPathComponent("jack.sqlite")
            let ballast = folder.appendingPathComponent("ballast")
            try Data(count: 300_000).write(to: ballast)
            let engine = try await SQLiteEngine.open(path: file.path)
            try await engine.migrate([notes])
            var acknowledged = 0
            var refusal: StorageError?
            while refusal == nil && acknowledged < 5_000 {
                do {
                    try await engine.write { [acknowledged] in try $0.note("\(acknowledged) " + String(repeating: "x", count: 4_000)) }
                    acknowledged += 1
                } catch { refusal = try #require(error as? StorageError) }
            }
            #expect(refusal?.code == .full)
            #expect(try await engine.notes().count == acknowledged)
            try FileManager.default.removeItem(at: ballast)
            try await engine.write { try $0.note("after") }
            await engine.close()
            let again = try await SQLiteEngine.open(path: file.path)
            #expect(try await again.notes().count == acknowledged + 1)
            #expect(try await again.check() == [])
            await again.close()
        }
    }

    @Test func `a disk mounted for reading only is said so, and can be read`() async throws {
        try await withMount { folder async throws in
            let file = folder.appendingPathComponent("jack.sqlite")
            let first = try await SQLiteEngine.open(path: file.path)
            try await first.migrate([notes])
            try await first.write { try $0.note("kept") }
            await first.close()
            #expect(Mount.command("mount", "-o", "remount,ro", folder.path))
            let error = await #expect(throws: StorageError.self) { try await SQLiteEngine.open(path: file.path) }
            #expect(error?.code == .readOnly)
            #expect(error?.message.contains("right to write") == true)
            let reader = try await SQLiteEngine.open(path: file.path, options: .init(access: .readOnly))
            #expect(try await reader.notes() == ["kept"])
            await reader.close()
        }
    }
}
