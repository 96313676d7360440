import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

@testable import WhatsAppChannel

@Suite(.timeLimit(.minutes(1))) struct ErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var code: Int
        var subcode: Int?
        var disposition: PluginFailure.Disposition
        var reason: PluginFailure.Reason
        var status = 400
        var testDescription: String { "\(code)/\(subcode ?? 0)" }
    }

    static let cases: [Case] =
        [0, 3, 10, 190, 200, 219, 299, 131_005, 131_045, 133_010, 33].map { Case(code: $0, disposition: .credentialsRejected, reason: .unauthorized) }
        + [460, 463, 467].map { Case(code: 190, subcode: $0, disposition: .credentialsRejected, reason: .unauthorized, status: 401) }
        + [4, 80_007, 130_429, 131_048, 133_016].map { Case(code: $0, disposition: .notReady, reason: .rateLimited) }
        + [Case(code: 131_056, disposition: .notReady, reason: .recipientLimited)]
        + [1, 2, 131_000, 131_016, 131_057, 133_000, 133_004].map { Case(code: $0, disposition: .notReady, reason: .vendorFault, status: 500) }
        + [131_021, 131_026, 131_030].map { Case(code: $0, disposition: .permanent, reason: .unknownRecipient) }
        + [130_472, 131_049].map { Case(code: $0, disposition: .permanent, reason: .withheld) }
        + [132_000, 132_001, 132_005, 132_007, 132_012, 132_015, 132_016, 132_018, 132_068].map {
            Case(code: $0, disposition: .permanent, reason: .templateRejected)
        }
        + [100, 131_008, 131_009, 131_051, 131_052, 131_053, 131_055, 131_062, 135_000].map {
            Case(code: $0, disposition: .permanent, reason: .invalidRequest)
        }
        + [131_042, 134_011].map { Case(code: $0, disposition: .permanent, reason: .outOfCredit) }
        + [
            Case(code: 100, subcode: 33, disposition: .credentialsRejected, reason: .unauthorized),
            Case(code: 131_031, disposition: .credentialsRejected, reason: .restricted, status: 403),
            Case(code: 368, disposition: .permanent, reason: .restricted, status: 403),
            Case(code: 130_497, disposition: .permanent, reason: .restricted),
            Case(code: 131_047, disposition: .permanent, reason: .windowClosed), Case(code: 131_050, disposition: .permanent, reason: .optedOut),
            Case(code: 131_037, disposition: .permanent, reason: .configuration),
            // Codes that are not in the table go by the status.
            Case(code: 987_654, disposition: .notReady, reason: .vendorFault, status: 500),
            Case(code: -1, disposition: .permanent, reason: .invalidRequest),
            Case(code: 987_654, disposition: .notReady, reason: .rateLimited, status: 429),
        ]

    @Test(arguments: cases) func aCodeHasItsOutcome(_ error: Case) async throws {
        try await Desk.run { (desk: Desk) async throws in
            desk.meta.next(
                FakeMeta.error(
                    error.code, status: error.status, subcode: error.subcode, details: "Phone +49 170 1234567, token \(FakeMeta.token)",
                    message: "(#\(error.code)) +491701234567"))
            let failure = try #require(await desk.failure(.to("x")))
            #expect(failure.disposition == error.disposition && failure.reason == error.reason, "\(failure)")
            #expect(failure.message.contains("\(error.code)") && failure.message.count > 20)
            #expect(!failure.description.contains("1234567") && !failure.description.contains("EAAG") && !failure.description.contains("16505551234"))
        }
    }

    @Test func aLimitSaysHowLongToWait() async throws {
        try await Desk.run { (desk: Desk) async throws in
            desk.meta.next(FakeMeta.error(131_056))
            #expect(await desk.failure(.to("x"))?.retryAfter == .seconds(6))
            var reply = LoopbackReply.status(
                400, headers: [("Content-Type", "application/json"), ("Retry-After", "17")], body: Array(#"{"error":{"code":80007}}"#.utf8))
            desk.meta.next(reply)
            #expect(await desk.failure(.to("x"))?.retryAfter == .seconds(17))
            let usage = #"{"102290129340398":[{"type":"whatsapp","call_count":100,"estimated_time_to_regain_access":19},{"type":"x"}]}"#
            reply = .status(400, headers: [("X-Business-Use-Case-Usage", usage)], body: Array(#"{"error":{"code":80007}}"#.utf8))
            desk.meta.next(reply)
            #expect(await desk.failure(.to("x"))?.retryAfter == .seconds(19 * 60))
            desk.meta.next(.status(429, headers: [("Retry-After", "30")]))
            #expect(await desk.failure(.to("x"))?.retryAfter == .seconds(30))
        }
    }

    @Test func aParameterIsNamedWithoutItsValue() async throws {
        try await Desk.run { (desk: Desk) async throws in
            desk.meta.next(
                FakeMeta.error(132_000, details: "body: number of localizable_params (1) does not match the expected number of params (2)"))
            #expect(await desk.failure(.to("x"))?.message.contains("localizable_params (1)") == true)
            desk.meta.next(FakeMeta.error(131_026, details: "Something about the guest"))
            #expect(await desk.failure(.to("x"))?.message.contains("Something") == false)
        }
    }

    @Test func aTransientErrorIsTriedAgain() async throws {
        try await Desk.run(
            [:], answer: { _ in .json(#"{"error":{"code":55555,"is_transient":true,"error_subcode":"odd","error_data":"odd"}}"#, status: 400) }
        ) { (desk: Desk) async throws in
            #expect(await desk.failure(.to("x"))?.disposition == .notReady)
        }
    }

    @Test func everyStatusHasATypedOutcome() async throws {
        // HTTP itself forbids a body with 204 and 304; a client cannot tell what follows from the next answer.
        let statuses = Mutexed(Array(200...599))
        try await Desk.run([:], answer: { _ in .status(statuses.next() ?? 500).closing() }) { (desk: Desk) async throws in
            for status in 200...599 {
                let failure = try #require(await desk.failure(.to("x")), "\(status)")
                let expected: PluginFailure.Disposition =
                    switch status {
                    case 200..<300, 408, 425, 429, 500...: .notReady
                    case 401, 403: .credentialsRejected
                    default: .permanent
                    }
                #expect(failure.disposition == expected, "\(status): \(failure)")
            }
        }
    }

    @Test(arguments: ["", "{}", "[]", "null", "garbage", #"{"messages":[]}"#, #"{"messages":[{"id":""}]}"#, #"{"messages":"x"}"#])
    func aSuccessWithoutAnIDIsTriedAgain(_ body: String) async throws {
        try await Desk.run([:], answer: { _ in .json(body) }) { (desk: Desk) async throws in
            let failure = await desk.failure(.to("x"))
            #expect(failure?.disposition == .notReady && failure?.reason == .malformedReply)
        }
    }

    @Test func anErrorWithin200IsAnError() async throws {
        try await Desk.run([:], answer: { _ in .json(#"{"error":{"message":"x","code":131047}}"#) }) { (desk: Desk) async throws in
            #expect(await desk.failure(.to("x"))?.reason == .windowClosed)
        }
    }

    @Test func aBrokenConnectionIsNotReady() async throws {
        for reply in [LoopbackReply.garbage([1, 2, 3]), .cut(after: Array("{".utf8), of: 100)] {
            try await Desk.run([:], answer: { _ in reply }) { (desk: Desk) async throws in
                #expect(await desk.failure(.to("x"))?.disposition == .notReady)
            }
        }
        try await Desk.run(["timeout": "100ms"], answer: { _ in .silence }) { (desk: Desk) async throws in
            #expect(await desk.failure(.to("x"))?.reason == .timeout)
        }
    }

    @Test func aCancelledCallEndsAtOnce() async throws {
        let reached = LoopbackSignal()
        try await Desk.run(
            [:],
            answer: { _ in
                reached.open()
                return .silence
            }
        ) { (desk: Desk) async throws in
            let call = Task { try await desk.plugin.send(.to("x")) }
            await reached.wait()
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
        }
    }

    /// What concerns the whole number is told once it is so, and once it is over.
    @Test func troubleWithTheAccountShowsInItsHealth() async throws {
        try await Desk.run { (desk: Desk) async throws in
            let template = OutboundMessage.to(template: MessageTemplate(name: "a", locale: "en"))
            desk.meta.next(FakeMeta.error(131_042), FakeMeta.error(368, status: 403))
            _ = await desk.failure(template)
            _ = await desk.failure(.to("x"))
            #expect(desk.test.health.reports.count == 2)
            _ = try await desk.plugin.send(.to("x"))
            // An answer costs nothing: that it was taken does not show that the bill is paid.
            #expect(desk.test.health.current != nil)
            _ = try await desk.plugin.send(template)
            #expect(desk.test.health.reports.last == .recovered)
            _ = try await desk.plugin.send(template)
            #expect(desk.test.health.reports.count == 3)
            desk.meta.next(FakeMeta.error(131_026))
            _ = await desk.failure(.to("x"))
            #expect(desk.test.health.reports.count == 3)
        }
    }

    // MARK: Probe

    @Test func aProbeSaysNumberAndQuality() async throws {
        try await Desk.run { (desk: Desk) async throws in
            let result = try await desk.plugin.probe()
            #expect(result.summary == "reached WhatsApp as +1 555 078 3881 “Hotel Miramar”, quality GREEN")
            #expect(result.details["throughput"] == "STANDARD")
            #expect(desk.server.requests.map(\.method) == ["GET"])
        }
    }

    @Test func aProbeWithAWrongTokenOrNumberSaysSo() async throws {
        try await Desk.run(["access_token": "wrong"]) { (desk: Desk) async throws in
            await #expect { try await desk.plugin.probe() } throws: { ($0 as? PluginFailure)?.disposition == .credentialsRejected }
        }
        try await Desk.run([:], answer: { _ in FakeMeta.error(100, subcode: 33) }) { (desk: Desk) async throws in
            await #expect { try await desk.plugin.probe() } throws: { ($0 as? PluginFailure)?.message.contains("phone_number_id") == true }
        }
        for body in ["[]", "x", "", "{}", #"{"id":"7"}"#] {
            try await Desk.run([:], answer: { _ in .json(body) }) { (desk: Desk) async throws in
                await #expect { try await desk.plugin.probe() } throws: { ($0 as? PluginFailure)?.disposition == .notReady }
            }
        }
    }
}
