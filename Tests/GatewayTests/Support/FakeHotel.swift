import Foundation
import PluginAPI
import Synchronization

@testable import Gateway

/// A hotel with one of everything.
final class FakeHotel: HotelAPI {
    /// What was asked, in words.
    let calls = Mutex<[String]>([])
    let listeners = Mutex<[AsyncStream<API.Change>.Continuation]>([])

    private static let moment = Date(timeIntervalSince1970: 1_800_000_000.125)
    func note(_ call: String) { calls.withLock { $0.append(call) } }

    private let conversation = API.Conversation(
        id: "c1", channel: "webchat", peer: "session:x", state: "open", guestID: "g1", guestName: "Ada", reservationID: "r1", room: "204",
        assignedTo: "Mia", locale: "en", preview: "When is…", pendingApprovals: 1, createdAt: moment, updatedAt: moment)
    private let message = API.Message(
        id: "m1", conversationID: "c1", author: .jack, text: "From 7.", inReplyTo: "m0", quickReplies: [QuickReply(id: "ok", title: "Thanks")],
        sources: [SourceReference(id: "k1", title: "Breakfast")],
        media: [
            API.Media(
                attachmentID: "att_1", kind: .image, state: .stored, mimeType: "image/png", fileName: "shower.png", caption: "Broken", size: 8),
            API.Media(kind: .document, state: .notKept),
        ], delivery: "sent", at: moment)
    private let person = API.Guest(
        id: "g1", name: "Ada", email: "ada@example.com", preferences: ["quiet"], addresses: ["webchat/session:x"], createdAt: moment)
    private let stay = API.Reservation(
        id: "r1", confirmation: "AB12", guestID: "g1", guestName: "Ada", room: "204", roomType: "double", arrival: "2026-05-01",
        departure: "2026-05-03", status: .checkedIn, adults: 2, children: 0)
    private let job = API.HotelTask(
        id: "t1", department: "housekeeping", summary: "two towels", room: "204", priority: "standard", status: "open", intent: "towels",
        conversationID: "c1", guestID: "g1", dueAt: moment, createdAt: moment, updatedAt: moment)
    private let held = API.Approval(
        id: "a1", conversationID: "c1", messageID: "m1", question: "?", text: "Yes", reason: "confidence 0.4 is below 0.7", confidence: 0.4,
        sources: [], order: .init(department: "housekeeping", summary: "two towels", room: "309", priority: "standard", note: "in another room"),
        state: .pending, createdAt: moment)
    private let plugin = API.PluginInstance(
        instance: "webchat", plugin: "webchat", kind: "channel", summary: "The guest page", stability: "stable", state: "running", since: moment,
        settings: ["secretKey": "•••", "nested_key": ["innerKey": 1]])

    func conversations(_ filter: API.ConversationFilter, _ page: API.PageRequest) async throws -> API.Page<API.Conversation> {
        note("conversations state=\(filter.state ?? "-") limit=\(page.limit) cursor=\(page.cursor ?? "-")")
        return API.Page([conversation], nextCursor: page.cursor == nil ? "next" : nil)
    }
    func conversation(_ id: String) async throws -> API.Conversation {
        guard id == "c1" else { throw GatewayError.notFound("conversation “\(id)”") }
        return conversation
    }
    func update(conversation id: String, _ change: API.ConversationChange, by staff: String) async throws -> API.Conversation {
        guard change.state != "sleeping" else { throw GatewayError.conflict("open cannot become sleeping") }
        note("update \(id) \(change.action?.rawValue ?? "-") \(change.assignedTo ?? "-") by \(staff)")
        return conversation
    }
    func messages(conversation id: String, _ page: API.PageRequest) async throws -> API.Page<API.Message> { API.Page([message]) }
    func reply(conversation id: String, _ message: API.NewMessage, by staff: String) async throws -> API.Message {
        note("reply \(id) \(message.text) \(message.clientID ?? "-") by \(staff)")
        return self.message
    }
    func why(message id: String) async throws -> [API.LedgerEntry] {
        [API.LedgerEntry(step: "intent", outcome: "towels", reason: "0.9", rule: "intents.yaml:3", details: ["rawScore": 0.9], at: Self.moment)]
    }
    func why(of id: String) async throws -> [API.LedgerEntry] { try await why(message: id) }
    func guests(search: String?, _ page: API.PageRequest) async throws -> API.Page<API.Guest> { API.Page([person]) }
    func guest(_ id: String) async throws -> API.Guest { person }
    func reservations(_ filter: API.ReservationFilter, _ page: API.PageRequest) async throws -> API.Page<API.Reservation> { API.Page([stay]) }
    func reservation(_ id: String) async throws -> API.Reservation { stay }
    func tasks(_ filter: API.TaskFilter, _ page: API.PageRequest) async throws -> API.Page<API.HotelTask> { API.Page([job]) }
    func task(_ id: String) async throws -> API.HotelTask {
        note("task \(id)")
        return job
    }
    func create(task: API.NewTask, by staff: String) async throws -> API.HotelTask {
        note("create \(task.department) \(task.dueAt.map { "\($0.timeIntervalSince1970)" } ?? "-")")
        return job
    }
    func update(task id: String, _ change: API.TaskChange, by staff: String) async throws -> API.HotelTask { job }
    func approvals(state: API.Approval.State?, _ page: API.PageRequest) async throws -> API.Page<API.Approval> { API.Page([held]) }
    func approve(_ id: String, _ decision: API.ApproveDecision, by staff: String) async throws -> API.Approval { held }
    func reject(_ id: String, _ decision: API.RejectDecision, by staff: String) async throws -> API.Approval { held }
    func plugins() async throws -> [API.PluginInstance] { [plugin] }
    func plugin(_ instance: String) async throws -> API.PluginInstance { plugin }
    func hold(plugin instance: String, _ reason: API.HoldReason, by staff: String) async throws -> API.PluginInstance { plugin }
    func release(plugin instance: String, by staff: String) async throws -> API.PluginInstance { plugin }
    func restart(plugin instance: String, by staff: String) async throws -> API.PluginInstance { plugin }
    func costs(_ query: API.CostQuery) async throws -> API.Costs {
        API.Costs(
            currency: "EUR", total: 0.25, count: 1,
            items: [
                .init(
                    key: query.by.rawValue, calls: 2, fallbacks: 0, estimated: 1, inputTokens: 10, outputTokens: 5, cacheReadTokens: 0,
                    cacheWriteTokens: 0, cost: 0.25)
            ])
    }

    func searchKnowledge(_ query: String, language: String?, limit: Int) async throws -> [API.KnowledgeHit] {
        note("search \(query) \(limit)")
        return [API.KnowledgeHit(id: "k1", title: "Breakfast", text: "From 7 to 10.", source: "knowledge/breakfast.md", language: "en", score: 1.5)]
    }
    func reload(_ request: API.ReloadRequest, by staff: String) async throws -> API.ReloadReport {
        note("reload \(request.dryRun == true ? "dry" : "wet")")
        return API.ReloadReport(applied: false, changes: ["restart webchat"])
    }
    func stop(by staff: String) async throws { note("stop by \(staff)") }
    func changes() -> AsyncStream<API.Change> {
        let (stream, continuation) = AsyncStream<API.Change>.makeStream()
        listeners.withLock { $0.append(continuation) }
        return stream
    }
    func announce() {
        let change = API.Change(.task, id: "t1", .created, at: Self.moment)
        for listener in listeners.withLock({ $0 }) { listener.yield(change) }
    }
}
