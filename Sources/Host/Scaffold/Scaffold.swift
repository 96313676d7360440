import Foundation

/// What `jack plugins new` writes, worked out before anything is written.
struct Scaffold {
    /// Where a plugin's folder goes and how it is registered.
    enum Place {
        /// Into Jack's own sources.
        case repository(URL)
        /// Into a package of its own beside Jack, which is made where there is none yet.
        case package(URL, jack: JackDependency)
    }

    /// How a stand-alone package finds Jack.
    enum JackDependency {
        case path(String)
        case url(String, version: String)

        var declaration: String {
            switch self {
            case .path(let path): #".package(name: "jack", path: "\#(path)")"#
            case .url(let url, let version): #".package(url: "\#(url)", from: "\#(version)")"#
            }
        }
    }

    /// Lines that mark where generated ones go. They stay, for the next plugin.
    enum Mark: String {
        case targets = "// jack plugins new: targets"
        case tests = "// jack plugins new: tests"
        case dependencies = "// jack plugins new: dependencies"
        case registrations = "// jack plugins new: registrations"
    }

    let kind: ScaffoldKind
    let name: String
    let place: Place

    /// New files, by their path.
    private(set) var files: [(path: URL, text: String)] = []
    /// Files that change, with the text that they had.
    private(set) var changes: [(path: URL, before: String, after: String)] = []

    /// Works it all out.
    /// - Throws: ``HostError`` in a sentence that says what to do; nothing has been written then.
    init(_ kind: ScaffoldKind, _ name: String, in place: Place, taken ids: Set<String>) throws {
        guard name.wholeMatch(of: /[A-Z][A-Za-z0-9]{1,40}/) != nil else {
            throw HostError("“\(name)” cannot name a Swift type: begin with a capital letter, and go on with letters and digits, such as Carrier")
        }
        guard !Self.reserved.contains(name) else { throw HostError("“\(name)” is a name of Swift's own or of Jack's: take another") }
        self.kind = kind
        self.name = name
        self.place = place
        let templates = ScaffoldTemplates(kind: kind, name: name)
        guard !Self.reserved.contains(templates.type) else {
            throw HostError(
                "a plugin of the kind \(kind.rawValue) called “\(name)” would be the type \(templates.type), which is Jack's own: take another name")
        }
        guard !ids.contains(templates.id) else { throw HostError("there is a plugin “\(templates.id)” already: take another name") }
        switch place {
        case .repository(let root): try planRepository(root, templates)
        case .package(let root, let jack): try planPackage(root, jack, templates)
        }
        for file in files where FileManager.default.fileExists(atPath: file.path.path) {
            throw HostError("\(file.path.path) is there already: take another name, or remove it")
        }
    }

    /// What a plugin's type may not be called: names of Swift's own and of Jack's, above all those that the templates themselves use.
    private static let reserved: Set<String> = [
        "Any", "Self", "Type", "Protocol", "Plugin", "Kernel", "Host", "Gateway", "Butler", "PluginAPI", "String", "Int", "Double", "Bool", "Array",
        "Set", "Task", "Data", "Date", "URL", "Logger", "Error", "Result", "Secret", "Setting", "Channel", "Duration", "Codable", "Decodable",
        "Hashable", "Sendable", "Foundation", "Testing", "JSONDecoder", "HTTPTypes", "HTTPFields", "HTTPRequest", "ClientRequest", "PluginContext",
        "PluginFailure", "PluginManifest", "PluginSettings", "PluginRegistration", "PluginContract", "PluginTestKit", "TestContext", "ProbeResult",
        "DataDestination", "OutboundMessage", "SendResult", "ChannelFeatures", "ChannelPlugin", "ChannelContract", "AIProvider", "PMSIntegration",
        "AlertSink", "JackHost", "Suite", "Test", "Bundle",
    ]

    private mutating func planRepository(_ root: URL, _ templates: ScaffoldTemplates) throws {
        let source = root.appending(path: "Plugins/\(kind.folder)/\(name)"), tests = root.appending(path: "Tests/Plugins/\(kind.folder)/\(name)Tests")
        try addFolders(source, tests, templates)
        try insert(
            at: root.appending(path: "Package.swift"), "this is not Jack's repository, or its manifest has changed",
            [
                (.dependencies, #""\#(templates.module)","#), (.targets, #"plugin("\#(templates.module)", "\#(kind.folder)/\#(name)", [crypto]),"#),
                (
                    .tests,
                    """
                    tests(
                        "\(templates.module)Tests", path: "Plugins/\(kind.folder)/\(name)Tests", resources: [.copy("Fixtures")],
                        ["\(templates.module)", "PluginAPI", "PluginTestKit", httpTypes]),
                    """
                ),
            ])
        try register(in: root.appending(path: "Sources/Host/JackHost.swift"), templates)
    }

    private mutating func planPackage(_ root: URL, _ jack: JackDependency, _ templates: ScaffoldTemplates) throws {
        let manifest = root.appending(path: "Package.swift"), main = root.appending(path: "Sources/Main/main.swift")
        let isNew = !FileManager.default.fileExists(atPath: manifest.path)
        if isNew {
            if let there = try? FileManager.default.contentsOfDirectory(atPath: root.path), !there.isEmpty {
                throw HostError("\(root.path) is not empty and holds no Package.swift: name another folder")
            }
            files.append((root.appending(path: ".gitignore"), ".build/\ndata/\n"))
            files.append((root.appending(path: "README.md"), templates.packageReadme))
        }
        try addFolders(root.appending(path: "Sources/\(templates.module)"), root.appending(path: "Tests/\(templates.module)Tests"), templates)
        let lines: [(Mark, String)] = [
            (.dependencies, #""\#(templates.module)","#),
            (
                .targets,
                """
                .target(
                    name: "\(templates.module)",
                    dependencies: [.product(name: "PluginAPI", package: "jack")] + wire,
                    exclude: ["README.md"], swiftSettings: swiftSettings),
                """
            ),
            (
                .tests,
                """
                .testTarget(
                    name: "\(templates.module)Tests",
                    dependencies: ["\(templates.module)", .product(name: "PluginAPI", package: "jack"), .product(name: "PluginTestKit", package: "jack")]
                        + wire,
                    resources: [.copy("Fixtures")], swiftSettings: swiftSettings),
                """
            ),
        ]
        if isNew {
            files.append((manifest, try Self.inserting(lines, into: templates.packageManifest(jack), "the template", "")))
            let text = try Self.inserting([(.registrations, templates.registration)], into: ScaffoldTemplates.packageMain, "the template", "")
            files.append((main, Self.importing(templates.module, into: text)))
        } else {
            try insert(at: manifest, "this package was not made by jack plugins new", lines)
            try register(in: main, templates)
        }
    }

    private mutating func addFolders(_ source: URL, _ tests: URL, _ templates: ScaffoldTemplates) throws {
        for folder in [source, tests] where FileManager.default.fileExists(atPath: folder.path) {
            throw HostError("\(folder.path) is there already: take another name, or remove it")
        }
        files += templates.sources.map { (source.appending(path: $0.name), $0.text) }
        files += templates.tests.map { (tests.appending(path: $0.name), $0.text) }
    }

    private mutating func register(in file: URL, _ templates: ScaffoldTemplates) throws {
        try insert(at: file, "the list of plugins is not where it was", [(.registrations, templates.registration)])
        guard let index = changes.firstIndex(where: { $0.path == file }) else { return }
        changes[index].after = Self.importing(templates.module, into: changes[index].after)
    }

    private mutating func insert(at file: URL, _ otherwise: String, _ lines: [(Mark, String)]) throws {
        guard let text = try? String(contentsOf: file, encoding: .utf8) else {
            throw HostError("\(file.path) cannot be read: \(otherwise). Run it in the folder of the sources, or name that by --root")
        }
        changes.append((file, text, try Self.inserting(lines, into: text, file.path, otherwise)))
    }

    /// Puts text before each mark, with the mark's own indentation.
    private static func inserting(_ lines: [(Mark, String)], into text: String, _ name: String, _ otherwise: String) throws -> String {
        var all = text.components(separatedBy: "\n")
        for (mark, addition) in lines {
            guard let index = all.firstIndex(where: { $0.trimmingCharacters(in: .whitespaces) == mark.rawValue }) else {
                throw HostError(
                    "\(name) has no line “\(mark.rawValue)”: \(otherwise). Put the line back where the plugins are, or add the plugin by hand")
            }
            let indentation = String(all[index].prefix { $0 == " " })
            all.insert(contentsOf: addition.components(separatedBy: "\n").map { indentation + $0 }, at: index)
        }
        return all.joined(separator: "\n")
    }

    /// Adds an import in its place in the order.
    private static func importing(_ module: String, into text: String) -> String {
        var lines = text.components(separatedBy: "\n")
        let imports = lines.indices.filter { lines[$0].hasPrefix("import ") }
        let place = imports.first { lines[$0].dropFirst(7) > module } ?? (imports.last.map { $0 + 1 } ?? 0)
        lines.insert("import \(module)", at: place)
        return lines.joined(separator: "\n")
    }

    /// Writes everything, or nothing: what was written is taken back where anything fails.
    func write() throws {
        let manager = FileManager.default
        var made: [URL] = [], changed: [(URL, String)] = []
        do {
            for file in files {
                var folder = file.path.deletingLastPathComponent(), missing: [URL] = []
                while !manager.fileExists(atPath: folder.path) {
                    missing.append(folder)
                    folder.deleteLastPathComponent()
                }
                try manager.createDirectory(at: file.path.deletingLastPathComponent(), withIntermediateDirectories: true)
                made += missing.reversed()
                try Data(file.text.utf8).write(to: file.path, options: .withoutOverwriting)
                made.append(file.path)
            }
            for change in changes {
                try Data(change.after.utf8).write(to: change.path, options: .atomic)
                changed.append((change.path, change.before))
            }
        } catch {
            for (path, before) in changed { try? Data(before.utf8).write(to: path, options: .atomic) }
            for path in made.reversed() { try? manager.removeItem(at: path) }
            throw HostError("nothing was written: \(error.localizedDescription)")
        }
    }
}

/// The kinds that have a scaffold.
enum ScaffoldKind: String, CaseIterable {
    case channel, ai, pms, alert

    /// The folder under `Plugins`.
    var folder: String {
        switch self {
        case .channel: "Channels"
        case .ai: "AI"
        case .pms: "PMS"
        case .alert: "Alerts"
        }
    }

    /// The end of a module's name.
    var moduleSuffix: String {
        switch self {
        case .channel: "Channel"
        case .ai: "AI"
        case .pms: "PMS"
        case .alert: "AlertSink"
        }
    }

    /// The end of the plugin's type.
    var typeSuffix: String {
        switch self {
        case .channel: ""
        case .ai: "Provider"
        case .pms: "Integration"
        case .alert: "Sink"
        }
    }

    /// The key in `jack.yaml`.
    var section: String { self == .alert ? "alerts" : self == .channel ? "channels" : rawValue }
}
