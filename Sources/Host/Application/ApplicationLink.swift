import OnCall
import PluginAPI
import Synchronization

/// The gateway is made before the application that it serves; this breaks the circle.
final class ApplicationLink: Sendable {
    private struct Weak { weak var application: JackApplication? }
    private let state = Mutex(Weak())
    func connect(_ application: JackApplication) { state.withLock { $0.application = application } }
    func application() throws -> JackApplication {
        guard let application = state.withLock({ $0.application }) else { throw CancellationError() }
        return application
    }
}

extension ApplicationLink: HeartbeatKeeping {
    func beat(_ name: String) async throws -> HeartbeatView { try await heartbeatKeeper().beat(name) }
    func heartbeats() async throws -> [HeartbeatView] { try await heartbeatKeeper().heartbeats() }

    private func heartbeatKeeper() throws -> any HeartbeatKeeping {
        guard let keeper = try application().heartbeats else { throw CancellationError() }
        return keeper
    }
}

extension ApplicationLink: AlertSourceKeeping {
    func take(_ request: PluginRequest, of source: String) async throws -> SourceReceipt {
        guard let sources = try application().alertSources else { throw CancellationError() }
        return try await sources.take(request, of: source)
    }
}
