import PluginTestKit
import Testing

/// What every plugin owes when it calls its vendor is asked of each kind, and of each of its calls: several faults at once, each in a call of its own.
@Suite(.serialized) struct EveryKindTests {
    private func check(
        _ cases: [[String: Fault]], without missing: Set<Fault> = [], _ suite: @escaping @Sendable ([String: Fault]) async -> ContractReport
    ) async {
        #expect(Set(cases.flatMap(\.values)).union(missing) == Set(Fault.allCases), "each fault is tried")
        await severalAtOnce(cases) { faults in
            let report = await suite(faults)
            #expect(
                report.violated == Set(faults.values.map(\.obligation)),
                "\(faults): \(report.violations.map(\.description).joined(separator: "\n"))")
        }
    }

    @Test func providers() async {
        // A question has no key: asking twice changes nothing.
        await check(
            [
                ["/complete": .deafToCancellation, "/stream": .refusalPasses, "/embed": .givesUpOnCut],
                ["/complete": .staysDown, "/stream": .triesAgain, "/embed": .takesFirstPiece],
                ["/complete": .throwsOops, "/stream": .forgetsWait, "/embed": .givesUpOnNonsense],
                ["/complete": .tellsOfGuest, "/stream": .givesUpOnSilence, "/embed": .logsToken],
                ["/complete": .mixesCalls, "/stream": .followsRedirects, "/embed": .dropsUnicode],
            ], without: [.withoutKey]
        ) { await OddAI.contract(.no, $0).report() }
    }

    @Test func systems() async {
        await check([
            [
                "/reservations": .givesUpOnSilence, "/guests": .tellsOfGuest, "/rooms": .triesAgain, "/changes": .refusalPasses,
                "/notes": .withoutKey, "/tasks": .dropsUnicode,
            ],
            [
                "/reservations": .deafToCancellation, "/guests": .forgetsWait, "/rooms": .givesUpOnCut, "/changes": .takesFirstPiece,
                "/notes": .mixesCalls, "/tasks": .throwsOops,
            ],
            [
                "/guests": .staysDown, "/rooms": .logsToken, "/changes": .givesUpOnNonsense, "/notes": .followsRedirects,
                "/tasks": .withoutKey,
            ],
        ]) { await OddPMS.contract(.no, $0).report() }
    }

    @Test func sinks() async {
        await check([
            ["/page": .mixesCalls, "/update": .refusalPasses, "/resolve": .triesAgain],
            ["/page": .dropsUnicode, "/update": .throwsOops, "/resolve": .forgetsWait],
            ["/page": .withoutKey, "/update": .givesUpOnSilence, "/resolve": .deafToCancellation],
            ["/page": .logsToken, "/update": .givesUpOnCut, "/resolve": .takesFirstPiece],
            ["/page": .staysDown, "/update": .givesUpOnNonsense, "/resolve": .followsRedirects],
            ["/update": .tellsOfGuest],
        ]) { await OddSink.contract(.no, $0).report() }
    }
}
