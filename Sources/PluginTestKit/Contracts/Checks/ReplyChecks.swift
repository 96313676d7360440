import Foundation
import PluginAPI

extension ContractRun.Outcome {
    var isUntyped: Bool { if case .untyped = self { true } else { false } }
    var isHung: Bool { if case .hung = self { true } else { false } }
    var failure: PluginFailure? { if case .failure(let failure) = self { failure } else { nil } }
}

extension ContractRun {
    /// Statuses that every operation is tried with; the main one is tried with all.
    private static var sampledStatuses: [Int] { [301, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503] }

    /// What a plugin makes of a vendor that is well, refuses, stays silent or talks nonsense.
    func checkReplies() async {
        guard let stage else { return }
        var asking: [ContractOperation<P>] = []
        await examine(.success) {
            try await running { room in
                for operation in operations {
                    let mark = stage.count
                    let found = await outcome(operation, room)
                    if stage.count > mark { asking.append(operation) }
                    expect(found.kind == .success || found.isUntyped, .success, "the vendor is well, and \(operation.name) came to \(found.words)")
                    if operation.isMain { expect(stage.count > mark, .success, "\(operation.name) asks the vendor nothing") }
                }
            }
        }
        guard let main = asking.first(where: \.isMain) else { return }
        await examine(.statuses) {
            try await running { room in
                for operation in asking {
                    for status in operation.isMain ? Array(200...599) : Self.sampledStatuses {
                        let found = await stage.faulty({ self.refusal(status, $0) }) { await outcome(operation, room) }
                        judge(found, status, operation.name, .statuses)
                    }
                }
            }
        }
        await checkPatience(stage, asking)
        await checkBrokenReplies(stage, asking, main)
        await examine(.redirects) {
            let elsewhere = try await LoopbackServer.start { _ in .json("{}") }
            try await running { room in
                for operation in asking {
                    let mark = stage.count, before = elsewhere.requests.count
                    for status in [301, 302, 303, 307, 308] {
                        for location in [elsewhere.url("/stolen"), "/stolen"] {
                            _ = await stage.faulty({ _ in .redirect(to: location, status: status) }) { await outcome(operation, room) }
                        }
                    }
                    let followed = elsewhere.requests.count > before || stage.requests(since: mark).contains { $0.path == "/stolen" }
                    expect(!followed, .redirects, "\(operation.name) follows a redirect: credentials and guests' words must not travel on")
                }
            }
            await elsewhere.shutdown()
        }
        await examine(.vendorErrors) {
            for error in stage.vendor.errors {
                try await running { room in
                    let found = await stage.faulty({ _ in error.reply }) { await outcome(main, room) }
                    expect(
                        found.failure?.disposition == error.disposition && found.failure?.reason == error.reason, .vendorErrors,
                        "\(error.name): expected \(error.disposition) (\(error.reason.rawValue)), found \(found.words)")
                }
            }
        }
    }

    /// A refusal that quotes what it was sent, as some vendors do.
    func refusal(_ status: Int, _ normal: LoopbackReply) -> LoopbackReply {
        if [204, 205, 304].contains(status) { return .status(status) }
        if (200..<300).contains(status) { return ReplyParts(normal)?.with(status: status).reply ?? normal }
        let quoted = "refused: " + (contract.secrets + [Self.canaryText]).joined(separator: " ")
        let body: JSONValue = ["error": ["message": .string(quoted), "type": "contract_test", "code": "contract_test"], "message": .string(quoted)]
        return .status(status, headers: [("Content-Type", "application/json")], body: body.jsonBytes)
    }

    func judge(_ found: Outcome, _ status: Int, _ operation: String, _ obligation: Obligation) {
        guard let stage, !found.isUntyped else { return }
        let expected = stage.vendor.outcomes(status, in: operation)
        // An answer of another status may have no body; what a plugin makes of that is looked at by `brokenReplies`.
        if (200..<300).contains(status), found.failure?.reason == .malformedReply { return }
        guard let kind = found.kind, expected.contains(kind) else {
            return violate(
                obligation,
                "\(operation), the vendor answers \(status): expected \(expected.map(\.rawValue).sorted().joined(separator: " or ")), found \(found.words)"
            )
        }
        if (200..<300).contains(status), kind == .notReady, obligation == .statuses {
            violate(obligation, "\(operation), the vendor answers \(status): expected success or malformed-reply, found \(found.words)")
        }
    }

    /// Waiting: how often, how long, until when.
    private func checkPatience(_ stage: VendorStage, _ asking: [ContractOperation<P>]) async {
        await examine(.noRetry) {
            try await running { room in
                for operation in asking {
                    // Measured at the second call: a first one may obtain a token.
                    _ = await outcome(operation, room)
                    let mark = stage.count
                    _ = await outcome(operation, room)
                    let usual = stage.tally(since: mark)
                    for status in [429, 500, 503] {
                        let mark = stage.count
                        _ = await stage.faulty({ self.refusal(status, $0) }) { await outcome(operation, room) }
                        // What a plugin asks for in the background is something else.
                        for (request, count) in stage.tally(since: mark) where count > usual[request] ?? .max {
                            violate(
                                .noRetry,
                                "\(operation.name) sent \(request) \(count) times to a vendor that answers \(status), and \(usual[request] ?? 0) times to one that is well"
                            )
                        }
                    }
                }
            }
        }
        await examine(.retryAfter) {
            let formatter = DateFormatter()
            formatter.locale = Locale(identifier: "en_US_POSIX")
            formatter.timeZone = TimeZone(secondsFromGMT: 0)
            formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
            for operation in asking {
                try await running { room in
                    let until = room.test.clock.now.addingTimeInterval(120), date = formatter.string(from: until)
                    for status in [429, 503] {
                        for value in ["17", date] {
                            let reply = LoopbackReply.status(status, headers: [("Retry-After", value)])
                            let found = await stage.faulty({ _ in reply }) { await outcome(operation, room) }
                            // What is no wait at all is said by `statuses`.
                            guard let failure = found.failure, failure.disposition == .notReady else { continue }
                            // The clock may have been moved meanwhile, for whoever sleeps by it.
                            let seconds = value == date ? until.timeIntervalSince(room.test.clock.now) : 17
                            guard seconds > 0 else { continue }
                            expect(
                                failure.retryAfter.map { abs($0.seconds - seconds) <= 1.5 } ?? false, .retryAfter,
                                "\(operation.name), \(status) with “Retry-After: \(value)”: expected \(Int(seconds)) s, found \(failure.retryAfter.map(\.text) ?? "none")"
                            )
                        }
                    }
                }
            }
        }
        await examine(.timeouts) {
            for operation in asking {
                try await running { room in
                    room.http.setPatience(.milliseconds(150))
                    let found = await stage.faulty({ _ in .silence }) { await outcome(operation, room, within: .seconds(5)) }
                    expect(
                        found.kind == .notReady || found.isUntyped, .timeouts,
                        "the vendor stays silent, and \(operation.name) came to \(found.words); expected not ready")
                    for timeout in room.http.asked {
                        expect(timeout <= .seconds(600), .timeouts, "\(operation.name) would wait \(timeout.text) for an answer")
                    }
                }
            }
        }
        await examine(.cancellation) {
            for operation in asking {
                try await running { room in
                    let mark = stage.count, call = call()
                    await stage.faulty({ _ in .silence }) {
                        let ended = LoopbackSignal()
                        let work = Task { () -> Outcome in
                            defer { ended.open() }
                            do {
                                try await operation.run(room.plugin, call)
                                return .success
                            } catch let failure as PluginFailure {
                                return .failure(failure)
                            } catch {
                                return .cancelled
                            }
                        }
                        _ = await eventually { stage.count > mark }
                        work.cancel()
                        guard await eventually(within: .seconds(2), { ended.isOpen }) else {
                            return violate(.cancellation, "\(operation.name) goes on when its task is cancelled")
                        }
                        if case .success = await work.value { violate(.cancellation, "\(operation.name) was cancelled, and says that it succeeded") }
                    }
                }
            }
        }
    }

    /// Connections that break, and bodies that are not what they should be.
    private func checkBrokenReplies(_ stage: VendorStage, _ asking: [ContractOperation<P>], _ main: ContractOperation<P>) async {
        await examine(.unreachable) {
            try await running { room in
                for operation in asking {
                    for (name, reply) in [
                        ("cuts the connection", .garbage([])), ("answers with no HTTP", .garbage([0, 255, 13, 10, 7])),
                    ] as [(String, LoopbackReply)] {
                        let found = await stage.faulty({ _ in reply }) { await outcome(operation, room) }
                        expect(
                            found.kind == .notReady || found.isUntyped, .unreachable,
                            "the vendor \(name), and \(operation.name) came to \(found.words); expected not ready")
                    }
                    let found = await stage.faulty({ ReplyParts($0)?.cut ?? .garbage([]) }) { await outcome(operation, room) }
                    expect(
                        found.kind == .notReady || found.isUntyped, .unreachable,
                        "the vendor cuts the connection in the middle of its answer, and \(operation.name) came to \(found.words); expected not ready"
                    )
                    let back = await outcome(operation, room)
                    expect(
                        back.kind == .success || back.isUntyped, .unreachable,
                        "the vendor is back, and \(operation.name) came to \(back.words); expected success")
                }
            }
        }
        await examine(.slowReplies) {
            try await running { room in
                for operation in asking {
                    let found = await stage.faulty({ ReplyParts($0)?.dripping(5) ?? $0 }) { await outcome(operation, room) }
                    expect(
                        found.kind == .success || found.isUntyped, .slowReplies,
                        "the answer comes in drips, and \(operation.name) came to \(found.words)")
                }
            }
        }
        await examine(.brokenReplies) {
            let nonsense: [(String, [UInt8], Bool)] = [
                ("nothing", [], true), ("HTML", Array("<html><body>Service</body></html>".utf8), true),
                ("half a JSON text", Array("{\"a\": [1, ".utf8), true),
                ("bytes that are no text", [0xFF, 0xFE, 0x00, 0xC3, 0x28], true), ("an empty object", Array("{}".utf8), false),
                ("an empty list", Array("[]".utf8), false), ("null", Array("null".utf8), false), ("a number", Array("1e400".utf8), false),
                ("a deep nest", Array((String(repeating: "[", count: 300) + String(repeating: "]", count: 300)).utf8), false),
            ]
            try await running { room in
                for operation in asking {
                    for (name, body, mustFail) in nonsense {
                        let found = await stage.faulty({ ReplyParts($0)?.with(body: body).reply ?? $0 }) { await outcome(operation, room) }
                        let isMalformed = found.kind == .notReady && found.failure?.reason == .malformedReply
                        let mayPass = !mustFail || !stage.vendor.repliesMatter
                        expect(
                            isMalformed || found.isUntyped || (mayPass && found.kind == .success), .brokenReplies,
                            "the vendor answers with \(name), and \(operation.name) came to \(found.words); expected not ready (malformed-reply)")
                    }
                }
                _ = await outcome(main, room)
                guard let json = stage.lastReply.flatMap({ try? JSONValue(json: $0.body) }) else { return }
                for mutation in json.mutations(limit: 120) {
                    let body = mutation.jsonBytes
                    let found = await stage.faulty({ ReplyParts($0)?.with(body: body).reply ?? $0 }) { await outcome(main, room) }
                    expect(
                        found.kind != nil || found.isUntyped, .brokenReplies,
                        "an answer with a part of another type: \(main.name) came to \(found.words)")
                }
            }
        }
    }
}
