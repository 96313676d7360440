import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import PluginTestKit
import Testing

/// The kernel in memory, with the suites' own channel in it.
@Suite(.timeLimit(.minutes(1))) struct MemoryKernelTests {
    private func run(_ answer: @escaping ScriptedHTTPClient.Script, _ body: (MemoryKernel, TestContext) async throws -> Void) async throws {
        let test = TestContext(instance: "carrier", http: ScriptedHTTPClient(answer))
        let settings: JSONValue = [
            "endpoint": "https://api.carrier.example", "token": .string(BrokenChannel.token), "signing": .string(BrokenChannel.key),
        ]
        try await MemoryKernel.run(BrokenChannel.self, settings, in: test) { kernel in try await body(kernel, test) }
    }

    private func webhook(_ item: JSONValue, at now: Date) -> PluginRequest {
        let sample = BrokenChannel.sample("a webhook", [item])
        var request = PluginRequest(
            method: .post, path: "/webhooks/carrier/in", body: sample.body, remoteAddress: "192.0.2.1",
            url: "https://jack.example.com/webhooks/carrier/in")
        sample.sign(&request, now)
        return request
    }

    @Test func aMessageGoesOutAndItsReceiptComesBack() async throws {
        try await run { _ in
            ClientResponse(status: .created, body: Array(#"{"id":"v-7"}"#.utf8))
        } _: { kernel, test in
            try await kernel.send(.sample)
            #expect(try await kernel.wait(until: .sent, of: OutboundMessage.sample.id))
            #expect(kernel.vendorIDs(of: OutboundMessage.sample.id) == ["v-7"] && kernel.status?.state == .running)
            let receipt = try await kernel.receive(webhook(["id": "r-1", "message": "v-7", "state": "delivered"], at: test.clock.now))
            #expect(receipt?.receipts.map(\.isDuplicate) == [false])
            #expect(try await kernel.wait(until: .delivered, of: OutboundMessage.sample.id))
            #expect(kernel.events.isEmpty, "a receipt is the kernel's own business")
        }
    }

    @Test func whatAGuestWritesIsStoredOnceAndHandedOn() async throws {
        try await run { _ in
            ClientResponse(status: .notFound)
        } _: { kernel, test in
            let request = webhook(["id": "w-1", "from": "+4915112345678", "text": "Hello"], at: test.clock.now)
            let first = try await kernel.receive(request), second = try await kernel.receive(request)
            #expect(first?.receipts.map(\.isDuplicate) == [false] && second?.receipts.map(\.isDuplicate) == [true])
            #expect(await eventually { kernel.events.map(\.vendorID) == ["w-1"] })
            var forged = request
            forged.body[3] ^= 1
            let refused = try await kernel.receive(forged)
            #expect(refused?.receipts == nil)
            var elsewhere = request
            elsewhere.path = "/webhooks/carrier/out"
            let unknown = try await kernel.receive(elsewhere)
            #expect(unknown?.receipts == nil && kernel.events.count == 1)
        }
    }

    @Test func settingsThatAreRefusedDoNotStart() async throws {
        await #expect(throws: SettingsRejected.self) { try await MemoryKernel.run(BrokenChannel.self, ["token": "short"]) { _ in } }
    }

    @Test func anInstanceThatDoesNotStartIsAFailure() async throws {
        let settings: JSONValue = ["endpoint": "https://api.carrier.example", "token": .string(BrokenChannel.token), "broken": "startThrows"]
        await #expect(throws: PluginFailure.self) { try await MemoryKernel.run(BrokenChannel.self, settings) { _ in } }
    }
}
