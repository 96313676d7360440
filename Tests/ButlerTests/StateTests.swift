import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

@Suite struct StateTests {
    private static let conversationMoves: [ConversationState: Set<ConversationState>] = [
        .new: [.active, .escalated, .taken, .closed], .active: [.escalated, .taken, .resolved, .closed],
        .escalated: [.taken, .active, .resolved, .closed],
        .taken: [.active, .escalated, .resolved, .closed], .resolved: [.active, .escalated, .taken, .closed], .closed: [.active, .escalated, .taken],
    ]
    private static let taskMoves: [HotelTask.State: Set<HotelTask.State>] = [
        .open: [.claimed, .inProgress, .done, .cancelled], .claimed: [.open, .inProgress, .done, .cancelled],
        .inProgress: [.open, .done, .cancelled],
        .done: [.open], .cancelled: [.open],
    ]
    private let now = Date(timeIntervalSince1970: 1_756_814_400)

    @Test(arguments: ConversationState.allCases, ConversationState.allCases)
    func conversation(from: ConversationState, to: ConversationState) throws {
        var conversation = Conversation(id: "c", instance: "channel", peer: .guest, at: now)
        conversation.state = from
        let later = now.addingTimeInterval(1)
        if from == to || Self.conversationMoves[from]?.contains(to) == true {
            try conversation.move(to: to, at: later)
            #expect(conversation.state == to && conversation.stateSince == (from == to ? now : later))
        } else {
            #expect { try conversation.move(to: to, at: later) } throws: { ($0 as? ButlerError)?.code == .illegalTransition }
            #expect(conversation.state == from && conversation.stateSince == now)
        }
    }

    @Test(arguments: HotelTask.State.allCases, HotelTask.State.allCases)
    func task(from: HotelTask.State, to: HotelTask.State) throws {
        var task = HotelTask(id: "t", department: "security", room: nil, title: "x", description: "x", priority: .low, dueAt: now, createdAt: now)
        task.state = from
        if from == to || Self.taskMoves[from]?.contains(to) == true {
            try task.move(to: to, by: "Rosa", at: now)
            #expect(task.state == to)
            if from != to { #expect((task.completedAt != nil) == (to == .done)) }
        } else {
            #expect { try task.move(to: to, by: "Rosa", at: now) } throws: { ($0 as? ButlerError)?.code == .illegalTransition }
            #expect(task.state == from)
        }
    }

    @Test func twoPeopleCannotBothClaimATask() async throws {
        try await withHouse { house async throws in
            let staff = house.butler.staff
            let task = try await staff.createTask(
                department: "housekeeping", room: "204", title: "Towels", description: "", priority: .standard, by: "Ana")
            #expect(task.dueAt == house.clock.now.addingTimeInterval(3600))
            #expect(try await staff.move(task: task.id, to: .claimed, by: "Rosa").assignedTo == "Rosa")
            #expect(await refusal { try await staff.move(task: task.id, to: .claimed, by: "Ben") } == .conflict)
            #expect(try await staff.move(task: task.id, to: .claimed, by: "Rosa").assignedTo == "Rosa")
            #expect(try await staff.move(task: task.id, to: .open, by: "Rosa").assignedTo == nil)
            let done = try await staff.move(task: task.id, to: .done, by: "Ben", notes: "left at the door")
            #expect(done.completedAt == house.clock.now && done.notes == "left at the door")
            #expect(await refusal { try await staff.move(task: task.id, to: .claimed, by: "Ben") } == .illegalTransition)
            #expect(await refusal { try await staff.move(task: "none", to: .done, by: nil) } == .notFound)
            #expect(
                await refusal { try await staff.createTask(department: "x", room: nil, title: "", description: "", priority: .low, by: "Ana") }
                    == .invalid)
            let told = try await house.ledger(task.id)
            #expect(told.map(\.outcome) == ["open", "claimed", "claimed", "open", "done"])
            #expect(told.first?.reason == "Ana made the task by hand")
        }
    }

    /// Whoever got no answer asks again.
    @Test func theSameTaskTwiceIsOne() async throws {
        try await withHouse { house async throws in
            func make(_ clientID: String?, _ title: String = "Towels") async throws -> HotelTask {
                try await house.butler.staff.createTask(
                    department: "housekeeping", room: "204", title: title, description: "", priority: .standard, by: "Ana", clientID: clientID)
            }
            let first = try await make("order-1")
            _ = try await house.butler.staff.move(task: first.id, to: .claimed, by: "Rosa")
            let again = try await make("order-1", "Other words")
            #expect(again.id == first.id && again.title == "Towels" && again.assignedTo == "Rosa", "it stays as it has become")
            #expect(try await house.ledger(first.id).map(\.outcome) == ["open", "claimed"])
            let ids = [first.id, try await make("order-2").id, try await make(nil).id, try await make(nil).id]
            #expect(Set(ids).count == 4)
        }
    }

    @Test func takingNeedsAPersonAndNothingBecomesNew() async throws {
        try await withHouse { house async throws in
            try await house.ask("hello")
            let id = try await house.conversation().id
            #expect(await refusal { try await house.butler.staff.move(id, to: .taken, by: nil) } == .invalid)
            #expect(await refusal { try await house.butler.staff.move(id, to: .new, by: "Rosa") } == .illegalTransition)
            #expect(try await house.conversation().state == .active)
        }
    }

    @Test func theHistoryKeepsEachChange() async throws {
        try await withHouse { house async throws in
            try await house.ask("hello")
            let id = try await house.conversation().id
            _ = try await house.butler.staff.move(id, to: .taken, by: "Rosa")
            try await house.ask("are you there")
            let history = try await house.engine.read { [butler = house.butler] in try butler.conversations.history(of: id, in: $0) }
            #expect(history.map(\.change) == ["created", "updated"])
            #expect(history[0].before == nil && history[0].after?["state"]?.stringValue == "active")
            #expect(history[1].before?["state"]?.stringValue == "active" && history[1].after?["assigned_to"]?.stringValue == "Rosa")
        }
    }

    @Test func quietConversationsAreClosedAndOthersAreNot() async throws {
        try await withHouse { house async throws in
            let waiting = PeerAddress(.session, "waiting"), held = PeerAddress(.session, "held"), busy = PeerAddress(.session, "busy")
            try await house.ask("hello")
            try await house.ask("hello", from: waiting)
            _ = try await house.butler.staff.move(try await house.conversation(waiting).id, to: .escalated, by: nil)
            house.parts.ai.answers("Perhaps.", confidence: 0.4)
            try await house.ask("is there a helipad", from: held)
            house.clock.jumpWall(by: .seconds(3 * 3600))
            try await house.ask("hello", from: busy)
            try await house.butler.closeIdle()
            #expect(try await house.conversation().state == .active)
            house.clock.jumpWall(by: .seconds(3600 + 1))
            try await house.butler.closeIdle()
            #expect(try await house.conversation().state == .closed)
            #expect(try await house.conversation(waiting).state == .escalated)
            #expect(try await house.conversation(held).state == .active)
            #expect(try await house.conversation(busy).state == .active)
            #expect(try await house.ask("hello").count == 1)
            #expect(try await house.conversation().state == .active)
        }
    }
}
