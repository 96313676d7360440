import Foundation
import Testing

@testable import Host

/// What `jack plugins new` writes and refuses. That the result builds and passes is shown by Tests/EndToEnd/kit_test.py.
@Suite struct ScaffoldTests {
    private static let manifest = """
        let added = [
            // jack plugins new: dependencies
        ]
        let targets = [
            // jack plugins new: targets
            // jack plugins new: tests
        ]

        """
    private static let host = """
        import ArgumentParser
        import PluginAPI
        import WebChatChannel

        let builtIn = [
            // jack plugins new: registrations
        ]

        """

    /// Jack's sources as far as a scaffold looks at them.
    private func house<T>(_ body: (URL) throws -> T) throws -> T {
        let root = FileManager.default.temporaryDirectory.appending(path: "jack-scaffold-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        try FileManager.default.createDirectory(at: root.appending(path: "Sources/Host"), withIntermediateDirectories: true)
        try Data(Self.manifest.utf8).write(to: root.appending(path: "Package.swift"))
        try Data(Self.host.utf8).write(to: root.appending(path: "Sources/Host/JackHost.swift"))
        return try body(root)
    }

    private func files(_ root: URL) -> Set<String> { Set(FileManager.default.subpaths(atPath: root.path) ?? []) }
    private func text(_ root: URL, _ path: String) throws -> String { try String(contentsOf: root.appending(path: path), encoding: .utf8) }

    @Test(arguments: ScaffoldKind.allCases) func aPluginGetsItsFolderItsTargetsAndItsLine(_ kind: ScaffoldKind) throws {
        try house { root in
            try Scaffold(kind, "MyCarrier", in: .repository(root), taken: []).write()
            let module = "MyCarrier\(kind.moduleSuffix)", type = "MyCarrier\(kind.typeSuffix)"
            let all = files(root)
            for name in ["\(type).swift", "\(type)Settings.swift", "MyCarrierWire.swift", "README.md"] {
                #expect(all.contains("Plugins/\(kind.folder)/MyCarrier/\(name)"))
            }
            for name in ["ContractTests.swift", "WireTests.swift", "Fixtures/reply.json"] {
                #expect(all.contains("Tests/Plugins/\(kind.folder)/MyCarrierTests/\(name)"))
            }
            let manifest = try text(root, "Package.swift")
            #expect(
                manifest.contains(#"    plugin("\#(module)", "\#(kind.folder)/MyCarrier", [crypto]),"#) && manifest.contains(#""\#(module)Tests""#))
            #expect(manifest.contains("    \"\(module)\",\n    // jack plugins new: dependencies\n"))
            let host = try text(root, "Sources/Host/JackHost.swift")
            #expect(host.contains("    PluginRegistration(\(type).self),\n    // jack plugins new: registrations\n"))
            let imports = host.split(separator: "\n").filter { $0.hasPrefix("import ") }
            #expect(imports.contains("import \(module)") && imports == imports.sorted())
            #expect(try text(root, "Plugins/\(kind.folder)/MyCarrier/\(type).swift").contains(#"id: "my-carrier""#))
        }
    }

    @Test func twoPluginsOneAfterTheOther() throws {
        try house { root in
            try Scaffold(.channel, "Carrier", in: .repository(root), taken: []).write()
            try Scaffold(.alert, "Carrier", in: .repository(root), taken: []).write()
            let host = try text(root, "Sources/Host/JackHost.swift")
            #expect(host.contains("PluginRegistration(Carrier.self),\n    PluginRegistration(CarrierSink.self),\n"))
        }
    }

    @Test(arguments: ["carrier", "Carrier!", "1Carrier", "", "Car rier", "Ünïcode", "../Up", "Plugin", "String"])
    func whatIsNoNameOfATypeIsRefused(_ name: String) throws {
        try house { root in
            let before = files(root)
            #expect(throws: HostError.self) { try Scaffold(.channel, name, in: .repository(root), taken: []).write() }
            #expect(files(root) == before)
        }
    }

    /// Each of these would be taken for what the templates mean by it, and the result would not build.
    @Test(arguments: [
        (ScaffoldKind.ai, "AI"), (.pms, "PMS"), (.alert, "Alert"), (.channel, "AlertSink"), (.channel, "Duration"), (.channel, "OutboundMessage"),
    ])
    func aTypeOfJacksOwnIsRefused(_ kind: ScaffoldKind, _ name: String) throws {
        try house { root in
            let before = files(root)
            #expect(throws: HostError.self) { try Scaffold(kind, name, in: .repository(root), taken: []).write() }
            #expect(files(root) == before)
        }
    }

    /// The program in the tutorial is the one that is written. That it builds and serves is shown by Tests/EndToEnd/kit_test.py.
    @Test func theTutorialShowsTheProgramThatIsWritten() throws {
        try house { root in
            let folder = root.appending(path: "mine")
            try Scaffold(.alert, "Pager", in: .package(folder, jack: .path("/somewhere/jack")), taken: []).write()
            let document = try text(QualityTests.root, "docs/writing-a-plugin.md"), main = try text(folder, "Sources/Main/main.swift")
            #expect(document.contains("<!-- written by: jack plugins new alert Pager --package -->\n```swift\n\(main)```\n"))
            // The files that the tutorial fills in are those of the scaffold, by their names.
            for name in ["PagerSink.swift", "PagerSinkSettings.swift", "PagerWire.swift"] {
                #expect(document.contains("<!-- file: \(name) -->") && files(folder).contains("Sources/PagerAlertSink/\(name)"))
            }
            // What they import is there.
            let manifest = try text(folder, "Package.swift")
            for product in ["Crypto", "HTTPTypes"] { #expect(manifest.contains(#".product(name: "\#(product)""#)) }
        }
    }

    @Test func aNameThatIsTakenIsRefused() throws {
        try house { root in
            #expect(throws: HostError.self) { try Scaffold(.channel, "WebChat", in: .repository(root), taken: ["web-chat"]) }
            try Scaffold(.channel, "Carrier", in: .repository(root), taken: []).write()
            let before = files(root), host = try text(root, "Sources/Host/JackHost.swift")
            #expect(throws: HostError.self) { try Scaffold(.channel, "Carrier", in: .repository(root), taken: []).write() }
            #expect(try files(root) == before && text(root, "Sources/Host/JackHost.swift") == host)
        }
    }

    @Test(arguments: ["targets", "tests", "dependencies"]) func withoutItsMarkNothingIsWritten(_ mark: String) throws {
        try house { root in
            let manifest = Self.manifest.replacing("jack plugins new: \(mark)", with: "gone")
            try Data(manifest.utf8).write(to: root.appending(path: "Package.swift"))
            let before = files(root)
            #expect(throws: HostError.self) { try Scaffold(.ai, "Carrier", in: .repository(root), taken: []).write() }
            #expect(try files(root) == before && text(root, "Package.swift") == manifest)
        }
    }

    @Test func whereWritingFailsNothingIsLeft() throws {
        try house { root in
            let scaffold = try Scaffold(.channel, "Carrier", in: .repository(root), taken: [])
            // Something takes the place of the tests' folder between the plan and the writing.
            try FileManager.default.createDirectory(at: root.appending(path: "Tests"), withIntermediateDirectories: true)
            try Data("in the way".utf8).write(to: root.appending(path: "Tests/Plugins"))
            let before = files(root)
            #expect(throws: HostError.self) { try scaffold.write() }
            #expect(try files(root) == before && text(root, "Package.swift") == Self.manifest)
        }
    }

    @Test func aPackageOfItsOwnTakesFurtherPlugins() throws {
        try house { root in
            let folder = root.appending(path: "mine"), jack = Scaffold.JackDependency.path("/somewhere/jack")
            try Scaffold(.channel, "Carrier", in: .package(folder, jack: jack), taken: []).write()
            try Scaffold(.pms, "Innkeeper", in: .package(folder, jack: jack), taken: []).write()
            let main = try text(folder, "Sources/Main/main.swift")
            #expect(main.hasPrefix("import CarrierChannel\nimport Host\nimport InnkeeperPMS\nimport PluginAPI\n"))
            #expect(main.contains("PluginRegistration(Carrier.self),\n    PluginRegistration(InnkeeperIntegration.self),\n"))
            let manifest = try text(folder, "Package.swift")
            #expect(manifest.contains(#".package(name: "jack", path: "/somewhere/jack"),"#) && manifest.contains(#"name: "InnkeeperPMSTests""#))
            #expect(throws: HostError.self, "a folder of something else") {
                try Scaffold(.channel, "Other", in: .package(root.appending(path: "Sources"), jack: jack), taken: [])
            }
        }
    }

    @Test func thisRepositoryHasTheMarks() throws {
        let scaffold = try Scaffold(.alert, "Nightbell", in: .repository(QualityTests.root), taken: [])
        #expect(scaffold.changes.count == 2 && scaffold.files.count == 7)
    }
}
