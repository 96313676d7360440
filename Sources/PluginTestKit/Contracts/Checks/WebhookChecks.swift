import Foundation
import HTTPTypes
import PluginAPI

extension ContractRun {
    /// The webhook routes, in a real kernel.
    func checkWebhooks() async {
        guard let plugin = try? await room().plugin else { return }
        let routes = plugin.routes.compactMap { if case .webhook(let route) = $0 { route } else { nil } }
        guard !routes.isEmpty else { return }
        await examine(.signatures) {
            for route in routes where !contract.webhooks.contains(where: { $0.tail == route.tail && $0.method == route.method }) {
                violate(.signatures, "no sample was given for the route \(route.method) “\(route.tail)”")
            }
            for sample in contract.webhooks { try await checkSignature(sample) }
        }
        await examine(.failsClosed) { try await checkFailsClosed() }
        await examine(.duplicates) { try await checkDuplicates() }
        await examine(.brokenWebhooks) {
            for sample in contract.webhooks where !sample.body.isEmpty { try await checkBroken(sample) }
        }
        if contract.webhooks.contains(where: { $0.replayWindow != nil }) {
            await examine(.replays) {
                for sample in contract.webhooks { try await checkReplay(sample) }
            }
        }
    }

    private func inKernel(_ body: @escaping @Sendable (MemoryKernel, TestContext) async throws -> Void) async throws {
        let (test, _) = try await context()
        try await MemoryKernel.run(P.self, settings, in: test) { kernel in try await body(kernel, test) }
        listen(test)
    }

    /// How many new events a request left behind; nil where it was refused.
    private func stored(_ request: PluginRequest, _ kernel: MemoryKernel, _ name: String) async -> Int? {
        do {
            return try await kernel.receive(request)?.receipts.count { !$0.isDuplicate }
        } catch let failure as PluginFailure {
            note("the refusal of a webhook", failure.description)
            return nil
        } catch {
            violate(.typedFailures, "reading \(name) threw \(error), which is no PluginFailure")
            return nil
        }
    }

    private func checkSignature(_ sample: WebhookSample) async throws {
        try await inKernel { kernel, test in
            let good = sample.signed(instance: "contract", at: test.clock.now)
            for (name, forged) in self.forgeries(of: sample, good, at: test.clock.now) {
                let count = await self.stored(forged, kernel, sample.name)
                self.expect(count == nil, .signatures, "\(sample.name) with \(name) is taken")
                self.expect((count ?? 0) == 0, .signatures, "\(sample.name) with \(name) left \(count ?? 0) events in the inbox")
            }
            guard let count = await self.stored(good, kernel, sample.name) else {
                return self.violate(.signatures, "\(sample.name), rightly signed, is refused")
            }
            if let events = sample.events {
                self.expect(count == events, .signatures, "\(sample.name) holds \(events) events, and \(count) were stored")
            }
        }
    }

    /// What an attacker would send.
    private func forgeries(of sample: WebhookSample, _ good: PluginRequest, at now: Date) -> [(String, PluginRequest)] {
        var forged: [(String, PluginRequest)] = [("no signature", sample.unsigned(instance: "contract"))]
        if sample.coversBody, !sample.body.isEmpty {
            var request = good
            request.body[request.body.count / 2] ^= 1
            forged.append(("another body", request))
            request = good
            request.body += [32]
            forged.append(("a byte more", request))
            request = good
            request.body.removeLast()
            forged.append(("a byte less", request))
        }
        // The fields of the header, and the parameters of the query, in which the signed request differs from the unsigned one.
        let unsigned = sample.unsigned(instance: "contract")
        for field in good.headers where unsigned.headers[field.name] != field.value {
            for (name, value) in Self.spoilt(field.value) {
                var request = good
                request.headers[field.name] = value
                forged.append(("\(name) \(field.name.rawName)", request))
            }
        }
        let parameters = good.query.split(separator: "&"), before = Set(unsigned.query.split(separator: "&"))
        for (index, parameter) in parameters.enumerated() where !before.contains(parameter) {
            guard let mark = parameter.firstIndex(of: "=") else { continue }
            // A handshake sends along what is to be echoed: that is no signature, and may be anything.
            guard parameter[parameter.index(after: mark)...].count >= 16 || parameters.count == 1 else { continue }
            for (name, value) in Self.spoilt(String(parameter[parameter.index(after: mark)...])) {
                var request = good, changed = parameters.map(String.init)
                if let value { changed[index] = "\(parameter[..<mark])=\(value)" } else { changed.remove(at: index) }
                request.query = changed.joined(separator: "&")
                forged.append(("\(name) \(parameter[..<mark])", request))
            }
        }
        return forged
    }

    private static func spoilt(_ value: String) -> [(String, String?)] {
        var letters = Array(value)
        // Not at the end: the last letter of Base64 holds bits that mean nothing.
        let middle = letters.lastIndex { $0.isLetter || $0.isNumber }.map { max(0, $0 - min(8, letters.count / 4)) } ?? 0
        if letters.indices.contains(middle) { letters[middle] = letters[middle] == "0" ? "1" : "0" }
        return [
            ("no", nil), ("an empty", ""), ("a truncated", String(value.dropLast(value.count / 2))), ("a shortened", String(value.dropLast(4))),
            ("a wrong", String(letters)), ("another's", String(repeating: "a", count: value.count)),
        ]
    }

    private func checkFailsClosed() async throws {
        let secrets = settings.paths.reversed().filter { path in
            if case .string(let text)? = path.reduce(Optional(settings), { $0?[$1] }) { contract.secrets.contains(text) } else { false }
        }
        // Each secret alone, and all together, is left out or emptied.
        for missing in secrets.map({ [$0] }) + [secrets] where !missing.isEmpty {
            for replacement in [nil, JSONValue.string("")] as [JSONValue?] {
                let bare = missing.reduce(settings) { $0.replacing($1[...], with: replacement) }
                guard let room = try? await room(bare) else { continue }
                for case .webhook(let route) in room.plugin.routes where route.verification.isConfigured {
                    // Mounted all the same: then it is another secret by which it verifies, and what is signed with that is still taken.
                    let samples = contract.webhooks.filter { $0.method == route.method && $0.tail == route.tail }
                    let isSound = samples.allSatisfy {
                        route.verification.verify($0.signed(instance: "contract", at: room.test.clock.now))
                            && !route.verification.verify($0.unsigned(instance: "contract"))
                    }
                    expect(
                        isSound && missing.count < max(2, secrets.count), .failsClosed,
                        "without its secret the instance mounts the route \(route.method) “\(route.tail)”")
                }
            }
        }
    }

    private func checkReplay(_ sample: WebhookSample) async throws {
        guard let window = sample.replayWindow else { return }
        try await inKernel { kernel, test in
            for offset in [-window.seconds - 60, window.seconds + 3600] {
                let old = sample.signed(instance: "contract", at: test.clock.now.addingTimeInterval(offset))
                let count = await self.stored(old, kernel, sample.name)
                self.expect(
                    count == nil, .replays, "\(sample.name), signed \(offset < 0 ? "longer ago than the window" : "far in the future"), is taken")
            }
        }
    }

    private func checkDuplicates() async throws {
        let samples = contract.webhooks
        try await inKernel { kernel, test in
            var ids: [String: [String]] = [:]
            for round in 0..<3 {
                // In order, backwards, and signed anew some time later.
                if round == 2 { await test.clock.advance(by: .seconds(30)) }
                for (index, sample) in round == 1 ? Array(samples.enumerated().reversed()) : Array(samples.enumerated()) {
                    let request = sample.signed(instance: "contract", at: test.clock.now)
                    guard let route = kernel.webhooks.first(where: { $0.method == sample.method && $0.tail == sample.tail }),
                        let result = try? await route.parse(request)
                    else { continue }
                    let found = result.events.map(\.vendorID)
                    self.expect(!found.contains(where: \.isEmpty), .duplicates, "\(sample.name) gives an event without an id")
                    self.expect(Set(found).count == found.count, .duplicates, "\(sample.name) gives two events one id")
                    let key = "\(index)"
                    if let before = ids[key] {
                        self.expect(before == found, .duplicates, "\(sample.name) gives other ids when it comes again")
                    }
                    ids[key] = found
                    guard let count = await self.stored(request, kernel, sample.name) else { continue }
                    if round > 0, ids[key] == found { self.expect(count == 0, .duplicates, "\(sample.name) is stored \(round + 1) times") }
                }
            }
            let all = ids.filter { !samples[Int($0.key) ?? 0].body.isEmpty }.values.flatMap { $0 }
            let bodies = Set(samples.map(\.body)).count
            if bodies == samples.count { self.expect(Set(all).count == all.count, .duplicates, "two webhooks give their events one id") }
        }
    }

    private func checkBroken(_ sample: WebhookSample) async throws {
        var bodies: [[UInt8]] = [
            [], Array("{".utf8), Array("null".utf8), Array("[]".utf8), Array("{}".utf8), [0xFF, 0xFE, 0], Array("<xml/>".utf8), Array("a=b&c".utf8),
            Array((String(repeating: "[", count: 300) + String(repeating: "]", count: 300)).utf8),
        ]
        if let json = JSONValue(json: sample.body) { bodies += json.mutations(limit: 300).map(\.jsonBytes) }
        let all = bodies
        try await inKernel { kernel, test in
            for body in all {
                var broken = sample
                broken.body = body
                let request = broken.signed(instance: "contract", at: test.clock.now)
                guard let route = kernel.webhooks.first(where: { $0.method == sample.method && $0.tail == sample.tail }) else { return }
                let found = await self.outcome("reading a broken \(sample.name)") { _ = try await route.parse(request) }
                switch found.kind {
                case .success?, .permanent?: continue
                case nil where found.isUntyped: continue
                default:
                    self.violate(
                        .brokenWebhooks,
                        "a body that makes no sense (“\(String(decoding: body.prefix(60), as: UTF8.self))”) came to \(found.words); expected permanent: the vendor would send it again for ever"
                    )
                }
            }
        }
    }
}

extension JSONValue {
    fileprivate subscript(step: Step) -> JSONValue? {
        switch (self, step) {
        case (.array(let values), .index(let index)) where values.indices.contains(index): values[index]
        case (.object(let members), .key(let key)): members[key]
        default: nil
        }
    }
}
