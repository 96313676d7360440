import Logging
import PluginAPI

/// The ``MailService`` of one instance: a ``MailEngine`` under the instance's policy, clock and health.
public struct KernelMailService: MailService {
    private let engine: MailEngine
    private let policy: OutboundPolicy
    private let clock: any TimeSource
    private let health: any HealthReporter
    private let logger: Logger
    private let backoff: Backoff
    private let executor: InstanceExecutor

    /// - Parameters:
    ///   - instance: whose code a watch calls: a trap in it, while it reads what strangers wrote, is laid at its door.
    ///   - policy: which servers it may reach.
    ///   - backoff: the waits between connections of a watch that fail.
    public init(
        instance: String, engine: MailEngine, policy: OutboundPolicy, clock: any TimeSource, health: any HealthReporter,
        logger: Logger,
        backoff: Backoff = Backoff(base: .seconds(1), maximum: .seconds(120))
    ) {
        executor = InstanceExecutor(instance: instance)
        self.engine = engine
        self.policy = policy
        self.clock = clock
        self.health = health
        self.logger = logger
        self.backoff = backoff
    }

    public func check(submission server: MailServer) async throws {
        let wire = try await MailWire(MailLink(.smtp, server, policy: policy), engine: engine)
        try? await wire.send(Array("QUIT\r\n".utf8), by: .now + .seconds(1))
        wire.close()
    }

    public func submit(_ mail: MailSubmission, to server: MailServer) async throws {
        let wire = try await MailWire(MailLink(.smtp, server, policy: policy), engine: engine)
        defer { wire.close() }
        try await SMTPDialog(wire: wire).submit(mail)
    }

    public func open(_ server: MailServer) async throws -> any MailboxSession {
        guard server.user != nil else { throw PluginFailure.permanent(.configuration, "IMAP needs a user and a password") }
        return try await IMAPSession(MailWire(MailLink(.imap, server, policy: policy), engine: engine))
    }

    public func watch(_ watch: MailboxWatch, changed: @escaping @Sendable (any MailboxSession, MailboxState) async throws -> Void) async {
        var failures = 0
        while !Task.isCancelled {
            do {
                try await follow(watch, changed) { failures = 0 }
            } catch {
                if Task.isCancelled || error is CancellationError { return }
                let failure = CallGate.classify(error, instance: "the mailbox")
                if failure.disposition == .credentialsRejected { return health.credentialsRejected(failure.message) }
                failures += 1
                // A connection that breaks after hours is nothing to report: most servers do so. One that cannot be made again is.
                if failures > 1 || failure.reason != .unreachable { health.degraded(failure.message) }
                let wait = backoff.delay(afterFailures: failures, atLeast: max(failure.retryAfter ?? .zero, .milliseconds(200)))
                logger.debug("the mailbox is connected to again", metadata: ["error": "\(failure)", "wait": "\(wait.text)"])
                guard (try? await clock.sleep(for: wait)) != nil else { return }
            }
        }
    }

    /// One connection, until it breaks.
    private func follow(
        _ watch: MailboxWatch, _ changed: @escaping @Sendable (any MailboxSession, MailboxState) async throws -> Void, well: () -> Void
    ) async throws {
        let session = try await open(watch.server)
        do {
            let state = try await session.select(watch.mailbox, readOnly: false)
            var hasIdle = true
            while true {
                try await withTaskExecutorPreference(executor) { try await changed(session, state) }
                well()
                health.recovered()
                if hasIdle {
                    do {
                        _ = try await session.idle(atMost: watch.poll)
                    } catch let failure as PluginFailure where failure.reason == .notImplemented || failure.reason == .invalidRequest {
                        hasIdle = false
                    }
                }
                if !hasIdle {
                    try await clock.sleep(for: watch.poll)
                    try await session.ping()
                }
            }
        } catch {
            await session.close()
            throw error
        }
    }
}
