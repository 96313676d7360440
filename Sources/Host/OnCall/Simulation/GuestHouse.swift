import Butler
import Foundation
import Kernel
import OnCall
import PluginAPI
import Synchronization

/// The house of one scenario: the real inbox, pipeline, tasks and watch over a database in memory, on a clock that the scenario moves. What leaves for guests
/// stays in the outbox, where the report reads it.
final class GuestHouse: ScenarioHouse {
    private struct State {
        var alerts: [Alert] = []
        var findings: [String] = []
        var messages = 0
        /// Messages that were dealt with before anybody waited for it.
        var done: Set<String> = []
        var waiting: [String: CheckedContinuation<Void, Never>] = [:]
    }

    private let engine: SQLiteEngine
    private let clock: ManualTime
    private let jobs: JobQueue
    private let inbox: Inbox
    private let butler: Butler
    private let property: String
    private let addresses: ScenarioAddresses
    private let channel: String
    private let begin: Date
    private let state: Box
    private let work: Task<Void, Never>

    /// What the handlers and the house share.
    private final class Box: Sendable {
        let state = Mutex(State())

        func finish(_ id: String, _ failure: String?) {
            let waiter = state.withLock { state in
                if let failure { state.findings.append("a guest's words could not be dealt with: \(failure)") }
                guard let waiter = state.waiting.removeValue(forKey: id) else {
                    state.done.insert(id)
                    return nil as CheckedContinuation<Void, Never>?
                }
                return waiter
            }
            waiter?.resume()
        }

        func wait(for id: String) async {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    if state.done.remove(id) != nil { return true }
                    state.waiting[id] = continuation
                    return false
                }
                if isDone { continuation.resume() }
            }
        }

        func news(_ lines: [String] = []) -> ScenarioNews {
            state.withLock { state in
                defer { (state.alerts, state.findings) = ([], []) }
                return ScenarioNews(alerts: state.alerts, lines: lines, findings: state.findings)
            }
        }
    }

    /// - Parameter kernel: in which the AI and the PMS run.
    /// - Throws: ``Kernel/StorageError``.
    init(
        kernel: JackKernel, settings: ButlerSettings, catalogs: ButlerCatalogs, knowledge: KnowledgeBase, addresses: ScenarioAddresses,
        channel: String,
        begin: Date
    ) async throws {
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(JackApplication.migrations)
        let clock = ManualTime(now: begin), parts = kernel.parts, bus = EventBus(), box = Box(), property = parts.property.id
        let jobs = JobQueue(engine: engine, property: property, clock: clock, logger: parts.logger)
        let outbox = Outbox(
            engine: engine, property: property, clock: clock, logger: parts.logger, metrics: parts.metrics, bus: bus, deliveries: [:])
        let alerts = AlertIntake(jobs: jobs)
        let butler = Butler(
            .init(
                property: parts.property, engine: engine, dispatcher: kernel.dispatcher, outbox: { outbox }, alerts: alerts, jobs: jobs, bus: bus,
                clock: clock, logger: parts.logger, metrics: parts.metrics),
            settings: settings, catalogs: catalogs, knowledge: knowledge)
        alerts.route { alert in box.state.withLock { $0.alerts.append(alert) } }
        jobs.register(GuestWatch.jobKind) { try await butler.watch?.perform($0) }
        let inbox = Inbox(
            engine: engine, property: property, clock: clock, logger: parts.logger, metrics: parts.metrics,
            handler: { item in
                do {
                    try await butler.handle(item)
                    box.finish(item.id, nil)
                } catch {
                    // Not tried again: the clock stands still, and the scenario is to say what is wrong.
                    try? await engine.write { try Inbox.complete(item, in: $0) }
                    box.finish(item.id, "\(error)")
                }
            })
        (self.engine, self.clock, self.jobs, self.inbox, self.butler, self.property) = (engine, clock, jobs, inbox, butler, property)
        (self.addresses, self.channel, self.begin, state) = (addresses, channel, begin, box)
        work = Task { await inbox.run() }
    }

    /// Has the AI learn the hotel's intents, where it has not yet.
    func prepare() async { await butler.prepare(within: .seconds(300)) }

    func nextDue() async throws -> Date? { try await jobs.nextDue() }

    func pass(to moment: Date) async throws -> ScenarioNews {
        clock.move(to: moment)
        try await jobs.performDue()
        return state.news()
    }

    // MARK: Guests

    func write(_ guest: ScenarioGuest) async throws -> ScenarioNews {
        let number = state.state.withLock { state in
            state.messages += 1
            return state.messages
        }
        let peer = addresses.address(of: guest.key), instance = guest.channel ?? channel
        let message = InboundMessage(text: guest.writes, displayName: guest.name, locale: guest.language)
        let event = InboundEvent(
            vendorID: "scenario-\(number)", peer: peer, sender: .proven("the scenario says who writes"), occurredAt: clock.now, .message(message))
        guard let id = try await inbox.accept(instance, [event]).first?.id else { return state.news() }
        await state.wait(for: id)
        try await jobs.performDue()
        let became = try await report(id, from: peer, through: instance)
        return state.news(["\(guest.words) writes “\(guest.writes.prefix(120))”"] + became.map { "  \($0)" })
    }

    /// What a guest's words became: why, which task, and what the guest was told.
    private func report(_ id: String, from peer: PeerAddress, through instance: String) async throws -> [String] {
        let (butler, property, begin) = (butler, property, begin)
        return try await engine.read { reader in
            let told: Set<String> = ["safety", "custody", "content", "guest", "verification", "intent", "autonomy", "task", "answer"]
            var lines = try Ledger.entries(of: id, property: property, in: reader).filter { told.contains($0.step) }.map {
                "\($0.step): \($0.outcome) (\($0.reason))"
            }
            guard let conversation = try butler.conversations.find(instance, peer, in: reader) else { return lines }
            for task in try butler.tasks.list(.init(conversationID: conversation.id), limit: 100, in: reader) where task.messageID == id {
                let room = task.room.map { " in room \($0)" } ?? "", due = Int(task.dueAt.timeIntervalSince(begin) / 60)
                lines.append("a task for \(task.department)\(room), \(task.priority.rawValue), due at +\(due)m")
            }
            for reply in try butler.messages.list(of: conversation.id, limit: 20, in: reader) where reply.inReplyTo == id {
                lines.append("\(reply.state == .held ? "held for approval" : "told"): “\(reply.text.prefix(100))”")
            }
            return lines + ["the conversation is \(conversation.state.rawValue)"]
        }
    }

    // MARK: Staff

    func act(_ staff: ScenarioStaff) async throws -> ScenarioNews {
        var lines: [String] = []
        do {
            lines = [try await perform(staff)]
        } catch {
            state.state.withLock { $0.findings.append("\(staff.by) could not \(staff.does.rawValue): \(error)") }
        }
        try await jobs.performDue()
        return state.news(lines)
    }

    private func perform(_ staff: ScenarioStaff) async throws -> String {
        guard let key = staff.guest ?? addresses.onlyKey else { throw HostError("which guest is meant is not said") }
        let peer = addresses.address(of: key), butler = butler
        let found = try await engine.read { reader -> (Conversation, [HotelTask])? in
            let all = try butler.conversations.list(limit: 1000, in: reader)
            guard let conversation = all.first(where: { $0.peer == peer }) else { return nil }
            return (conversation, try butler.tasks.list(.init(conversationID: conversation.id), limit: 100, in: reader))
        }
        guard let (conversation, tasks) = found else { throw HostError("the guest has not written yet") }
        switch staff.does {
        case .takeConversation:
            _ = try await butler.staff.move(conversation.id, to: .taken, by: staff.by)
            return "\(staff.by) takes the conversation"
        case .answer:
            _ = try await butler.staff.reply(to: conversation.id, text: "We are on our way.", by: staff.by)
            return "\(staff.by) answers the guest"
        case .takeTask, .finishTask:
            let next: HotelTask.State = staff.does == .takeTask ? .claimed : .done
            let open = tasks.filter { $0.state != .done && $0.state != .cancelled && $0.state != next }
            guard !open.isEmpty else { throw HostError("there is no open task of this guest") }
            for task in open { _ = try await butler.staff.move(task: task.id, to: next, by: staff.by) }
            return "\(staff.by) \(next == .claimed ? "takes" : "finishes") “\(open.map(\.title).joined(separator: "”, “"))”"
        }
    }

    func close() async {
        work.cancel()
        await work.value
        await engine.close()
    }
}
