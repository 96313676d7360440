import PluginAPI

/// Makes the JSON Schema (draft-07, which editors know best) of a whole `jack.yaml` from the declarations.
public struct JSONSchemaGenerator: Sendable {
    public var registrations: [PluginRegistration]
    public var sections: [ConfigurationSection]

    public init(registrations: [PluginRegistration], sections: [ConfigurationSection] = []) {
        self.registrations = registrations
        self.sections = sections
    }

    public func schema() -> JSONValue {
        var root = object(KernelSettings.schema)
        var properties = root["properties"]?.objectValue ?? [:]
        var required = root["required"]?.arrayValue ?? []
        for section in sections {
            properties[section.key] = described(object(section.type.schema), section.help)
            if section.type.schema.definitions.contains(where: \.isRequired) { required.append(.string(section.key)) }
        }
        var definitions: [String: JSONValue] = [:]
        for kind in InstanceReader(registrations: registrations).kinds {
            properties[kind.section] = kindSection(kind)
            definitions["\(kind)"] = instance(kind)
        }
        for plugin in registrations { definitions[key(plugin)] = described(object(plugin.schema), plugin.manifest.summary) }
        root["$schema"] = "http://json-schema.org/draft-07/schema#"
        root["title"] = "jack.yaml"
        root["properties"] = .object(properties)
        root["required"] = .array(required)
        root["definitions"] = .object(definitions)
        return .object(root)
    }

    // MARK: Instances

    private func key(_ plugin: PluginRegistration) -> String { "\(plugin.kind)-\(plugin.manifest.id)" }

    /// The instances of one kind: one that bears a plugin's name needs no `plugin`.
    private func kindSection(_ kind: PluginKind) -> JSONValue {
        let plugins = registrations.filter { $0.kind == kind }
        let reference = self.reference("\(kind)")
        let named = plugins.map { plugin -> (String, JSONValue) in
            let byName: JSONValue = ["if": ["not": ["type": "object", "required": ["plugin"]]], "then": settings(of: plugin)]
            return (plugin.manifest.id, ["allOf": [reference, byName], "description": .string(plugin.manifest.summary)])
        }
        let others = plugins.isEmpty ? "" : "(?!(?:" + plugins.map(\.manifest.id).joined(separator: "|") + ")$)"
        return [
            "type": ["object", "null"], "additionalProperties": false, "properties": .object(Dictionary(named) { first, _ in first }),
            "description": .string("Instances of plugins of the kind \(kind), each under a name of its own."),
            "patternProperties": [.init("^\(others)[a-z][a-z0-9-]*$"): ["allOf": [reference, ["type": "object", "required": ["plugin"]]]]],
        ]
    }

    private func instance(_ kind: PluginKind) -> JSONValue {
        let plugins = registrations.filter { $0.kind == kind }
        var schema = object(InstanceSettings.schema)
        var properties = schema["properties"]?.objectValue ?? [:]
        properties["plugin"] = described(["enum": .array(plugins.map { .string($0.manifest.id) })], InstanceSettings.schema["plugin"]?.help ?? "")
        // What they are is said by the plugin's name, below.
        properties["settings"] = described(["type": ["object", "null"]], InstanceSettings.schema["settings"]?.help ?? "")
        schema["properties"] = .object(properties)
        schema["type"] = ["object", "null"]
        schema["allOf"] = .array(
            plugins.map { plugin in
                let condition: JSONValue = [
                    "type": "object", "required": ["plugin"], "properties": ["plugin": ["const": .string(plugin.manifest.id)]],
                ]
                return ["if": condition, "then": settings(of: plugin)]
            })
        return .object(schema)
    }

    private func settings(of plugin: PluginRegistration) -> JSONValue {
        var schema: [String: JSONValue] = ["properties": ["settings": reference(key(plugin))]]
        if plugin.schema.definitions.contains(where: \.isRequired) {
            schema["type"] = "object"
            schema["required"] = ["settings"]
        }
        return .object(schema)
    }

    private func reference(_ name: String) -> JSONValue { ["$ref": .string("#/definitions/\(name)")] }

    // MARK: Settings

    private func object(_ schema: SettingsSchema) -> [String: JSONValue] {
        let required = schema.definitions.filter(\.isRequired)
        var object: [String: JSONValue] = [
            // A section with all its lines commented out is null.
            "type": required.isEmpty ? ["object", "null"] : "object", "additionalProperties": false,
            "properties": .object(Dictionary(schema.definitions.map { ($0.name, property($0)) }) { first, _ in first }),
        ]
        if !required.isEmpty { object["required"] = .array(required.map { .string($0.name) }) }
        return object
    }

    private func property(_ definition: SettingDefinition) -> JSONValue {
        var schema = self.schema(definition.shape, definition.constraintSchema)
        // A setting that has a default may be left empty.
        if !definition.isRequired { schema = orNull(schema) }
        var members = schema.objectValue ?? [:]
        var description = definition.help
        if let allowed = definition.allowed { description += " Allowed: \(allowed)." }
        if let since = definition.since { description += " Since \(since)." }
        if let deprecated = definition.deprecated {
            members["deprecated"] = true
            members["deprecationMessage"] = .string(deprecated)
            description += " Deprecated: \(deprecated)"
        }
        members["description"] = .string(description)
        if let initial = definition.initial, initial != .null, !definition.shape.isSecret { members["default"] = initial }
        return .object(members)
    }

    private func schema(_ shape: SettingShape, _ constraint: [String: JSONValue] = [:]) -> JSONValue {
        func with(_ base: [String: JSONValue]) -> JSONValue { .object(base.merging(constraint) { _, own in own }) }
        switch shape {
        // Any scalar is a text, also one that YAML takes for a number.
        case .string, .secret:
            let plain: JSONValue = ["type": ["string", "number", "boolean"]]
            return constraint.isEmpty ? plain : orVariable(with(["type": ["string", "number", "boolean"]]))
        case .boolean: return orVariable(["enum": [true, false, "true", "false", "yes", "no", "on", "off"]])
        case .integer: return orVariable(with(["type": "integer"]))
        case .number: return orVariable(with(["type": "number"]))
        case .duration: return orVariable(["anyOf": [["type": "string", "pattern": "^([0-9.]+ *(ms|s|m|min|h|d|w) *)+$|^0$"], ["const": 0]]])
        case .byteCount:
            return orVariable(["anyOf": [["type": "string", "pattern": "^[0-9]+ *([kKmMgG]?[bB]|[kKmMgG])?$"], ["type": "integer", "minimum": 0]]])
        case .choice(let values): return orVariable(["enum": .array(values.map { .string($0) })])
        case .optional(let inner): return orNull(schema(inner, constraint))
        case .list(let inner):
            let items = constraint["items"]?.objectValue ?? [:]
            return ["type": "array", "items": schema(inner, items)]
        case .oneOrMore(let inner): return ["anyOf": [schema(inner, constraint), schema(.list(inner), constraint)]]
        case .map(let inner): return ["type": "object", "additionalProperties": schema(inner)]
        case .object(let schema): return .object(object(schema))
        case .any: return .object([:])
        case .union(let key, let cases):
            return [
                "anyOf": .array(
                    cases.map { tag, schema in
                        var object = self.object(schema)
                        var properties = object["properties"]?.objectValue ?? [:]
                        properties[key] = ["const": .string(tag)]
                        object["properties"] = .object(properties)
                        object["required"] = .array((object["required"]?.arrayValue ?? []).filter { $0 != .string(key) } + [.string(key)])
                        object["type"] = "object"
                        return .object(object)
                    })
            ]
        }
    }

    /// The schema, or a text that holds `${…}`, which no pattern can judge.
    private func orVariable(_ schema: JSONValue) -> JSONValue { ["anyOf": [schema, ["type": "string", "pattern": "\\$\\{"]]] }

    private func orNull(_ schema: JSONValue) -> JSONValue {
        if let type = schema["type"] {
            let types = type.arrayValue ?? [type]
            guard !types.contains("null"), var members = schema.objectValue else { return schema }
            members["type"] = .array(types + ["null"])
            return .object(members)
        }
        guard var members = schema.objectValue, let options = members["anyOf"]?.arrayValue else { return ["anyOf": [schema, ["type": "null"]]] }
        let null: JSONValue = ["type": "null"]
        if !options.contains(null) { members["anyOf"] = .array(options + [null]) }
        return .object(members)
    }

    private func described(_ schema: [String: JSONValue], _ text: String) -> JSONValue {
        .object(text.isEmpty ? schema : schema.merging(["description": .string(text)]) { _, new in new })
    }

    /// The schema of a document that one type declares, as text.
    public func text(of declarations: SettingsSchema, title: String) -> String {
        var root = object(declarations)
        root["$schema"] = "http://json-schema.org/draft-07/schema#"
        root["title"] = .string(title)
        return JSONText.pretty(.object(root)) + "\n"
    }

    /// The schema as text, keys sorted, so that a generated file changes only where the declarations do.
    public func text() -> String { JSONText.pretty(schema()) + "\n" }
}
