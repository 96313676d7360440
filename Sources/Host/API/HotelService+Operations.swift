import Butler
import Foundation
import Gateway
import HTTPTypes
import Kernel
import Logging
import PluginAPI

extension HotelService {
    // MARK: Plugins

    func plugins() async throws -> [API.PluginInstance] {
        try await answer { app in
            let held = try await app.kernel.holds.all()
            return app.kernel.instances.all.map { record($0, held: held[$0.spec.name]) }
        }
    }

    func plugin(_ instance: String) async throws -> API.PluginInstance {
        try await answer { app in
            guard let supervisor = app.kernel.instances.supervisor(instance) else { throw GatewayError.notFound("instance “\(instance)”") }
            return record(supervisor, held: try await app.kernel.holds.all()[instance])
        }
    }

    func hold(plugin instance: String, _ reason: API.HoldReason, by staff: String) async throws -> API.PluginInstance {
        try await answer { app in
            guard app.kernel.instances.supervisor(instance) != nil else { throw GatewayError.notFound("instance “\(instance)”") }
            try await app.kernel.hold(instance, reason: "\(staff): \(reason.reason ?? "no reason given")")
        }
        return try await plugin(instance)
    }

    func release(plugin instance: String, by staff: String) async throws -> API.PluginInstance {
        try await answer { app in
            guard app.kernel.instances.supervisor(instance) != nil else { throw GatewayError.notFound("instance “\(instance)”") }
            app.logger.info("releasing an instance", metadata: ["instance": "\(instance)", "by": "\(staff)"])
            do {
                try await app.kernel.release(instance)
            } catch let failure as PluginFailure where failure.reason == .notFound {
                throw GatewayError.conflict(failure.message)
            }
        }
        return try await plugin(instance)
    }

    func restart(plugin instance: String, by staff: String) async throws -> API.PluginInstance {
        try await answer { app in
            do {
                try await app.restart(instance: instance, by: staff)
            } catch let failure as PluginFailure where failure.reason == .notFound {
                throw GatewayError.notFound("instance “\(instance)”")
            } catch let failure as PluginFailure where failure.reason == .held {
                throw GatewayError.conflict(failure.message)
            }
        }
        return try await plugin(instance)
    }

    // MARK: Administration

    func reload(_ request: API.ReloadRequest, by staff: String) async throws -> API.ReloadReport {
        try await answer { app in
            if request.dryRun != true { app.logger.info("reloading", metadata: ["by": "\(staff)"]) }
            do {
                let report = try await app.reload(dryRun: request.dryRun ?? false)
                return API.ReloadReport(applied: report.applied, changes: report.changes, diagnostics: report.diagnostics)
            } catch let failure as PluginFailure {
                throw GatewayError.conflict("nothing was changed: \(failure.message)")
            }
        }
    }

    func stop(by staff: String) async throws { try application().requestStop("asked by \(staff)") }

    func changes() -> AsyncStream<API.Change> {
        guard let app = try? application() else { return AsyncStream { $0.finish() } }
        let (stream, continuation) = AsyncStream<API.Change>.makeStream(bufferingPolicy: .bufferingNewest(256))
        let clock = app.kernel.parts.clock
        let conversations = app.kernel.bus.subscribe(to: ConversationTouched.self), tasks = app.kernel.bus.subscribe(to: TaskTouched.self)
        let erased = app.kernel.bus.subscribe(to: ConversationErased.self)
        let instances = app.kernel.bus.subscribe(to: InstanceChanged.self), deliveries = app.kernel.bus.subscribe(to: OutboxChanged.self)
        let listeners = [
            Task { for await event in conversations { continuation.yield(API.Change(.conversation, id: event.id, .updated, at: clock.now)) } },
            Task { for await event in erased { continuation.yield(API.Change(.conversation, id: event.id, .deleted, at: clock.now)) } },
            Task { for await event in tasks { continuation.yield(API.Change(.task, id: event.task.id, .updated, at: clock.now)) } },
            Task { for await event in instances { continuation.yield(API.Change(.plugin, id: event.status.name, .updated, at: clock.now)) } },
            Task {
                for await event in deliveries where event.kind == .message {
                    continuation.yield(API.Change(.message, id: event.id, .updated, at: clock.now))
                }
            },
        ]
        continuation.onTermination = { _ in
            conversations.cancel()
            erased.cancel()
            tasks.cancel()
            instances.cancel()
            deliveries.cancel()
            listeners.forEach { $0.cancel() }
        }
        return stream
    }

    private func record(_ supervisor: PluginSupervisor, held: String?) -> API.PluginInstance {
        let status = supervisor.status, manifest = supervisor.spec.registration.manifest
        return API.PluginInstance(
            instance: status.name, plugin: manifest.id, kind: status.kind.rawValue, summary: manifest.summary, stability: manifest.stability.rawValue,
            state: held == nil ? status.state.rawValue : "held", since: status.since, lastError: held ?? status.reason,
            settings: supervisor.spec.settings.printed)
    }
}
