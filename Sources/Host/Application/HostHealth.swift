import Foundation
import Gateway
import Kernel
import PluginAPI

/// What the gateway's health routes ask.
struct HostHealth: HealthSource {
    let engine: any StorageEngine
    let instances: InstanceRegistry
    /// The database's file; nil where it is in memory.
    var path: String?

    /// Below this a write may fail at any moment.
    private static let leastFreeBytes = 1 << 20

    func isDatabaseConnected() async -> Bool {
        (try? await engine.read { try $0.row("SELECT 1 AS one") }) != nil
    }

    func channels() async -> [String: String] {
        Dictionary(instances.all(of: .channel).map { ($0.spec.name, Self.word($0.status)) }) { first, _ in first }
    }

    var dependencies: [ReadinessDependency] {
        let engine = engine, path = path
        return [
            ReadinessDependency("database") {
                if let path { try Self.checkRoom(for: path) }
                // A write, since a file may be locked or read-only while reading still works.
                _ = try await engine.write { try $0.run("UPDATE job SET lease_until = lease_until WHERE id = ''") }
            }
        ]
            + instances.all.map { supervisor in
                ReadinessDependency(supervisor.spec.name) {
                    let status = supervisor.status
                    guard status.state.isCallable else {
                        throw PluginFailure.notReady(.unreachable, "\(status.state.rawValue)" + (status.reason.map { ": \($0)" } ?? ""))
                    }
                }
            }
    }

    /// What is not ready now, by name.
    func unwell() async -> [String] {
        var names: [String] = []
        for dependency in dependencies {
            do { try await dependency.check() } catch { names.append(dependency.name) }
        }
        return names
    }

    /// A full disk is seen by its free space: a write as small as a probe may still fit where a guest's message does not.
    private static func checkRoom(for path: String) throws {
        var facts = statvfs()
        guard statvfs(path, &facts) == 0 else { return }
        let free = Int(clamping: UInt64(facts.f_bavail) &* UInt64(facts.f_frsize))
        if free < leastFreeBytes { throw PluginFailure.notReady("disk-full", "the disk of \(path) is full: \(free / 1024) kB are left") }
    }

    private static func word(_ status: InstanceStatus) -> String {
        switch status.state {
        case .running: "connected"
        case .degraded: "degraded"
        case .starting: "starting"
        case .failed, .stopping, .stopped: "disconnected"
        }
    }
}
