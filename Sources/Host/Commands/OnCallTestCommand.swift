import ArgumentParser
import Foundation
import Kernel
import OnCall
import PluginAPI

/// `jack oncall test`.
struct OnCallTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Play scenarios of your own through the plan, in virtual time, and see who would be paged.",
        discussion: """
            The real engine decides, and what guests write goes through the real butler with the AI of this machine; nothing leaves it. A person who is paged \
            although the scenario does not expect it fails the scenario.
            Exit status: 0 where all passed, 1 where one failed or a file is not sound.
            """)

    @OptionGroup var plan: PlanOptions
    @Flag(name: .shortAndLong, help: "Print all that happens in every scenario.") var verbose = false
    @Argument(help: ArgumentHelp("Files of scenarios.", valueName: "file"), completion: .file(extensions: ["yaml", "yml"])) var files: [String]

    func run() async throws {
        var passed = 0, failed = 0
        let hotel = LazyHotel(options: plan.options)
        for file in files {
            var diagnostics = Diagnostics()
            let test = HostDocuments().document(file, &diagnostics).flatMap { ScenarioTest(file: file, $0, &diagnostics) }
            for diagnostic in diagnostics.sorted { print(diagnostic) }
            guard let test else {
                failed += 1
                continue
            }
            var options = plan
            if let named = test.plan, options.plan == nil {
                let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
                options.plan = named.hasPrefix("/") ? named : folder + named
            }
            let (plan, zone) = try options.wholePlan()
            do {
                let outcomes = try await test.run(plan, timezone: zone) { x, begin async throws in try await hotel.open().house(x, at: begin) }
                for outcome in outcomes {
                    if outcome.findings.isEmpty { passed += 1 } else { failed += 1 }
                    show(outcome)
                }
            } catch {
                failed += 1
                print("FAIL  \(file): \(Terminal.plain(ServeCommand.words(error)))")
            }
        }
        await hotel.close()
        print("\(passed) passed, \(failed) failed")
        if failed > 0 { throw ExitCode(1) }
    }

    private func show(_ outcome: ScenarioTest.Outcome) {
        let isWell = outcome.findings.isEmpty
        print("\(isWell ? "ok  " : "FAIL")  \(outcome.mark): \(Terminal.plain(outcome.name)) (\(outcome.pages) pages)")
        for finding in outcome.findings { print("      \(Terminal.plain(finding))") }
        if verbose || !isWell { for line in outcome.story { print("      · \(Terminal.plain(line))") } }
    }
}

/// The hotel that guests write to, opened when the first scenario needs it.
private actor LazyHotel {
    private let options: ConfigurationOptions
    private var hotel: ScenarioHotel?

    init(options: ConfigurationOptions) { self.options = options }

    func open() async throws -> ScenarioHotel {
        if let hotel { return hotel }
        // Its mistakes are on standard error already: the plan was read with it.
        let configurator = try options.configurator
        guard let loaded = try configurator.load(makingSecrets: false).loaded else { throw HostError("the configuration is not sound") }
        let made = try await ScenarioHotel.open(loaded, registrations: configurator.registrations)
        hotel = made
        return made
    }

    func close() async {
        await hotel?.close()
        hotel = nil
    }
}
