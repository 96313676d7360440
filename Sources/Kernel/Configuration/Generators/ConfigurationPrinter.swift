import PluginAPI

/// Prints a configuration as it was understood: defaults filled in, variables expanded, secrets as `•••`.
public enum ConfigurationPrinter {
    /// The whole as YAML.
    public static func yaml(_ configuration: LoadedConfiguration) -> String {
        var lines = top(configuration.settings.printed, KernelSettings.schema)
        for (section, value) in configuration.contributed { lines += YAMLText.lines(section.key, value.printed, .object(section.type.schema)) }
        for kind in kinds(configuration) {
            lines.append("\(kind.section):")
            for instance in configuration.instances where instance.kind == kind {
                let values = json(instance)
                let inner = InstanceSettings.schema.definitions.flatMap { definition in
                    let shape = definition.name == "settings" ? .object(instance.registration.schema) : definition.shape
                    return YAMLText.lines(definition.name, values[definition.name] ?? .null, shape)
                }
                lines += YAMLText.indented(["\(instance.name):"] + YAMLText.indented(inner))
            }
            for instance in configuration.disabled where instance.kind == kind {
                lines += YAMLText.indented(["\(instance.name):", "  plugin: \(instance.registration.manifest.id)", "  enabled: false"])
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The whole as JSON.
    public static func json(_ configuration: LoadedConfiguration) -> JSONValue {
        var members = configuration.settings.printed.objectValue ?? [:]
        for (section, value) in configuration.contributed { members[section.key] = value.printed }
        for kind in kinds(configuration) {
            var instances: [String: JSONValue] = [:]
            for instance in configuration.instances where instance.kind == kind { instances[instance.name] = json(instance) }
            for instance in configuration.disabled where instance.kind == kind {
                instances[instance.name] = ["plugin": .string(instance.registration.manifest.id), "enabled": false]
            }
            members[kind.section] = .object(instances)
        }
        return .object(members)
    }

    private static func json(_ instance: InstanceConfiguration) -> JSONValue {
        [
            "plugin": .string(instance.registration.manifest.id), "enabled": true, "on_start_failure": instance.spec.onStartFailure.printed,
            "start_timeout": instance.spec.startTimeout.printed, "limits": instance.spec.limits.printed, "inbound": instance.spec.inbound.printed,
            "network": instance.spec.network.printed, "settings": instance.settings.printed,
        ]
    }

    private static func top(_ value: JSONValue, _ schema: SettingsSchema) -> [String] {
        schema.definitions.flatMap { YAMLText.lines($0.name, value[$0.name] ?? .null, $0.shape) }
    }

    private static func kinds(_ configuration: LoadedConfiguration) -> [PluginKind] {
        let met = configuration.instances.map(\.kind) + configuration.disabled.map(\.kind)
        return met.reduce(into: []) { kinds, kind in if !kinds.contains(kind) { kinds.append(kind) } }
    }
}
