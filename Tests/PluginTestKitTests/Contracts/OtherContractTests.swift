import PluginAPI
import PluginTestKit
import Testing

@Suite(.serialized) struct OtherContractTests {
    @Test func providers() async {
        let cases: [(Way, Obligation?)] = [
            (.no, nil), (.noUsage, .answers), (.noModel, .answers), (.inventsCitation, .answers), (.sureBeyondMeasure, .answers),
            (.mixesInstructions, .guestTextIsData), (.streamStops, .streams), (.streamDiffers, .streams), (.streamTalksOn, .streams),
            (.splitsLetters, .streams), (.shortVectors, .embeddings), (.longVectors, .embeddings), (.fewVectors, .embeddings),
            (.strangeLabel, .classifications), (.unsorted, .classifications), (.takesTools, .features), (.usesTools, nil),
            (.losesResults, .tools), (.needsTools, .tools),
        ]
        await severalAtOnce(cases) { way, obligation in
            let report = await OddAI.contract(way).report()
            // What is wrong with every answer is wrong with the streamed one too.
            // And a stream that just stops makes an answer of nothing.
            let also: Set<Obligation> = obligation == .answers ? [.streams] : way == .streamStops ? [.brokenReplies] : []
            #expect(
                report.violated.subtracting(also) == (obligation.map { [$0] } ?? []),
                "\(way): \(report.violations.map(\.description).joined(separator: "\n"))")
            #expect(report.checked.isSuperset(of: [.answers, .streams, .embeddings, .classifications, .guestTextIsData, .features, .statuses]))
        }
    }

    @Test func systems() async {
        let cases: [(Way, Obligation?)] = [
            (.no, nil), (.ignoresLimit, .queries), (.ignoresFilter, .queries), (.anyGuest, .queries), (.oddDates, .records), (.oddPhones, .records),
            (.repeatsChanges, .changes), (.newIDs, .changes), (.endless, .changes), (.hidesFolio, .features),
        ]
        await severalAtOnce(cases) { way, obligation in
            let report = await OddPMS.contract(way).report()
            // A folio that is promised and missing is one call more that fails.
            let also: Set<Obligation> = way == .hidesFolio ? [.success, .concurrency] : []
            #expect(
                report.violated.subtracting(also) == (obligation.map { [$0] } ?? []),
                "\(way): \(report.violations.map(\.description).joined(separator: "\n"))")
            #expect(report.checked.isSuperset(of: [.queries, .records, .changes, .features, .idempotency, .statuses]))
        }
    }

    @Test func sinks() async {
        let cases: [(Way, Obligation?)] = [(.no, nil), (.refusesInfo, .tellings), (.refusesMany, .tellings), (.lostAnswers, .acknowledgements)]
        await severalAtOnce(cases) { way, obligation in
            let report = await OddSink.contract(way).report()
            #expect(report.violated == (obligation.map { [$0] } ?? []), "\(way): \(report.violations.map(\.description).joined(separator: "\n"))")
            #expect(report.checked.isSuperset(of: [.tellings, .idempotency, .statuses]))
        }
    }

    @Test func sinksThatReadAnswers() async {
        let cases: [(Way, Obligation?)] = [
            (.no, nil), (.hidesCode, .acknowledgements), (.anyCode, .acknowledgements), (.anySender, .acknowledgements),
            (.anyChannel, .acknowledgements), (.strangersToo, .acknowledgements),
        ]
        await severalAtOnce(cases) { way, obligation in
            let report = await OddReader.contract(way).report()
            #expect(report.violated == (obligation.map { [$0] } ?? []), "\(way): \(report.violations.map(\.description).joined(separator: "\n"))")
            #expect(report.checked.contains(.acknowledgements))
        }
    }

    @Test func sinksThatSayWrongWhomTheyReach() async {
        func violated<R: OddReach>(_ type: R.Type) async -> Set<Obligation> {
            await AlertSinkContract(PluginContract(ReachSink<R>.self, settings: { _ in [:] })).report().violated
        }
        #expect(await violated(SilentReach.self) == [.manifest])
        #expect(await violated(ReachWithoutDestination.self) == [.manifest])
        #expect(await violated(ReachBySettingThatIsNotThere.self) == [.manifest])
        #expect(await violated(ReachOfNobodyWhoAnswers.self) == [.manifest])
    }

    // What the type alone says.

    private struct Loud: AlertSink {
        struct Settings: PluginSettings {
            @Setting(help: "no sentence") var badName: String = ""
            @Setting("URL", help: "A token, though nobody sees it.") var token: String = "a-token-that-shows"
            init() {}
        }
        static let manifest = PluginManifest(id: "Loud One", summary: "two\nlines", stability: .experimental)
        init(settings: Settings, context: PluginContext) {}
        var features: AlertSinkFeatures { AlertSinkFeatures() }
        func page(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
        func update(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
        func resolve(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
    }

    @Test func declarationsThatAreNotSound() async {
        let plugin = PluginContract(Loud.self, settings: { _ in [:] }, secrets: ["a-token-that-shows"])
        let report = await plugin.report()
        #expect(report.violated == [.manifest, .settings, .secretSettings])
        #expect(report.violations.count { $0.obligation == .manifest } == 2 && report.violations.count { $0.obligation == .settings } == 2)
    }
}
