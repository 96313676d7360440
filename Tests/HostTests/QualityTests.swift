import Foundation
import PluginAPI
import Testing

@testable import Host

/// What manifests claim of quality, held against the sources as far as a program can.
@Suite struct QualityTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func text(_ path: String) -> String { (try? String(contentsOf: Self.root.appending(path: path), encoding: .utf8)) ?? "" }

    private func swift(in folder: String) -> String {
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: Self.root.appending(path: folder).path)) ?? []
        return names.filter { $0.hasSuffix(".swift") }.map { text("\(folder)/\($0)") }.joined(separator: "\n")
    }

    /// The folder of a plugin below `Plugins`, as the manifest of the package names it for the plugin's module.
    private func folder(_ plugin: PluginRegistration) throws -> String {
        let module = try #require(String(reflecting: plugin.type).split(separator: ".").first)
        let found = text("Package.swift").matches(of: /plugin\(\s*"(\w+)",\s*"([\w\/]+)"/).first { $0.1 == module }
        return String(try #require(found, "Package.swift has no plugin(\"\(module)\", …)").2)
    }

    private func isMet(_ rule: PluginQuality.Rule, _ plugin: PluginRegistration) -> Bool { plugin.manifest.quality.claims[rule] == .met }

    @Test func everyBuiltInPluginIsAtLeastBasic() {
        #expect(JackHost.builtIn.count >= 5)
        for plugin in JackHost.builtIn where plugin.manifest.stability > .experimental {
            #expect(plugin.manifest.quality.level >= .basic, "\(plugin.manifest.id) is \(plugin.manifest.quality.level)")
        }
    }

    @Test func anExemptionHasAReason() {
        for plugin in JackHost.builtIn {
            for case (let rule, .exempt(let reason)) in plugin.manifest.quality.claims {
                #expect(reason.count >= 10, "\(plugin.manifest.id) is exempt from \(rule.name), and does not say why")
            }
        }
    }

    @Test func documentedSettingsHaveAHelpAndStandInTheReadme() throws {
        for plugin in JackHost.builtIn where isMet(.documentedSettings, plugin) {
            let readme = text("Plugins/\(try folder(plugin))/README.md")
            #expect(plugin.schema.problems == [] && readme.contains("## Settings"), "\(plugin.manifest.id)")
            for setting in plugin.schema.definitions {
                #expect(readme.contains("`\(setting.name)`"), "\(setting.name) is missing in the README of \(plugin.manifest.id)")
            }
        }
    }

    @Test func whoClaimsTheContractSuiteRunsIt() throws {
        let suites: [PluginKind: String] = [.channel: "ChannelContract(", .ai: "AIContract(", .pms: "PMSContract(", .alert: "AlertSinkContract("]
        for plugin in JackHost.builtIn where isMet(.contractSuite, plugin) {
            let tests = swift(in: "Tests/Plugins/\(try folder(plugin))Tests")
            let type = String(describing: plugin.type)
            let suite = try #require(suites[plugin.kind])
            #expect(
                tests.contains(suite) && tests.contains(/PluginContract\(\s*\w+\.self/) && tests.contains("\(type).self"), "\(plugin.manifest.id)")
            // What the suite would show must not be exempted there.
            for (rule, obligation) in [
                (PluginQuality.Rule.typedFailures, ".typedFailures:"), (.noSecretsShown, ".noSecrets:"), (.probe, ".probe:"),
                (.idempotency, ".idempotency:"), (.reconnects, ".unreachable:"), (.receipts, ".receipts:"), (.receipts, ".acknowledgements:"),
            ] where isMet(rule, plugin) {
                #expect(!tests.contains(obligation), "\(plugin.manifest.id) claims \(rule.name), and its tests exempt it")
            }
        }
    }

    @Test func otherClaimsThatShowInTheManifestAndTheReadme() throws {
        for plugin in JackHost.builtIn {
            let readme = text("Plugins/\(try folder(plugin))/README.md"), id = plugin.manifest.id
            if isMet(.documentedLimits, plugin) { #expect(readme.contains("\n## Limits") && readme.contains("\n## Security"), "\(id)") }
            if isMet(.dataDestinations, plugin) { #expect(!plugin.manifest.destinations.isEmpty, "\(id)") }
            if isMet(.vendorDocument, plugin) { #expect(plugin.manifest.documentation?.hasPrefix("https://") == true, "\(id)") }
            if isMet(.probe, plugin) {
                #expect(swift(in: "Plugins/\(try folder(plugin))").contains("func probe()"), "\(id) claims a probe, and has the default")
            }
            // The suites check what `features` promise: they must promise what is claimed.
            let source = swift(in: "Plugins/\(try folder(plugin))")
            if isMet(.receipts, plugin) {
                #expect(
                    source.contains(plugin.kind == .channel ? /[( ]receipts: (?:\[\.|\w+ ==)/ : /\.receipt\(|\.acknowledgement\(|AnswerReadingSink/),
                    "\(id) claims that it reports how far things have come, and promises no receipts")
            }
            if isMet(.idempotency, plugin), plugin.kind == .channel { #expect(source.contains("isIdempotent: true"), "\(id)") }
            // Who says that something is wrong says when it is over.
            if isMet(.reconnects, plugin), source.contains("health.degraded(") { #expect(source.contains("health.recovered()"), "\(id)") }
        }
    }

    @Test func theLevelIsWhatTheRulesSay() {
        var claims: PluginQuality = [:]
        #expect(claims.level == .none)
        claims = [.documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .exempt("has no secrets"), .typedFailures: .met]
        #expect(claims.level == .basic)
        claims = [.documentedSettings: .met, .contractSuite: .met, .probe: .met, .dataDestinations: .met, .documentedLimits: .met, .reconnects: .met]
        #expect(claims.level == .none, "a higher level needs the lower one")
    }
}

@Suite struct ReferenceTests {
    @Test func theReferenceIsUpToDate() throws {
        let folder = QualityTests.root.appending(path: "docs/reference")
        let pages = ReferencePages(registrations: JackHost.builtIn).pages
        #expect(pages.count == 1 + 4 + JackHost.builtIn.count)
        for (name, text) in pages {
            let there = try? String(contentsOf: folder.appending(path: name), encoding: .utf8)
            #expect(there == text, "docs/reference/\(name) is stale: run `jack docs`")
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(Set(files) == Set(pages.keys), "docs/reference holds other files: run `jack docs`")
    }

    @Test func everySettingIsOnItsPage() {
        for plugin in JackHost.builtIn {
            let page = ReferencePages(registrations: JackHost.builtIn).pages["\(plugin.kind)-\(plugin.manifest.id).md"] ?? ""
            for setting in plugin.schema.definitions { #expect(page.contains("| `\(setting.name)` |") && page.contains(setting.help.prefix(20))) }
        }
    }
}
