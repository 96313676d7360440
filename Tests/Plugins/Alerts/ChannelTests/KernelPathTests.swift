import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import ChannelAlertSink
@testable import Kernel

/// A page's whole way in a real kernel: out by a channel, and its answer back.
@Suite(.timeLimit(.minutes(1))) struct KernelPathTests {
    /// A channel that takes everything.
    struct Wire: ChannelPlugin {
        static let manifest = PluginManifest(id: "wire", summary: "Takes everything.", stability: .stable)
        let features = ChannelFeatures(maximumTextLength: 160)
        init(settings: NoSettings, context: PluginContext) {}
        func send(_ message: OutboundMessage) async throws -> SendResult {
            guard !message.text.contains("refuse") else { throw PluginFailure.credentialsRejected("the token is old") }
            return SendResult(vendorIDs: ["w-\(message.id)"])
        }
    }

    private struct Seen: Sendable {
        let guests: Kept<InboundEvent>
        let answers: Kept<PageAnswer>
        let outcomes: Kept<PageOutcome>
    }

    private func run(_ body: (JackKernel, any StorageEngine, Seen) async throws -> Void) async throws {
        let engine = try await SQLiteEngine.open(path: nil), clock = VirtualClock(), logs = LogRecorder()
        try await engine.migrate(KernelSchema.migrations)
        let kernel = JackKernel(
            .init(
                property: .sample, engine: engine, clock: clock, logger: logs.logger(), metrics: MemoryMetrics(), http: { _ in ScriptedHTTPClient() },
                files: { _ in NoFiles() }, secrets: { _ in MemorySecretStore() }, trapFile: nil))
        let seen = Seen(guests: Kept(), answers: Kept(), outcomes: Kept()), dispatcher = kernel.dispatcher
        kernel.connect(
            .init(
                inbound: { item in
                    seen.guests.add(item.event)
                    try await engine.write { try Inbox.complete(item, in: $0) }
                },
                deliveries: [
                    .page: { entry in
                        let page = try entry.decoded(AlertPage.self)
                        let receipt = try await dispatcher.call(entry.instance, as: (any AlertSink).self, "page", CallOptions(attempts: 1)) {
                            try await $0.page(page)
                        }
                        return .accepted(SendResult(vendorIDs: receipt.vendorID.map { [$0] } ?? []))
                    }
                ], transcript: { _, _, _ in [] }))
        kernel.jobs.register(AlertIntake.answerKind) { seen.answers.add(try JSONDecoder().decode(PageAnswer.self, from: Data($0))) }
        kernel.jobs.register(AlertIntake.outcomeKind) { seen.outcomes.add(try JSONDecoder().decode(PageOutcome.self, from: Data($0))) }
        let result: Result<Void, any Error>
        do {
            try await kernel.start([
                InstanceSpec(
                    name: "sms-pages", registration: PluginRegistration(ChannelAlertSink.self),
                    settings: try decodeSettings(ChannelSinkSettings.self, ["channel": "sms"]), onStartFailure: .fail),
                InstanceSpec(name: "sms", registration: PluginRegistration(Wire.self), settings: NoSettings(), onStartFailure: .fail),
                InstanceSpec(name: "other", registration: PluginRegistration(Wire.self), settings: NoSettings(), onStartFailure: .fail),
            ])
            result = .success(try await body(kernel, engine, seen))
        } catch {
            result = .failure(error)
        }
        await kernel.stop(drain: .zero)
        await engine.close()
        try result.get()
    }

    private func page(_ kernel: JackKernel, _ engine: any StorageEngine, _ id: String, _ summary: String = "No hot water") async throws {
        let alert = Alert(fingerprint: "f", name: "HotWater", severity: .critical, summary: summary, startsAt: Date(timeIntervalSince1970: 0))
        let page = AlertPage(id: id, groupKey: "g", alerts: [alert], recipient: "+16505551234", reason: "r", code: "481516")
        let entry = OutboxEntry(
            id: id, instance: "sms-pages", kind: .page, lane: "l", payload: [UInt8](try JSONEncoder().encode(page)), createdAt: kernel.parts.clock.now
        )
        let outbox = kernel.outbox
        try await engine.write { try outbox.enqueue(entry, in: $0) }
        _ = try await eventually {
            try await engine.read { try Outbox.state(of: id, in: $0).map { $0.state != .queued || $0.error != nil } } ?? false
        }
    }

    private func write(_ kernel: JackKernel, _ text: String, id: String, from number: String = "+16505551234", by channel: String = "sms")
        async throws
    {
        _ = try await kernel.inbox.accept(
            channel, [InboundEvent(vendorID: id, peer: PeerAddress(.phone, number), .message(InboundMessage(text: text)))])
    }

    @Test func anAnswerReachesTheAlertsAndNoGuest() async throws {
        try await run { kernel, engine, seen async throws in
            try await page(kernel, engine, "page-1")
            try await write(kernel, "ACK 481516", id: "m1")
            #expect(await eventually { seen.answers.all.count == 1 })
            let answer = try #require(seen.answers.all.first)
            #expect(
                answer.instance == "sms-pages" && answer.answer == PageAcknowledgement(action: .acknowledge, reference: "481516", by: "+16505551234"))
            // A guest's number, the same text by another channel, and a wrong code of the person's.
            try await write(kernel, "123456", id: "m2", from: "+4915100000")
            try await write(kernel, "ACK 481516", id: "m3", by: "other")
            try await write(kernel, "ACK 999999", id: "m4")
            try await write(kernel, "Is the spa open?", id: "m5")
            #expect(await eventually { Set(seen.guests.all.map(\.vendorID)) == ["m2", "m3", "m5"] })
            #expect(
                try await eventually {
                    try await engine.read { try $0.row("SELECT count(*) AS n FROM inbox WHERE state = 'done'")?.int("n") == 5 }
                })
            #expect(seen.answers.all.count == 1)
            let refused = try await engine.read {
                try $0.row("SELECT count(*) AS n FROM ledger WHERE step = 'answer' AND outcome = 'refused'")?.int("n")
            }
            #expect(refused == 1, "what was refused has its reason in the ledger")
        }
    }

    @Test func whatTheChannelReportsCountsForThePage() async throws {
        try await run { kernel, engine, seen async throws in
            try await page(kernel, engine, "page-1")
            try await page(kernel, engine, "page-2")
            _ = try await kernel.inbox.accept(
                "sms",
                [
                    InboundEvent(
                        vendorID: "r1", peer: nil,
                        .receipt(DeliveryReceipt(vendorMessageID: "w-page-1", state: .failed, reason: "unreachable", detail: "the phone is off"))),
                    InboundEvent(vendorID: "r2", peer: nil, .receipt(DeliveryReceipt(vendorMessageID: "w-page-2", state: .delivered))),
                    InboundEvent(vendorID: "r3", peer: nil, .receipt(DeliveryReceipt(vendorMessageID: "w-unknown", state: .failed))),
                ])
            #expect(await eventually { seen.outcomes.all.count == 2 })
            #expect(
                Set(seen.outcomes.all) == [
                    PageOutcome(page: "page-1", instance: "sms-pages", state: .failed, reason: "unreachable: the phone is off"),
                    PageOutcome(page: "page-2", instance: "sms-pages", state: .delivered),
                ])
        }
    }

    @Test func theChannelsCredentialsDoNotStopTheSink() async throws {
        try await run { kernel, engine, _ async throws in
            try await page(kernel, engine, "page-1", "refuse this")
            #expect(kernel.instances.supervisor("sms")?.status.needsCredentials == true)
            #expect(kernel.instances.supervisor("sms-pages")?.status.state == .running)
            let error = try await engine.read { try Outbox.state(of: "page-1", in: $0)?.error }
            #expect(error?.hasPrefix("not ready (unauthorized)") == true)
        }
    }

    @Test func onlyAChannelThatTheSettingsNameIsReached() async throws {
        try await run { kernel, _, _ async throws in
            let access = InstanceChannels(instance: "sms-pages", named: ["sms"], kernel: { kernel })
            let message = OutboundMessage(id: "x", peer: PeerAddress(.phone, "+1"), author: .system, text: String(repeating: "a", count: 500))
            #expect(try await access.send(message, through: "sms").vendorIDs == ["w-x"], "what is too long is shortened")
            await #expect { _ = try await access.send(message, through: "other") } throws: { ($0 as? PluginFailure)?.reason == .configuration }
            await #expect { _ = try await NoChannels().send(message, through: "sms") } throws: { ($0 as? PluginFailure)?.reason == .configuration }
        }
    }
}
