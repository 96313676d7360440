import Kernel
import PluginAPI

/// The reference that people read, made from manifests and declarations: one page for each kind and each plugin, and a list of them.
struct ReferencePages {
    let registrations: [PluginRegistration]

    private static let notice = "<!-- Made by `jack docs` from manifests and settings; do not edit. -->\n\n"

    /// The pages by their file's name.
    var pages: [String: String] {
        var pages = ["README.md": index]
        for kind in kinds { pages["\(kind).md"] = page(of: kind) }
        for plugin in registrations { pages[Self.file(plugin)] = page(of: plugin) }
        return pages
    }

    /// In the order in which they are first registered.
    private var kinds: [PluginKind] { registrations.map(\.kind).reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }

    private static func file(_ plugin: PluginRegistration) -> String { "\(plugin.kind)-\(plugin.manifest.id).md" }

    private func plugins(_ kind: PluginKind) -> [PluginRegistration] {
        registrations.filter { $0.kind == kind }.sorted { $0.manifest.id < $1.manifest.id }
    }

    private var index: String {
        var text = Self.notice + "# Reference\n\nEvery kind of plugin and every plugin that comes with Jack, with all settings.\n"
        for kind in kinds { text += "\n## [\(kind)](\(kind).md)\n\n" + table(kind) }
        text +=
            "\n## Quality\n\nA plugin's level is the highest whose rules, and those of the levels below, it meets or is exempt from with a reason.\n\n"
        text += "| rule | level | asks |\n|---|---|---|\n"
        for rule in PluginQuality.Rule.all { text += "| `\(rule.name)` | \(rule.level) | \(rule.meaning) |\n" }
        return text
    }

    private func table(_ kind: PluginKind) -> String {
        "| plugin | what it does | stability | quality |\n|---|---|---|---|\n"
            + plugins(kind).map { plugin in
                let manifest = plugin.manifest
                return
                    "| [\(manifest.id)](\(Self.file(plugin))) | \(cell(manifest.summary)) | \(manifest.stability.rawValue) | \(manifest.quality.level) |\n"
            }.joined()
    }

    private func page(of kind: PluginKind) -> String {
        let about = Self.about[kind] ?? ("", "")
        return Self.notice
            + "# Kind: \(kind)\n\n\(about.0)\n\nInstances stand in `jack.yaml` under `\(kind.section):`, each under a name of its own. "
            + "In Swift: \(about.1).\n\n## Plugins\n\n" + table(kind) + "\n## What every instance may say\n\n" + settings(InstanceDeclarations.schema)
            + "\n### limits\n\n" + settings(CallLimits.schema) + "\n### inbound\n\n" + settings(InboundLimits.schema)
    }

    private static let about: [PluginKind: (String, String)] = [
        .channel: ("A way by which guests and staff write and are written to.", "`ChannelPlugin`, checked by `ChannelContract`"),
        .ai: ("Something that answers, classifies and embeds.", "`AIProvider`, checked by `AIContract`"),
        .pms: ("A property management system: who stays where, and when.", "`PMSIntegration`, checked by `PMSContract`"),
        .alert: ("A way by which a person, or a system of theirs, is told that something is wrong.", "`AlertSink`, checked by `AlertSinkContract`"),
    ]

    private func page(of plugin: PluginRegistration) -> String {
        let manifest = plugin.manifest
        var text = Self.notice + "# \(manifest.id)\n\n\(manifest.summary)\n\n| | |\n|---|---|\n| kind | [\(plugin.kind)](\(plugin.kind).md) |\n"
        text += "| stability | \(manifest.stability.rawValue) |\n| quality | \(manifest.quality.level) |\n"
        if !manifest.capabilities.isEmpty { text += "| capabilities | \(manifest.capabilities.map(\.rawValue).sorted().joined(separator: ", ")) |\n" }
        if let reach = manifest.reachesPeople { text += "| reaches people | \(reach.words) |\n" }
        if !manifest.contacts.isEmpty { text += "| contacts of a plan | \(manifest.contacts.map(\.words).joined(separator: "; ")) |\n" }
        if let limits = manifest.limits { text += "| limits | \(limits.words), where `limits:` says nothing else |\n" }
        if let document = manifest.documentation { text += "| follows | \(cell(document)) |\n" }
        text += "\n## Where data goes\n\n"
        if manifest.destinations.isEmpty { text += "Nothing leaves the machine.\n" }
        for destination in manifest.destinations {
            let classes = destination.classes.map(\.rawValue).sorted().joined(separator: ", ")
            text += "- To \(destination.recipient), for \(destination.purpose): \(classes).\n"
        }
        text += "\n## Settings\n\n" + settings(plugin.schema)
        text += "\n## Sample\n\n```yaml\n" + SampleGenerator(registrations: [plugin]).plugin(plugin) + "```\n\n## Quality\n\n| rule | |\n|---|---|\n"
        for rule in PluginQuality.Rule.all {
            switch manifest.quality.claims[rule] {
            case .met: text += "| `\(rule.name)` | met |\n"
            case .exempt(let reason): text += "| `\(rule.name)` | exempt: \(cell(reason)) |\n"
            case nil: text += "| `\(rule.name)` | not met |\n"
            }
        }
        return text
    }

    /// A table of settings, those of nested objects below it.
    private func settings(_ schema: SettingsSchema, under prefix: String = "") -> String {
        if schema.definitions.isEmpty { return "None.\n" }
        var text = "| key | type | default | meaning |\n|---|---|---|---|\n", nested = ""
        for definition in schema.definitions {
            let name = prefix + definition.name
            let type = ([definition.shape.words] + (definition.allowed.map { [$0] } ?? [])).joined(separator: "; ")
            let initial = definition.isRequired ? "required" : definition.initial.map { $0 == .null ? "none" : "`\(cell($0.words))`" } ?? "none"
            let more = [definition.since.map { "Since \($0)." }, definition.deprecated.map { "Deprecated: \($0)" }].compactMap { $0 }
            text += "| `\(name)` | \(cell(type)) | \(initial) | \(cell(([definition.help] + more).joined(separator: " "))) |\n"
            switch definition.shape.unwrapped {
            case .object(let inner): nested += "\n`\(name)`:\n\n" + settings(inner, under: name + ".")
            case .list(.object(let inner)): nested += "\nEach of `\(name)`:\n\n" + settings(inner, under: name + "[].")
            case .map(.object(let inner)): nested += "\nEach of `\(name)`:\n\n" + settings(inner, under: name + ".*.")
            default: break
            }
        }
        // The limits of an instance have a section of their own.
        return text + (prefix.isEmpty && schema["limits"] != nil ? "" : nested)
    }

    /// A text in one cell of a table.
    private func cell(_ text: String) -> String { text.replacing("|", with: "\\|").replacing("\n", with: " ") }
}
