import Foundation
import PluginAPI

extension ContractRun {
    /// What the type alone says: manifest, declarations, validation.
    func checkDeclarations() async {
        let manifest = P.manifest
        await examine(.manifest) {
            expect(
                manifest.id.wholeMatch(of: /[a-z][a-z0-9-]*/) != nil, .manifest,
                "the id “\(manifest.id)” is not lower case letters, digits and hyphens")
            expect(
                !manifest.summary.isEmpty && !manifest.summary.contains(where: \.isNewline) && manifest.summary.count <= 140, .manifest,
                "the summary is not one line of at most 140 characters")
            for capability in manifest.capabilities {
                expect(
                    capability.rawValue.wholeMatch(of: /[a-z][a-z0-9-]*/) != nil, .manifest,
                    "the capability “\(capability.rawValue)” is no lower-case name")
            }
            if stage != nil { expect(!manifest.destinations.isEmpty, .manifest, "it calls a vendor, and the manifest names no destination of data") }
        }
        await examine(.settings) {
            for problem in P.Settings.schema.problems { violate(.settings, problem) }
        }
        guard let settings = try? validatedSettings(for: P.self, settings) else { return }
        await examine(.secretSettings) {
            // Mirrors, dumps and interpolation are how a secret gets into a log by accident.
            let shown = String(decoding: settings.printed.jsonBytes, as: UTF8.self) + "\(settings)"
            for secret in contract.secrets where !secret.isEmpty {
                expect(!shown.contains(secret), .secretSettings, "printing the settings shows a secret: declare it as Secret")
            }
        }
        await examine(.validatePure) {
            let before = stage?.server.connections ?? 0
            let findings = (0..<3).map { _ in
                var report = ValidationReport()
                P.validate(settings, &report)
                return report.findings.map { "\($0.severity) \($0.key ?? "") \($0.message)" }
            }
            expect(Set(findings).count == 1, .validatePure, "the same settings were judged in \(Set(findings).count) ways")
            for finding in findings.joined() { note("a finding of validate", finding) }
            // A connection takes a moment to arrive.
            try await Task.sleep(for: .milliseconds(50))
            expect((stage?.server.connections ?? 0) == before, .validatePure, "validate called the vendor")
        }
    }
}
