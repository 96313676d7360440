import Gateway
import Kernel
import PluginAPI

/// What the gateway's health routes ask.
struct HostHealth: HealthSource {
    let engine: any StorageEngine
    let instances: InstanceRegistry

    func isDatabaseConnected() async -> Bool {
        (try? await engine.read { try $0.row("SELECT 1 AS one") }) != nil
    }

    func channels() async -> [String: String] {
        Dictionary(instances.all(of: .channel).map { ($0.spec.name, Self.word($0.status)) }) { first, _ in first }
    }

    var dependencies: [ReadinessDependency] {
        let engine = engine
        return [
            ReadinessDependency("database") {
                // A write, since a disk may be full or read-only while reading still works.
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

    private static func word(_ status: InstanceStatus) -> String {
        switch status.state {
        case .running: "connected"
        case .degraded: "degraded"
        case .starting: "starting"
        case .failed, .stopping, .stopped: "disconnected"
        }
    }
}
