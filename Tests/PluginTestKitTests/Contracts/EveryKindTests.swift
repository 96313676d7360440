import PluginTestKit
import Testing

/// What every plugin owes when it calls its vendor is asked of each kind, and of each of its calls: one fault, in one call that is not always the first.
@Suite(.serialized) struct EveryKindTests {
    private typealias Case = (fault: Fault, path: String, obligation: Obligation)

    private func check(_ cases: [Case], _ suite: @escaping @Sendable (Fault, String) async -> ContractReport) async {
        await severalAtOnce(cases) { fault, path, obligation in
            let report = await suite(fault, path)
            #expect(
                report.violated == [obligation], "\(fault) at \(path): \(report.violations.map(\.description).joined(separator: "\n"))")
        }
    }

    @Test func providers() async {
        let cases: [Case] = [
            (.refusalPasses, "/stream", .statuses), (.throwsOops, "/stream", .typedFailures), (.triesAgain, "/stream", .noRetry),
            (.forgetsWait, "/stream", .retryAfter), (.givesUpOnSilence, "/stream", .timeouts), (.deafToCancellation, "/complete", .cancellation),
            (.givesUpOnCut, "/embed", .unreachable), (.staysDown, "/complete", .unreachable), (.takesFirstPiece, "/embed", .slowReplies),
            (.givesUpOnNonsense, "/embed", .brokenReplies),
            (.followsRedirects, "/stream", .redirects), (.logsToken, "/embed", .noSecrets), (.tellsOfGuest, "/stream", .noGuestData),
            (.mixesCalls, "/stream", .concurrency), (.dropsUnicode, "/embed", .unicode),
        ]
        await check(cases) { await OddAI.contract(.no, $0, at: $1).report() }
    }

    @Test func systems() async {
        let cases: [Case] = [
            (.refusalPasses, "/changes", .statuses), (.throwsOops, "/notes", .typedFailures), (.triesAgain, "/rooms", .noRetry),
            (.forgetsWait, "/guests", .retryAfter), (.givesUpOnSilence, "/changes", .timeouts), (.deafToCancellation, "/rooms", .cancellation),
            (.givesUpOnCut, "/rooms", .unreachable), (.staysDown, "/guests", .unreachable), (.takesFirstPiece, "/changes", .slowReplies),
            (.givesUpOnNonsense, "/guests", .brokenReplies),
            (.followsRedirects, "/notes", .redirects), (.logsToken, "/rooms", .noSecrets), (.tellsOfGuest, "/guests", .noGuestData),
            (.mixesCalls, "/notes", .concurrency), (.dropsUnicode, "/tasks", .unicode), (.withoutKey, "/notes", .idempotency),
            (.withoutKey, "/tasks", .idempotency),
        ]
        await check(cases) { await OddPMS.contract(.no, $0, at: $1).report() }
    }

    @Test func sinks() async {
        let cases: [Case] = [
            (.refusalPasses, "/resolve", .statuses), (.throwsOops, "/update", .typedFailures), (.triesAgain, "/resolve", .noRetry),
            (.forgetsWait, "/resolve", .retryAfter), (.givesUpOnSilence, "/update", .timeouts), (.deafToCancellation, "/resolve", .cancellation),
            (.givesUpOnCut, "/update", .unreachable), (.staysDown, "/resolve", .unreachable), (.takesFirstPiece, "/resolve", .slowReplies),
            (.givesUpOnNonsense, "/update", .brokenReplies), (.followsRedirects, "/update", .redirects), (.logsToken, "/resolve", .noSecrets),
            (.tellsOfGuest, "/update", .noGuestData), (.mixesCalls, "/page", .concurrency), (.dropsUnicode, "/page", .unicode),
            (.withoutKey, "/page", .idempotency),
        ]
        await check(cases) { await OddSink.contract(.no, $0, at: $1).report() }
    }
}
