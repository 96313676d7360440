import ArgumentParser
import Foundation
import Kernel
import OnCall
import PluginAPI

/// `jack oncall test`.
struct OnCallTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Play scenarios of your own through the plan, in virtual time, and see who would be paged.",
        discussion: """
            The real engine decides; nothing leaves the machine. A person who is paged although the scenario does not expect it fails the scenario.
            Exit status: 0 where all passed, 1 where one failed or a file is not sound.
            """)

    @OptionGroup var plan: PlanOptions
    @Flag(name: .shortAndLong, help: "Print every page of every scenario.") var verbose = false
    @Argument(help: ArgumentHelp("Files of scenarios.", valueName: "file"), completion: .file(extensions: ["yaml", "yml"])) var files: [String]

    func run() throws {
        var passed = 0, failed = 0
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
            for outcome in test.run(plan, timezone: zone) {
                let isWell = outcome.findings.isEmpty
                if isWell { passed += 1 } else { failed += 1 }
                print("\(isWell ? "ok  " : "FAIL")  \(outcome.mark): \(Terminal.plain(outcome.name)) (\(outcome.pages.count) pages)")
                for finding in outcome.findings { print("      \(Terminal.plain(finding))") }
                if verbose || !isWell { for page in outcome.pages { print("      · \(Terminal.plain(page))") } }
            }
        }
        print("\(passed) passed, \(failed) failed")
        if failed > 0 { throw ExitCode(1) }
    }
}
