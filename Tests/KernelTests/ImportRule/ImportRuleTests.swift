import Foundation
import Testing

@Suite struct ImportRuleTests {
    private static let plugins = ["Plugins/Channels/One": "OneChannel", "Plugins/AI/Two": "TwoAI", "Plugins/Shared/Vendor": "VendorWire"]
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func breaches(_ path: String, _ source: String) -> [String] { ImportRule.breaches(path: path, source: source, plugins: Self.plugins) }

    private func files(_ folder: String) throws -> [String] {
        let url = Self.root.appendingPathComponent(folder)
        let found = try #require(FileManager.default.enumerator(atPath: url.path))
        return found.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.map { "\(folder)/\($0)" }.sorted()
    }

    /// Plugin targets as the manifest names them: the folder and the module.
    private func plugins() throws -> [String: String] {
        let manifest = try String(contentsOf: Self.root.appendingPathComponent("Package.swift"), encoding: .utf8)
        var plugins: [String: String] = [:]
        for match in manifest.matches(of: /plugin\(\s*"(\w+)",\s*"([\w\/]+)"/) { plugins["Plugins/\(match.2)"] = String(match.1) }
        return plugins
    }

    @Test func everyFileKeepsTheRule() throws {
        let plugins = try plugins()
        let paths = try files("Sources") + files("Plugins")
        #expect(paths.count > 150, "a check that is given nothing to check finds nothing")
        #expect(paths.contains { $0.hasPrefix("Sources/Kernel/Storage/SQLite/") } && paths.contains { $0.hasPrefix("Plugins/Channels/") })
        var found: [String] = []
        for path in paths {
            found += ImportRule.breaches(
                path: path, source: try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8), plugins: plugins)
        }
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }

    @Test(arguments: [
        ("Sources/PluginAPI/Plugin/Plugin.swift", "Kernel"), ("Sources/Kernel/JackKernel.swift", "Butler"),
        ("Sources/Kernel/JackKernel.swift", "PluginTestKit"),
        ("Sources/Kernel/JackKernel.swift", "OneChannel"), ("Sources/Butler/Butler.swift", "OnCall"),
        ("Sources/OnCall/Plan/HousePlan.swift", "Butler"),
        ("Sources/Butler/Butler.swift", "Gateway"), ("Sources/OnCall/Plan/HousePlan.swift", "GRDB"), ("Sources/Gateway/API/APIRoute.swift", "Host"),
        ("Sources/Gateway/API/APIRoute.swift", "TwoAI"), ("Sources/Kernel/Storage/Engine.swift", "GRDB"),
        ("Sources/Kernel/Jobs/JobQueue.swift", "CLibCurl"),
        ("Plugins/Channels/One/One.swift", "Kernel"), ("Plugins/Channels/One/One.swift", "TwoAI"),
        ("Plugins/Channels/One/One.swift", "PluginTestKit"),
        ("Plugins/Channels/One/One.swift", "GRDB"), ("Plugins/Shared/Vendor/Wire.swift", "OneChannel"),
        ("Sources/PluginTestKit/Test.swift", "Gateway"),
    ]) func aForbiddenImportIsCaught(_ path: String, _ module: String) {
        #expect(breaches(path, "import Foundation\nimport \(module)\n\nstruct A {}") == ["\(path) imports \(module)"])
    }

    @Test(arguments: [
        ("Sources/Kernel/JackKernel.swift", "PluginAPI"), ("Sources/Kernel/Storage/SQLite/SQLiteFile.swift", "GRDB"),
        ("Sources/Butler/Butler.swift", "Kernel"),
        ("Sources/Gateway/API/APIRoute.swift", "OnCall"), ("Sources/Host/JackHost.swift", "OneChannel"),
        ("Sources/Host/Executable/main.swift", "Host"),
        ("Plugins/Channels/One/One.swift", "PluginAPI"), ("Plugins/Channels/One/One.swift", "VendorWire"),
        ("Plugins/Channels/One/One.swift", "Crypto"),
        ("Plugins/Shared/Vendor/Wire.swift", "PluginAPI"),
    ]) func anAllowedImportIsNot(_ path: String, _ module: String) { #expect(breaches(path, "import \(module)").isEmpty) }

    @Test(arguments: [
        "@testable import Butler", "public import Butler", "@preconcurrency import Butler", "import struct Butler.Guest",
        "import Foundation; import Butler",
        "  import   Butler  ", "@_exported public import Butler", "/* why */ import Butler // here", "#if DEBUG\nimport Butler\n#endif",
    ]) func anImportIsSeenInWhateverForm(_ source: String) {
        #expect(breaches("Sources/Kernel/A.swift", source) == ["Sources/Kernel/A.swift imports Butler"])
    }

    @Test(arguments: [
        "// import Butler", "/* import Butler */", "/* /* */\nimport Butler\n*/", "let text = \"// not a comment\"", "let importButler = 1",
    ])
    func whatIsNoImportIsNot(_ source: String) { #expect(breaches("Sources/Kernel/A.swift", source).isEmpty) }

    @Test func vendorWordsStandOnlyInPlugins() {
        #expect(breaches("Sources/Kernel/A.swift", "let a = \"hub.challenge\"").count == 1)
        #expect(breaches("Sources/PluginAPI/A.swift", "case WhatsApp").count == 1)
        #expect(breaches("Sources/Kernel/A.swift", "let url = \"https://api.x\" // as WhatsApp does\nlet operation = 1").isEmpty)
        #expect(breaches("Plugins/Channels/One/A.swift", "case whatsapp").isEmpty)
        #expect(breaches("Sources/Gateway/A.swift", "case whatsapp").isEmpty)
    }
}
