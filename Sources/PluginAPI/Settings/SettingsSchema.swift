/// All that was declared of one setting, without its Swift type.
public struct SettingDefinition: Sendable {
    /// The key in YAML.
    public let name: String
    /// The Swift property that holds it.
    public let property: String
    public let help: String
    public let shape: SettingShape
    /// The default as it prints; nil where the operator must set it.
    public let initial: JSONValue?
    public let isRequired: Bool
    /// What values are allowed, in words.
    public let allowed: String?
    /// JSON Schema keywords of the constraint.
    public let constraintSchema: [String: JSONValue]
    public let example: String?
    public let since: String?
    public let deprecated: String?
    public let isAdvanced: Bool

    let parse: @Sendable (ConfigNode, inout Diagnostics) -> (any Sendable)?
    let defaultValue: (any Sendable)?
    /// Why the default would be refused if the operator wrote it.
    let defaultProblem: String?

    /// A mapping's key written with nothing after it leaves a setting at its default, so that `allowlist:` with every line below it commented out
    /// says what it seems to say. An optional setting takes it as "none".
    func isLeftOut(_ node: ConfigNode) -> Bool {
        if case .optional = shape { false } else { node.isNull && defaultValue != nil }
    }
}

/// The settings of one type, in the order of their declaration. Read from the type alone: nothing is constructed but an empty value of it.
public struct SettingsSchema: Sendable {
    public let definitions: [SettingDefinition]

    /// The schema of a settings type.
    public init(_ type: any PluginSettings.Type) {
        definitions = Mirror(reflecting: type.init()).children.compactMap { child in
            guard let label = child.label, let setting = child.value as? any AnySetting else { return nil }
            return setting.definition(property: label.hasPrefix("_") ? String(label.dropFirst()) : label)
        }
    }

    /// The settings of two documents in one.
    public init(_ first: SettingsSchema, and second: SettingsSchema) { definitions = first.definitions + second.definitions }

    public subscript(name: String) -> SettingDefinition? { definitions.first { $0.name == name } }

    /// Reads a mapping strictly: an unknown key, a missing one, a wrong type and a value out of bounds are each a diagnostic at their place.
    func values(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> [String: any Sendable]? {
        guard let entries = node.isNull ? [] : node.entries else {
            diagnostics.error(.wrongType, "expected a mapping, found \(node.kindDescription)", at: node.mark)
            return nil
        }
        // Whether all is sound is counted here and not read off the diagnostics: an alias brings one node in twice, and its mistake is told once.
        var values: [String: any Sendable] = [:], sound = true
        for entry in entries {
            guard let definition = self[entry.key] else {
                diagnostics.error(
                    .unknownKey, "unknown key “\(entry.key)”", remedy: Suggestion.remedy(for: entry.key, among: definitions.map(\.name)),
                    at: entry.keyMark)
                sound = false
                continue
            }
            if let notice = definition.deprecated {
                diagnostics.warning(.deprecated, "“\(entry.key)” is deprecated", remedy: notice, at: entry.keyMark)
            }
            if let value = definition.isLeftOut(entry.value) ? definition.defaultValue : definition.parse(entry.value, &diagnostics) {
                values[definition.property] = value
            } else {
                sound = false
            }
        }
        for definition in definitions where !entries.contains(where: { $0.key == definition.name }) {
            if let value = definition.defaultValue {
                values[definition.property] = value
            } else {
                diagnostics.error(
                    .missing, "“\(definition.name)” is missing", remedy: "add \(definition.name): \(definition.help.lowercasedFirst)", at: node.mark)
                sound = false
            }
        }
        return sound ? values : nil
    }

    /// What is wrong with the declaration itself; run by tests. Names must be unique, snake_case and explained, and each default must meet its own constraint.
    public var problems: [String] {
        var problems: [String] = [], seen: Set<String> = []
        for definition in definitions {
            if !seen.insert(definition.name).inserted { problems.append("“\(definition.name)” is declared twice") }
            if definition.name.contains(where: { !($0.isLowercase || $0.isNumber || $0 == "_") }) {
                problems.append("“\(definition.name)” is not snake_case")
            }
            if definition.help.isEmpty || !definition.help.hasSuffix(".") { problems.append("“\(definition.name)” has no help that is a sentence") }
            if let problem = definition.defaultProblem { problems.append("the default of “\(definition.name)” is not allowed: \(problem)") }
            problems += definition.shape.schemas.flatMap(\.problems).map { "\(definition.name): \($0)" }
        }
        return problems
    }
}

extension String {
    var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }

    /// `replyWindow` → `reply_window`, `publicURL` → `public_url`, `apiURLBase` → `api_url_base`.
    var snakeCased: String {
        let letters = Array(self)
        return letters.indices.reduce(into: "") { name, index in
            let letter = letters[index]
            let startsWord =
                index > 0 && letter.isUppercase
                && (!letters[index - 1].isUppercase || (index + 1 < letters.count && letters[index + 1].isLowercase))
            name += (startsWord ? "_" : "") + letter.lowercased()
        }
    }
}

/// What the schema needs of a ``Setting`` whatever its value's type.
protocol AnySetting {
    /// Nil where a value was decoded, and carries no declaration.
    func definition(property: String) -> SettingDefinition?
    var printedValue: JSONValue? { get }
}

extension Setting: AnySetting {
    func definition(property: String) -> SettingDefinition? {
        guard let declaration else { return nil }
        let constraint = declaration.constraint, initial = declaration.initial
        return SettingDefinition(
            name: declaration.name ?? property.snakeCased, property: property, help: declaration.help, shape: Value.shape,
            initial: initial?.printed, isRequired: initial == nil, allowed: constraint?.words, constraintSchema: constraint?.schema ?? [:],
            example: declaration.example, since: declaration.since, deprecated: declaration.deprecated, isAdvanced: declaration.advanced,
            parse: { node, diagnostics in
                guard let value = Value.decode(node, &diagnostics) else { return nil }
                if let problem = constraint?.problem(value) {
                    diagnostics.error(.invalidValue, problem, remedy: "allowed is \(constraint?.words ?? "another value")", at: node.mark)
                    return nil
                }
                return value
            },
            defaultValue: initial, defaultProblem: initial.flatMap { constraint?.problem($0) })
    }

    var printedValue: JSONValue? { value?.printed }
}
