import Foundation
import HTTPTypes
import PluginAPI

/// What an ``AlertSink`` owes, beside what every plugin does.
public struct AlertSinkContract<P: AlertSink>: Sendable {
    public var plugin: PluginContract<P>
    /// Whom the pages are for; nil where the settings say it.
    public var recipient: String?

    public init(_ plugin: PluginContract<P>, recipient: String? = nil) {
        self.plugin = plugin
        self.recipient = recipient
    }

    public func violations() async -> [Violation] { await report().violations }

    /// Runs the suite: some hundreds of calls over loopback, a few seconds.
    public func report() async -> ContractReport {
        let operations = [
            ContractOperation<P>(name: "page", isMain: true, carriesText: true) { _ = try await $0.page(page($1)) },
            ContractOperation<P>(name: "update") { _ = try await $0.update(page($1)) },
            ContractOperation<P>(name: "resolve") { _ = try await $0.resolve(page($1, isOver: true)) },
        ]
        return await ContractRun.perform(plugin, operations: operations, guestWords: [Self.guestWord] + (recipient.map { [$0] } ?? [])) { run in
            await checkReach(run)
            await checkTellings(run)
            await checkIdempotency(run)
            await checkAcknowledgements(run)
        }
    }

    /// What a guest wrote, in the places where an alert may quote it.
    private static var guestWord: String { "guestquote91c4" }

    private func page(_ call: ContractCall, _ severities: [AlertSeverity] = [.error], isOver: Bool = false, isEmergency: Bool = false) -> AlertPage {
        let start = Date(timeIntervalSince1970: 1_756_814_000)
        // The summary is what a person must read first; only the detail and the annotations may quote a guest.
        let summary = call.text.replacing(ContractRun<P>.canary, with: "summary")
        return AlertPage(
            id: "page-\(call.number)", groupKey: "group-\(call.number)",
            alerts: severities.enumerated().map { index, severity in
                Alert(
                    fingerprint: "f-\(call.number)-\(index)", name: "ContractTest", severity: severity, summary: summary, detail: Self.guestWord,
                    labels: ["room": "204"], annotations: ["guest_text": Self.guestWord], startsAt: start,
                    endsAt: isOver ? start.addingTimeInterval(60) : nil, isEmergency: isEmergency)
            }, recipient: recipient, level: 2, reason: "route 2, oncall.yaml:9", url: "https://jack.example.com/a/1")
    }

    /// Whether it reaches people decides whether an emergency may end at it: it must be said, and go together with the rest of the manifest.
    private func checkReach(_ run: ContractRun<P>) async {
        let manifest = P.manifest
        await run.examine(.manifest) {
            let addresses = manifest.contacts.contains { $0.shape == .phoneNumber || $0.shape == .emailAddress }
            let answers = !manifest.capabilities.isDisjoint(with: ["acknowledge", "acknowledgements"])
            switch manifest.reachesPeople {
            case nil:
                run.violate(
                    .manifest,
                    "it does not say whether it reaches people: write reachesPeople: .always, .never or .setting(…), by which a plan is proved")
            case .always?:
                run.expect(
                    !manifest.destinations.isEmpty, .manifest, "it says that it reaches people, and names no destination: nothing leaves the machine")
            case .never?:
                run.expect(
                    !addresses && !answers, .manifest, "it says that it reaches nobody, and takes people's addresses or brings their answers back")
            case .setting(let name)?:
                let setting = P.Settings.schema[name]
                var isBoolean = false
                if case .boolean? = setting?.shape { isBoolean = true }
                run.expect(
                    isBoolean && setting?.initial == .bool(false), .manifest,
                    "it says that the setting “\(name)” tells whether it reaches people; there must be such a setting, true or false, and false by default"
                )
            }
        }
    }

    private func checkTellings(_ run: ContractRun<P>) async {
        await run.examine(.tellings) {
            try await run.running { room in
                var pages = AlertSeverity.allCases.map { ("an alert of severity \($0.rawValue)", page(run.call(), [$0])) }
                pages.append(("forty alerts", page(run.call(), Array(repeating: .warning, count: 40))))
                pages.append(("an emergency", page(run.call(), [.critical], isEmergency: true)))
                pages.append(("a summary of 4,000 characters", page(run.call(String(repeating: "long ", count: 800)))))
                var bare = page(run.call())
                (bare.url, bare.alerts[0].detail, bare.alerts[0].labels, bare.alerts[0].annotations) = (nil, nil, [:], [:])
                pages.append(("an alert without anything optional", bare))
                for (name, page) in pages {
                    for (verb, tell) in [
                        ("page", { @Sendable in try await room.plugin.page(page) }), ("update", { @Sendable in try await room.plugin.update(page) }),
                        ("resolve", { @Sendable in try await room.plugin.resolve(page) }),
                    ] as [(String, @Sendable () async throws -> PageReceipt)] {
                        let found = await run.outcome(verb) { _ = try await tell() }
                        run.expect(found.kind == .success || found.isUntyped, .tellings, "\(verb) of \(name) came to \(found.words)")
                    }
                }
                let empty = page(run.call(), [])
                let found = await run.outcome("page") { _ = try await room.plugin.page(empty) }
                run.expect([.success, .permanent].contains(found.kind) || found.isUntyped, .tellings, "a page without alerts came to \(found.words)")
            }
        }
    }

    private func checkIdempotency(_ run: ContractRun<P>) async {
        guard let stage = run.stage else { return }
        await run.examine(.idempotency) {
            try await run.running { room in
                let page = page(run.call()), mark = stage.count
                _ = try await room.plugin.page(page)
                let sent = stage.requests(since: mark).flatMap { stage.vendor.texts($0) + $0.headers.map(\.value) }
                run.expect(
                    sent.contains { $0.contains(page.id) || $0.contains(page.groupKey) }, .idempotency,
                    "neither the page's id nor its group key goes to the vendor, which cannot tell a repetition")
            }
        }
    }

    private func checkAcknowledgements(_ run: ContractRun<P>) async {
        guard let acknowledges = try? await run.room().plugin.features.acknowledges, acknowledges else { return }
        await run.examine(.acknowledgements) {
            try await run.running { room in
                var found: [PageAcknowledgement] = []
                for sample in plugin.webhooks {
                    let request = sample.signed(instance: "contract", at: room.test.clock.now)
                    for case .webhook(let route) in room.plugin.routes where route.method == sample.method && route.tail == sample.tail {
                        found += try await route.parse(request).events.compactMap {
                            if case .acknowledgement(let answer) = $0.content { answer } else { nil }
                        }
                    }
                }
                found += try await answers(run, room)
                run.expect(
                    found.contains { !$0.reference.isEmpty }, .acknowledgements,
                    "features say that people can acknowledge, and none of the webhooks given, or of the answers written, is one with a reference")
            }
        }
    }

    /// What a sink that reads a channel makes of answers to a page.
    private func answers(_ run: ContractRun<P>, _ room: ContractRun<P>.Room) async throws -> [PageAcknowledgement] {
        guard let reader = room.plugin as? any AnswerReadingSink else { return [] }
        var told = page(run.call())
        told.code = "481516"
        _ = try await room.plugin.page(told)
        guard let sent = room.test.channels.sent.last else { return [] }
        run.expect(sent.message.text.contains("481516"), .acknowledgements, "the page's code does not stand in what is written")
        var found: [PageAcknowledgement] = []
        func ask(_ text: String, from peer: PeerAddress, through channel: String) async throws -> AnswerReading {
            try await reader.read(
                InboundEvent(vendorID: "answer-\(run.call().number)", peer: peer, .message(InboundMessage(text: text))), through: channel)
        }
        if case .answer(let answer) = try await ask("ACK 481516", from: sent.message.peer, through: sent.channel) { found.append(answer) }
        for (text, peer, channel) in [
            ("ACK 481517", sent.message.peer, sent.channel), ("ACK 481516", PeerAddress(.phone, "+15550100"), sent.channel),
            ("ACK 481516", sent.message.peer, "another-channel"), ("481516 towels, please", sent.message.peer, "another-channel"),
        ] {
            if case .answer = try await ask(text, from: peer, through: channel) {
                run.violate(.acknowledgements, "“\(text)” with another code, or of another sender or channel, counts as an acknowledgement")
            }
        }
        let stranger = try await ask("815162", from: PeerAddress(.phone, "+15550100"), through: sent.channel)
        run.expect(stranger == .guestMessage, .acknowledgements, "a number that somebody unknown writes is taken for an answer; it may be a guest's")
        return found
    }
}
