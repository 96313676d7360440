import ArgumentParser
import Gateway
import HTTPTypes
import Kernel
import PluginAPI

/// `jack plugins`.
struct PluginsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugins", abstract: "List and describe plugins; hold, release and restart instances.",
        subcommands: [List.self, Describe.self, New.self, Status.self, Hold.self, Release.self, Restart.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the plugins that this program has.")
        @Flag(help: "Print JSON.") var json = false

        func run() {
            let all = JackHost.registrations.sorted { ($0.kind.rawValue, $0.manifest.id) < ($1.kind.rawValue, $1.manifest.id) }
            if json {
                let items = all.map { plugin in
                    JSONValue.object([
                        "id": .string(plugin.manifest.id), "kind": .string(plugin.kind.rawValue),
                        "stability": .string(plugin.manifest.stability.rawValue),
                        "summary": .string(plugin.manifest.summary), "quality": .string("\(plugin.manifest.quality.level)"),
                        "rules": .object(
                            Dictionary(
                                uniqueKeysWithValues: PluginQuality.Rule.all.map { rule in
                                    switch plugin.manifest.quality.claims[rule] {
                                    case .met: (rule.name, "met")
                                    case .exempt(let reason): (rule.name, .string("exempt: \(reason)"))
                                    case nil: (rule.name, "not met")
                                    }
                                })),
                    ])
                }
                return print(JSONText.pretty(.array(items)))
            }
            print(
                Terminal.table(
                    ["ID", "KIND", "STABILITY", "QUALITY", "SUMMARY"],
                    all.map {
                        [$0.manifest.id, $0.kind.rawValue, $0.manifest.stability.rawValue, "\($0.manifest.quality.level)", $0.manifest.summary]
                    }))
        }
    }

    struct Describe: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Describe a plugin: what it does, where data goes, every setting, and a sample.")
        @Argument(help: "The plugin's id.") var id: String

        func run() throws {
            let all = JackHost.registrations
            guard let plugin = all.first(where: { $0.manifest.id == id }) else {
                let remedy = Suggestion.remedy(for: id, among: all.map(\.manifest.id)).map { "; \($0)" } ?? ""
                Terminal.error("jack: there is no plugin “\(id)”\(remedy)")
                throw ExitCode(1)
            }
            print(PluginDescription(plugin).text, terminator: "")
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show how the instances of a running Jack are.")
        @OptionGroup var remote: RemoteOptions

        func run() async throws {
            let list = try await remote.client.get("/api/v1/plugins", as: ItemList<API.PluginInstance>.self)
            if remote.json { return try remote.print(list.items) }
            print(
                Terminal.table(
                    ["INSTANCE", "PLUGIN", "KIND", "STATE", "SINCE", "WHY"],
                    list.items.map { [$0.instance, $0.plugin, $0.kind, $0.state, $0.since.iso8601, Terminal.plain($0.lastError ?? "")] }))
        }
    }

    struct Hold: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Stop an instance and keep it off, also after a restart.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The instance's name.") var instance: String
        @Option(help: "Why, for whoever looks later.") var reason: String?

        func run() async throws {
            let result = try await remote.client.send(
                .post, "/api/v1/plugins/\(RemoteClient.escaped(instance))/hold", ["reason": reason.map { .string($0) } ?? .null],
                as: API.PluginInstance.self)
            print("\(result.instance) is \(result.state)")
        }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Start an instance that is held, and hold it no longer.")
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The instance's name.") var instance: String

        func run() async throws {
            let result = try await remote.client.send(
                .post, "/api/v1/plugins/\(RemoteClient.escaped(instance))/release", [:], as: API.PluginInstance.self)
            print("\(result.instance) is \(result.state)")
        }
    }

    struct Restart: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop an instance of a running Jack and start it again, as after its credentials were renewed at the vendor.",
            discussion: """
                It starts with the settings that Jack has read; after a change of the file, use jack reload. Calls under way may finish first, for at most \
                10 seconds. Ends with status 1 where the instance does not run afterwards.
                """)
        @OptionGroup var remote: RemoteOptions
        @Argument(help: "The instance's name.") var instance: String

        func run() async throws {
            let result = try await remote.client.send(
                .post, "/api/v1/plugins/\(RemoteClient.escaped(instance))/restart", [:], as: API.PluginInstance.self)
            print("\(result.instance) is \(result.state)" + (result.lastError.map { ": \(Terminal.plain($0))" } ?? ""))
            guard ["running", "degraded"].contains(result.state) else { throw ExitCode(1) }
        }
    }
}

/// What `jack plugins describe` prints.
struct PluginDescription {
    private let plugin: PluginRegistration

    init(_ plugin: PluginRegistration) { self.plugin = plugin }

    var text: String {
        let manifest = plugin.manifest
        var lines = ["\(manifest.id) (\(plugin.kind), \(manifest.stability.rawValue))", "  \(manifest.summary)", ""]
        if !manifest.capabilities.isEmpty { lines.append("Capabilities: \(manifest.capabilities.map(\.rawValue).sorted().joined(separator: ", "))") }
        if manifest.destinations.isEmpty {
            lines.append("Data: stays on this machine.")
        } else {
            for destination in manifest.destinations {
                lines.append(
                    "Data: \(destination.classes.map(\.rawValue).sorted().joined(separator: ", ")) to \(destination.recipient), \(destination.purpose)"
                )
            }
        }
        if let reach = manifest.reachesPeople { lines.append("Reaches people: \(reach.words.replacing("`", with: ""))") }
        for contact in manifest.contacts { lines.append("Contact of a plan: \(contact.words.replacing("`", with: ""))") }
        if let limits = manifest.limits { lines.append("Limits: \(limits.words), where limits: says nothing else") }
        if let documentation = manifest.documentation { lines.append("Follows: \(documentation)") }
        lines.append("Quality: \(manifest.quality.level)")
        for rule in PluginQuality.Rule.all {
            switch manifest.quality.claims[rule] {
            case .met: continue
            case .exempt(let reason): lines.append("  \(rule.name) does not apply: \(reason)")
            case nil: lines.append("  \(rule.name) is not met")
            }
        }
        lines += ["", "Settings:"]
        if plugin.schema.definitions.isEmpty { lines.append("  none") }
        for definition in plugin.schema.definitions {
            var facts = [definition.shape.words]
            if let allowed = definition.allowed { facts.append(allowed) }
            facts.append(
                definition.isRequired ? "required" : definition.initial.map { $0 == .null ? "optional" : "default \($0.words)" } ?? "optional")
            lines.append("  \(definition.name)  (\(facts.joined(separator: "; ")))")
            lines.append("      \(definition.help)")
            if let deprecated = definition.deprecated { lines.append("      Deprecated: \(deprecated)") }
        }
        lines += ["", "Sample:", SampleGenerator(registrations: [plugin]).plugin(plugin)]
        return lines.joined(separator: "\n")
    }
}
