import PluginAPI
import PluginTestKit
import Testing

/// The suite itself: what is sound passes, and each broken plugin fails in just what it breaks.
@Suite(.serialized) struct ChannelContractTests {
    @Test func aSoundChannelPasses() async {
        let report = await BrokenChannel.contract(.no).report()
        #expect(report.violations == [])
        // What was not looked at would pass too.
        #expect(
            report.checked.isSuperset(of: [
                .manifest, .settings, .secretSettings, .validatePure, .initSilent, .lifecycle, .stopEnds, .probe, .probeSafe, .success, .statuses,
                .noRetry,
                .retryAfter, .timeouts, .cancellation, .unreachable, .brokenReplies, .slowReplies, .redirects, .vendorErrors, .noSecrets,
                .noGuestData,
                .concurrency, .unicode, .signatures, .replays, .failsClosed, .duplicates, .brokenWebhooks, .vendorIDs, .receipts, .senders,
                .idempotency, .lengths,
                .features,
            ]))
    }

    private static let cases: [(broken: Broken, obligation: Obligation)] = [
        (.validateImpure, .validatePure), (.validateCalls, .validatePure), (.initStores, .initSilent), (.initCalls, .initSilent),
        (.initReads, .initSilent), (.initWaits, .initSilent),
        (.stopHangs, .lifecycle),
        (.stopNeedsStart, .lifecycle), (.stopsOnce, .lifecycle),
        (.goesOn, .stopEnds), (.sleepsOn, .stopEnds), (.strands, .stopEnds), (.probeSilent, .probe), (.probeUntyped, .probe),
        (.probeWrites, .probeSafe),
        (.probePosts, .probeSafe), (.untyped, .typedFailures), (.forbiddenIsPermanent, .statuses), (.teapotIsNotReady, .statuses),
        (.retries, .noRetry),
        (.retriesLater, .noRetry), (.ignoresRetryAfter, .retryAfter), (.onlySeconds, .retryAfter), (.longPatience, .timeouts),
        (.givesUpOnSilence, .timeouts),
        (.swallowsCancellation, .cancellation), (.cutIsPermanent, .unreachable), (.trustsNothing, .brokenReplies),
        (.malformedIsPermanent, .brokenReplies), (.dripsFail, .slowReplies), (.followsRedirect, .redirects), (.logsSecret, .noSecrets),
        (.throwsSecret, .noSecrets), (.metersSecret, .noSecrets), (.reportsSecret, .noSecrets), (.probeTellsSecret, .noSecrets),
        (.logsGuest, .noGuestData), (.throwsGuest, .noGuestData),
        (.mixesCalls, .concurrency), (.dropsUnicode, .unicode), (.takesUnsigned, .signatures), (.takesPrefix, .signatures), (.takesAny, .signatures),
        (.takesOld, .replays),
        (.opens, .failsClosed), (.randomIDs, .duplicates), (.crashesUntyped, .typedFailures), (.retriesForever, .brokenWebhooks),
        (.noVendorID, .vendorIDs), (.wrongReceipt, .receipts), (.losesEcho, .receipts), (.noReason, .receipts), (.noKey, .idempotency),
        (.cutsText, .lengths),
        (.unknownPeerTaken, .features), (.refusesChoices, .features), (.mediaUntyped, .features), (.silentOnSenders, .senders),
        (.callsNobody, .success),
        (.knownErrorLost, .vendorErrors),
    ]

    @Test func eachBrokenChannelFailsInWhatItBreaks() async {
        await severalAtOnce(Self.cases) { broken, obligation in
            let report = await BrokenChannel.contract(broken).report()
            #expect(report.violated == [obligation], "\(broken): \(report.violations.map(\.description).joined(separator: "\n"))")
        }
    }

    /// What is broken at its root fails in more than one way; the root must be among them.
    @Test func whatFailsInManyWaysFailsAtItsRootToo() async {
        for (broken, obligation) in [(Broken.startThrows, Obligation.lifecycle), (.sameID, .duplicates)] {
            let report = await BrokenChannel.contract(broken).report()
            #expect(report.violated.contains(obligation), "\(broken): \(report.violations.map(\.description).joined(separator: "\n"))")
        }
    }

    /// A way that no test takes would prove nothing.
    @Test func everyBrokenWayIsTried() {
        #expect(Set(Self.cases.map(\.broken)).union([.no, .startThrows, .sameID]) == Set(Broken.allCases))
    }

    @Test func whatIsExemptedIsNotLookedAt() async {
        let report = await BrokenChannel.contract(.forbiddenIsPermanent, exempt: [.statuses: "403 is about one message here"]).report()
        #expect(report.violations == [] && !report.checked.contains(.statuses))
        #expect(report.exempted == [.statuses: "403 is about one message here"])
    }
}
