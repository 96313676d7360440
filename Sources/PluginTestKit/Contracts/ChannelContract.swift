import Foundation
import HTTPTypes
import Kernel
import PluginAPI

/// What a ``ChannelPlugin`` owes, beside what every plugin does.
public struct ChannelContract<P: ChannelPlugin>: Sendable {
    /// The vendor's receipt of a message, as a webhook.
    public typealias Receipt = @Sendable (_ vendorMessageID: String, _ state: DeliveryState) -> WebhookSample?

    /// The vendor's receipt of a message, with Jack's own id of it, as it went along with the message.
    public typealias Echo = @Sendable (_ vendorMessageID: String, _ messageID: String, _ state: DeliveryState) -> WebhookSample

    public var plugin: PluginContract<P>
    /// A message that the vendor takes.
    public var message: OutboundMessage
    /// Nil for a channel whose receipts come by another way than a webhook, or that has none.
    public var receipt: Receipt?
    /// For a vendor that gives back what goes along with a message: its receipts must then name Jack's id too (``DeliveryReceipt/messageID``). Nil for any other.
    public var echo: Echo?
    /// A file that the vendor has; with it ``ChannelPlugin/fetchMedia(_:)`` is checked too.
    public var media: MediaReference?

    public init(_ plugin: PluginContract<P>, message: OutboundMessage, media: MediaReference? = nil, receipt: Receipt? = nil) {
        self.plugin = plugin
        self.message = message
        self.media = media
        self.receipt = receipt
    }

    public func violations() async -> [Violation] { await report().violations }

    /// Runs the suite: some hundreds of calls over loopback, a few seconds.
    public func report() async -> ContractReport {
        var operations = [ContractOperation<P>(name: "send", isMain: true, carriesText: true) { _ = try await $0.send(message($1)) }]
        operations.append(ContractOperation(name: "indicateTyping") { plugin, _ in try await plugin.indicateTyping(to: message.peer) })
        operations.append(
            ContractOperation(name: "markRead") { plugin, call in try await plugin.markRead("read-\(call.number)", from: message.peer) })
        if let media { operations.append(ContractOperation(name: "fetchMedia") { plugin, _ in _ = try await plugin.fetchMedia(media) }) }
        return await ContractRun.perform(plugin, operations: operations, guestWords: [message.peer.value]) { run in
            await checkSending(run)
            await checkFeatures(run)
            await checkReceipts(run)
            await checkEcho(run)
            await checkSenders(run)
        }
    }

    private func message(_ call: ContractCall) -> OutboundMessage {
        var message = message
        message.id += "-\(call.number)"
        message.text = call.text
        return message
    }

    private func checkSending(_ run: ContractRun<P>) async {
        await run.examine(.vendorIDs) {
            try await run.running { room in
                let result = try await room.plugin.send(message(run.call()))
                run.expect(!result.vendorIDs.isEmpty, .vendorIDs, "a message was taken and has no vendor id: no receipt can ever name it")
                run.expect(
                    !result.vendorIDs.contains(where: \.isEmpty) && Set(result.vendorIDs).count == result.vendorIDs.count, .vendorIDs,
                    "the vendor ids of a message are empty or the same: \(result.vendorIDs)")
                run.expect(result.state != .failed, .vendorIDs, "a message that failed is a PluginFailure, not a result")
            }
        }
        await run.examine(.lengths) {
            try await run.running { room in
                let most = room.plugin.features.maximumTextLength
                run.expect(most > 0, .lengths, "features.maximumTextLength is \(most)")
                guard most > 0, most <= 1 << 20 else { return }
                // A mark at each end tells whether all of it arrived.
                let longest = "<a>" + String(repeating: "x", count: max(0, most - 6)) + "<z>", mark = run.stage?.count ?? 0
                let found = await run.outcome("send") { _ = try await room.plugin.send(message(run.call(longest))) }
                run.expect(found.kind == .success || found.isUntyped, .lengths, "a text of \(most) characters came to \(found.words)")
                if let stage = run.stage, found.kind == .success, stage.count > mark {
                    let texts = stage.requests(since: mark).flatMap(stage.vendor.texts)
                    let all = texts.joined()
                    run.expect(all.contains("<a>") && all.contains("<z>"), .lengths, "a text of \(most) characters did not reach the vendor whole")
                }
                let longer = await run.outcome("send") {
                    _ = try await room.plugin.send(message(run.call(String(repeating: "y", count: most * 2 + 1))))
                }
                run.expect(
                    [.success, .permanent].contains(longer.kind) || longer.isUntyped, .lengths,
                    "a text of \(most * 2 + 1) characters came to \(longer.words); expected parts, or a permanent failure")
            }
        }
    }

    private func checkFeatures(_ run: ContractRun<P>) async {
        await run.examine(.features) {
            try await run.running { room in
                let features = room.plugin.features
                if features.media.isEmpty, media == nil {
                    let found = await run.outcome("fetchMedia") {
                        _ = try await room.plugin.fetchMedia(MediaReference(kind: .image, reference: "none"))
                    }
                    run.expect(
                        found.kind == .permanent || found.isUntyped, .features,
                        "features say that there is no media, and fetchMedia came to \(found.words); expected a permanent failure")
                }
                var wrong = message(run.call())
                wrong.peer = PeerAddress(message.peer.kind == .session ? .phone : .session, "contract-nobody")
                let other = wrong
                let found = await run.outcome("send") { _ = try await room.plugin.send(other) }
                run.expect(
                    found.kind == .permanent || found.isUntyped, .features,
                    "a peer whose address is of another kind (\(other.peer.kind.rawValue)): expected permanent (unknown-recipient), found \(found.words)"
                )
                if features.quickReplies > 0 {
                    var full = message(run.call())
                    full.quickReplies = (1...features.quickReplies).map { QuickReply(id: "q\($0)", title: "Choice \($0)") }
                    let offering = full
                    let found = await run.outcome("send") { _ = try await room.plugin.send(offering) }
                    run.expect(
                        found.kind == .success || found.isUntyped, .features,
                        "features promise \(features.quickReplies) quick replies, and a message with as many came to \(found.words)")
                }
            }
        }
        guard let stage = run.stage else { return }
        await run.examine(.idempotency) {
            try await run.running { room in
                guard room.plugin.features.isIdempotent else { return }
                let sent = message(run.call()), mark = stage.count
                _ = try await room.plugin.send(sent)
                let requests = stage.requests(since: mark)
                let carried = requests.contains { request in
                    stage.vendor.texts(request).contains { $0.contains(sent.id) } || request.headers.contains { $0.value.contains(sent.id) }
                }
                run.expect(
                    carried || requests.isEmpty, .idempotency,
                    "features say that the vendor knows repetitions, and the message's id does not go to it")
            }
        }
    }

    /// A message goes out through a real outbox, and its receipts come back through a real inbox.
    private func checkReceipts(_ run: ContractRun<P>) async {
        guard let promised = try? await run.room().plugin.features.receipts, !promised.isEmpty else { return }
        let routes = (try? await run.room().plugin.routes)?.contains { if case .webhook = $0 { true } else { false } } ?? false
        guard routes else { return }
        await run.examine(.receipts) {
            guard let receipt else {
                return run.violate(.receipts, "features promise receipts, and no `receipt:` was given by which to check them")
            }
            for state in [DeliveryState.delivered, .read, .failed] where promised.contains(state) {
                try await checkThroughTheKernel(state, receipt, run)
                // The ids that a send gives, and the receipt that names them.
                try await run.running { room in
                    let result = try await room.plugin.send(message(run.call()))
                    guard let id = result.vendorIDs.last else { return }
                    guard let sample = receipt(id, state) else {
                        return run.violate(.receipts, "features promise “\(state.rawValue)”, and `receipt:` gives no webhook for it")
                    }
                    let request = sample.signed(instance: "contract", at: room.test.clock.now)
                    for case .webhook(let route) in room.plugin.routes where route.method == sample.method && route.tail == sample.tail {
                        let receipts = try await route.parse(request).events.compactMap {
                            if case .receipt(let receipt) = $0.content { receipt } else { nil }
                        }
                        run.expect(
                            receipts.contains { $0.vendorMessageID == id && $0.state == state }, .receipts,
                            "the vendor's “\(state.rawValue)” of a message that was sent names no message of ours, or another state")
                        run.expect(
                            state != .failed || receipts.allSatisfy { $0.reason?.isEmpty == false }, .receipts, "a receipt of failure gives no reason"
                        )
                    }
                }
            }
        }
    }

    /// What a vendor gives back of Jack's own id is read: by it a message is known whose vendor id was lost in a crash.
    private func checkEcho(_ run: ContractRun<P>) async {
        guard let echo else { return }
        await run.examine(.receipts) {
            try await run.running { room in
                let sent = message(run.call())
                let result = try await room.plugin.send(sent)
                guard let id = result.vendorIDs.last else { return }
                let sample = echo(id, sent.id, .delivered)
                let request = sample.signed(instance: "contract", at: room.test.clock.now)
                for case .webhook(let route) in room.plugin.routes where route.method == sample.method && route.tail == sample.tail {
                    let receipts = try await route.parse(request).events.compactMap {
                        if case .receipt(let receipt) = $0.content { receipt } else { nil }
                    }
                    run.expect(
                        receipts.contains { $0.messageID == sent.id }, .receipts,
                        "the vendor gives Jack's id of a message back, and the receipt does not name it")
                }
            }
        }
    }

    /// A channel that is silent on who sent a message leaves its guests unknown.
    private func checkSenders(_ run: ContractRun<P>) async {
        guard !plugin.webhooks.isEmpty else { return }
        await run.examine(.senders) {
            try await run.running { room in
                for sample in plugin.webhooks {
                    let request = sample.signed(instance: "contract", at: room.test.clock.now)
                    for case .webhook(let route) in room.plugin.routes where route.method == sample.method && route.tail == sample.tail {
                        // What cannot be read is another obligation's.
                        for event in (try? await route.parse(request))?.events ?? [] {
                            guard case .message = event.content, let peer = event.peer else { continue }
                            let reason = event.sender?.reason ?? ""
                            run.expect(
                                !reason.isEmpty, .senders, "a message of \(sample.name) does not say how sure the channel is of its sender, and why")
                            run.expect(
                                !reason.contains(peer.value), .senders, "what is said of the sender of \(sample.name) holds the sender's address")
                        }
                    }
                }
            }
        }
    }

    /// The same through outbox and inbox: the state of the message must advance.
    private func checkThroughTheKernel(_ state: DeliveryState, _ receipt: @escaping Receipt, _ run: ContractRun<P>) async throws {
        let (test, _) = try await run.context()
        try await MemoryKernel.run(P.self, run.settings, in: test) { kernel in
            let sent = message(run.call())
            try await kernel.send(sent)
            let hasLeft = try await eventually(within: .seconds(10)) { try await kernel.state(of: sent.id).map { $0 != .queued } ?? false }
            guard hasLeft else { return run.violate(.receipts, "a message that was put into the outbox did not leave") }
            // Without an id there is nothing to match; `vendorIDs` says so.
            guard let id = kernel.vendorIDs(of: sent.id).last, let sample = receipt(id, state) else { return }
            _ = try await kernel.receive(sample.signed(instance: "contract", at: test.clock.now))
            let wanted: String = state.rawValue
            let hasCome = try await eventually(within: .seconds(5)) { try await kernel.state(of: sent.id)?.rawValue == wanted }
            run.expect(hasCome, .receipts, "the vendor says “\(wanted)”, and the message in the outbox is not")
        }
    }
}
