import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

/// What a hotel wants to know of a month: how much there was, how long it took, and what went wrong.
@Suite struct MetricsTests {
    @Test func conversationsAreCountedByWhatBecomesOfThem() async throws {
        try await withHouse { house async throws in
            let metrics = house.parts.metrics
            func changes(_ state: String) -> Double { metrics.sum("jack_conversation_changes_total", ["channel": "channel", "state": state]) }
            try await house.ask("when is breakfast")
            try await house.ask("and again, when is breakfast")
            #expect(metrics.sum("jack_conversations_started_total", ["channel": "channel"]) == 1)
            #expect(changes("active") == 1, "that somebody writes is no change")
            let id = try await house.conversation().id
            _ = try await house.butler.staff.move(id, to: .taken, by: "Ana")
            _ = try await house.butler.staff.move(id, to: .resolved, by: "Ana")
            #expect(changes("taken") == 1 && changes("resolved") == 1)
            _ = try await house.butler.eraser.erase(conversation: id, by: "Ana") { _ in nil }
            #expect(changes("deleted") == 1)
        }
    }

    @Test func tasksAreCountedAndTimed() async throws {
        try await withHouse({ $0.settings.autonomy.limits = ["request.housekeeping": .hold] }) { house async throws in
            let metrics = house.parts.metrics, staff = house.butler.staff
            try await house.ask("towels to 204")
            #expect(metrics.sum("jack_tasks_created_total") == 0, "it is none before it is approved")
            _ = try await staff.approve(try #require(try await house.held().first).id, by: "Rosa")
            #expect(metrics.sum("jack_tasks_created_total", ["department": "housekeeping"]) == 1)
            _ = try await staff.createTask(department: "maintenance", room: "101", title: "lamp", description: "", priority: .low, by: "Rosa")
            #expect(metrics.sum("jack_tasks_created_total", ["department": "maintenance", "priority": "low"]) == 1)
            let task = try #require(try await house.tasks().first { $0.department == "housekeeping" })
            await house.clock.advance(by: .seconds(300))
            _ = try await staff.move(task: task.id, to: .claimed, by: "Ben")
            _ = try await staff.move(task: task.id, to: .done, by: "Ben")
            _ = try await staff.move(task: task.id, to: .done, by: "Ben")
            let times = metrics.values("jack_task_completion_seconds", ["department": "housekeeping"])
            #expect(times.count == 1 && times.allSatisfy { abs($0 / 1e9 - 300) < 0.1 })
        }
    }

    @Test func answersAreCountedByHowSureTheyWere() async throws {
        try await withHouse { house async throws in
            let metrics = house.parts.metrics
            house.parts.ai.answers("Perhaps.", confidence: 0.4)
            try await house.ask("when is the boat leaving")
            // Recorded once the message is dealt with, and a little later than its reply may leave.
            #expect(await eventually { metrics.values("jack_answer_confidence", ["decision": "hold"]).count == 1 })
            #expect(metrics.values("jack_answer_confidence").allSatisfy { (0.3...0.4).contains($0) })
            #expect(metrics.values("jack_answer_confidence", ["decision": "send"]).isEmpty)
        }
    }

    @Test func whatVendorsSayLaterIsCounted() async throws {
        try await withHouse { house async throws in
            try await house.ask("when is breakfast")
            let reply = try #require(try await house.messages().last)
            for state in [DeliveryState.delivered, .read, .delivered] {
                let receipt = DeliveryReceipt(vendorMessageID: "vendor-\(reply.id)", state: state)
                _ = try await house.kernel.inbox.accept("channel", [InboundEvent(vendorID: UUID().uuidString, peer: nil, .receipt(receipt))])
                try await house.settle()
            }
            let metrics = house.parts.metrics, labels = ["instance": "channel", "kind": "message"]
            #expect(await eventually { metrics.sum("jack_outbound_receipts_total", ["state": "read"]) == 1 })
            #expect(metrics.sum("jack_outbound_receipts_total", labels.merging(["state": "delivered"]) { $1 }) == 1, "late news is none")
            #expect(await eventually { metrics.sum("jack_outbound_total", ["instance": "channel", "outcome": "sent"]) == 1 })
        }
    }
}
