import CoreMetrics
import Foundation
import Gateway
import Kernel
import OnCall
import PluginAPI

/// How the application shows itself: the gateway's parts, and what the metrics mean.
extension JackApplication {
    static func gateway(
        _ loaded: Configurator.Loaded, kernel: JackKernel, metrics: PrometheusRegistry, routes: MountedRoutes, link: ApplicationLink,
        engine: SQLiteEngine, onCall: OnCallHouse, operations: OperationsHouse
    ) -> GatewayServer {
        let server = loaded.configuration.settings.server
        var configuration = GatewayConfiguration()
        configuration.host = server.host
        configuration.port = server.port
        configuration.metricsPort = server.metricsPort
        configuration.maximumBodyBytes = server.maximumBody.bytes
        configuration.headerTimeout = server.headerTimeout
        configuration.bodyTimeout = server.bodyTimeout
        configuration.idleTimeout = server.idleTimeout
        configuration.drainDeadline = server.drainTimeout
        configuration.maximumConnections = server.maximumConnections
        configuration.maximumConnectionsPerAddress = server.maximumConnectionsPerAddress
        configuration.trustedProxies = server.trustedProxies
        configuration.apiAllowlist = server.allowlist
        configuration.corsOrigins = server.corsOrigin.map { [$0] } ?? []
        configuration.token = loaded.configuration.settings.security.localToken
        configuration.rates = RateLimits(server.rateLimit)
        let storage = loaded.configuration.settings.storage
        var parts = GatewayParts(
            version: JackHost.version, routes: routes, accept: { [unowned kernel] in try await kernel.inbox.accept($0, $1) },
            health: HostHealth(engine: engine, instances: kernel.instances, path: storage.persist ? storage.path : nil),
            hotel: HotelService(link: link),
            metricsText: { [weak kernel] in
                if let kernel { Self.recordDepths(of: kernel, in: metrics) }
                return metrics.render()
            }, metrics: metrics,
            time: kernel.parts.clock, logger: kernel.parts.logger)
        parts.alertBoard = onCall.service
        parts.heartbeats = link
        parts.refusal = { [weak operations] in operations?.refusal($0) }
        parts.admit = { [weak kernel] in kernel?.instances.supervisor($0)?.inbound.admit() }
        parts.extraRoutes = AnswerPages.routes(onCall.service)
        parts.alertSources = link
        GatewayBuilder.describeMetrics(in: metrics)
        SystemGauges.describe(in: metrics)
        return GatewayBuilder(configuration, parts).build()
    }

    static func recordDepths(of kernel: JackKernel, in metrics: PrometheusRegistry) {
        for (queue, depth) in [("inbox", kernel.inbox.depth), ("outbox", kernel.outbox.depth)] {
            Gauge(label: "jack_queue_depth", dimensions: [("queue", queue)], factory: metrics).record(depth)
        }
    }

    static func describe(_ metrics: PrometheusRegistry) {
        metrics.describe("jack_messages_total", "Messages by channel and author.")
        metrics.describe("jack_message_processing_seconds", "Time from taking up a guest's message to its committed decision.")
        metrics.describe(
            "jack_intent_confidence", "How sure the AI was of a message's intent, 0 to 1.", buckets: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
        metrics.describe(
            "jack_answer_confidence", "How sure an answer was, 0 to 1, by what that allowed.",
            buckets: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
        metrics.describe("jack_conversations_started_total", "Conversations that began.")
        metrics.describe("jack_conversation_changes_total", "Conversations that came to a state, by the state.")
        metrics.describe("jack_tasks_created_total", "Tasks made: from guests' messages, by an approval, and by hand.")
        metrics.describe(
            "jack_task_completion_seconds", "Time from making a task to its completion.",
            buckets: [300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 259_200])
        metrics.describe("jack_outbound_receipts_total", "What vendors said of deliveries after taking them.")
        metrics.describe("jack_attachments_total", "Guests' files, by what became of them.")
        metrics.describe("jack_calls_total", "Calls into plugin instances by outcome.")
        metrics.describe("jack_call_duration_seconds", "Time of calls into plugin instances.")
        metrics.describe("jack_inbound_events_total", "Events stored in the inbox.")
        metrics.describe("jack_inbound_duplicates_total", "Events that were known already.")
        metrics.describe("jack_inbound_limited_total", "Webhooks refused, and messages held back, by an instance's inbound limit.")
        metrics.describe("jack_outbound_total", "Deliveries by instance, kind and outcome.")
        metrics.describe("jack_alerts_total", "Alerts that were routed.")
        metrics.describe("jack_queue_depth", "Entries that wait in memory or are being worked on.")
        metrics.describe("jack_instance_up", "1 while an instance takes calls.")
    }
}
