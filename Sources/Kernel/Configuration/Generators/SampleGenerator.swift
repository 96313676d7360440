import PluginAPI

/// Writes a commented sample from the declarations. What must be set is a live line; what has a default stands behind `#`, as it is.
public struct SampleGenerator: Sendable {
    public var registrations: [PluginRegistration]
    public var sections: [ConfigurationSection]
    /// True to show the settings that are seldom needed.
    public var includesAdvanced: Bool
    /// True to write out the defaults as live lines.
    public var writesDefaults: Bool

    public init(
        registrations: [PluginRegistration], sections: [ConfigurationSection] = [], includesAdvanced: Bool = true, writesDefaults: Bool = false
    ) {
        self.registrations = registrations
        self.sections = sections
        self.includesAdvanced = includesAdvanced
        self.writesDefaults = writesDefaults
    }

    /// A whole `jack.yaml`, every plugin in it switched off.
    public func document() -> String {
        var lines = [
            "# Jack's configuration. ${NAME} is a variable of the environment, ${NAME:-default} one with a default, ${file:/path} a file's text.",
            "# `jack check` checks this file; `jack config schema` makes the JSON Schema that editors complete from.", "",
        ]
        lines += settings(KernelSettings.schema, prefix: "", isRoot: true)
        for section in sections {
            lines += comment(section.help) + ["\(section.key):"] + YAMLText.indented(settings(section.type.schema, prefix: section.key)) + [""]
        }
        lines += ["# Instances of plugins, by kind: a name, and under it what follows. Names are unique over all kinds."]
        lines += YAMLText.indented(settings(InstanceSettings.schema, prefix: "", leavingOut: ["settings"])).map { ("#" + $0) } + [""]
        var names: Set<String> = []
        for kind in InstanceReader(registrations: registrations).kinds {
            let plugins = registrations.filter { $0.kind == kind }
            lines.append(plugins.isEmpty ? "#\(kind.section):" : "\(kind.section):")
            for plugin in plugins {
                let id = plugin.manifest.id
                let name = names.insert(id).inserted ? id : "\(id)-\(kind)"
                lines += YAMLText.indented(instance(plugin, name: name, isOff: true))
            }
            lines.append("")
        }
        return lines.joined(separator: "\n")
    }

    /// One plugin's section, switched on.
    public func plugin(_ registration: PluginRegistration) -> String {
        let lines = ["\(registration.kind.section):"] + YAMLText.indented(instance(registration, name: registration.manifest.id, isOff: false))
        return lines.joined(separator: "\n") + "\n"
    }

    private func instance(_ plugin: PluginRegistration, name: String, isOff: Bool) -> [String] {
        var lines: [String] = []
        if name != plugin.manifest.id { lines.append("plugin: \(plugin.manifest.id)") }
        if isOff { lines.append("enabled: false") }
        let settings = settings(plugin.schema, prefix: name)
        if !settings.isEmpty { lines += ["settings:"] + YAMLText.indented(settings) }
        if lines.isEmpty { return comment(plugin.manifest.summary) + ["\(name): {}"] }
        return comment(plugin.manifest.summary) + ["\(name):"] + YAMLText.indented(lines)
    }

    /// - Parameters:
    ///   - prefix: what variables' names begin with.
    ///   - defaults: the defaults of the object that holds these settings, where it has its own.
    private func settings(
        _ schema: SettingsSchema, prefix: String, defaults: JSONValue? = nil, isRoot: Bool = false, leavingOut: Set<String> = []
    ) -> [String] {
        schema.definitions.flatMap { definition -> [String] in
            if leavingOut.contains(definition.name) || definition.deprecated != nil { return [] }
            if definition.isAdvanced, !includesAdvanced, !definition.isRequired { return [] }
            let lines = comment(remarks(definition)) + value(definition, prefix: prefix, defaults?[definition.name] ?? definition.initial)
            return isRoot ? lines + [""] : lines
        }
    }

    private func value(_ definition: SettingDefinition, prefix: String, _ initial: JSONValue?) -> [String] {
        let name = definition.name
        let path = prefix.isEmpty ? name : "\(prefix)_\(name)"
        if case .object(let schema) = definition.shape { return ["\(name):"] + YAMLText.indented(settings(schema, prefix: path, defaults: initial)) }
        if definition.isRequired {
            if let example = definition.example { return write(name, example) }
            if case .union(let key, let cases) = definition.shape, let first = cases.first {
                return ["\(name):", "  \(key): \(first.tag)"] + YAMLText.indented(settings(first.schema, prefix: path, leavingOut: [key]))
            }
            return write(name, placeholder(definition, path))
        }
        if let initial, initial != .null, !definition.shape.isSecret {
            // An empty list teaches nothing; its example does.
            if !writesDefaults, initial == [], let example = definition.example { return write(name, example).map { "#" + $0 } }
            let lines = YAMLText.lines(name, initial, definition.shape)
            return writesDefaults ? lines : lines.map { "#" + $0 }
        }
        if case .object(let schema) = definition.shape.unwrapped {
            let inner = SampleGenerator(registrations: [], includesAdvanced: includesAdvanced).settings(schema, prefix: path)
            return (["\(name):"] + YAMLText.indented(inner)).map { "#" + $0 }
        }
        return write(name, definition.example ?? placeholder(definition, path)).map { "#" + $0 }
    }

    private func write(_ name: String, _ yaml: String) -> [String] {
        let lines = yaml.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
        return lines.count < 2 ? ["\(name): \(yaml)"] : ["\(name):"] + YAMLText.indented(lines)
    }

    private func placeholder(_ definition: SettingDefinition, _ path: String) -> String {
        switch definition.shape.unwrapped {
        case .secret: "${" + path.uppercased().map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined() + "}"
        case .boolean: "true"
        case .integer, .number: definition.constraintSchema["minimum"]?.words ?? "1"
        case .duration: "30s"
        case .byteCount: "1MB"
        case .choice(let values): values.first ?? ""
        case .list, .oneOrMore: "[]"
        case .map, .object, .any, .union: "{}"
        case .string, .optional: definition.constraintSchema["format"] == "uri" ? "https://example.com" : "example"
        }
    }

    private func remarks(_ definition: SettingDefinition) -> String {
        var text = definition.help
        if definition.isRequired { text += " Required." }
        if let allowed = definition.allowed { text += " Allowed: \(allowed)." }
        if case .choice(let values) = definition.shape.unwrapped { text += " One of \(values.joined(separator: ", "))." }
        if let since = definition.since { text += " Since \(since)." }
        return text
    }

    private func comment(_ text: String) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + word.count < 110 { lines[lines.count - 1] += " \(word)" } else { lines.append("# \(word)") }
        }
        return lines
    }
}
