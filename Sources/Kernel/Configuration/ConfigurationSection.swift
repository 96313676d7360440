import PluginAPI

/// A section of `jack.yaml` that a module contributes: the kernel reads it and knows nothing of what it means.
public struct ConfigurationSection: Sendable {
    public let key: String
    /// One sentence for the operator.
    public let help: String
    public let type: any PluginSettings.Type
    /// Variables of the environment that stand over settings of the section: the variable, and the setting's key.
    public let environment: [String: String]
    let check: @Sendable (any PluginSettings, ConfigurationOutline, inout ValidationReport) -> Void

    /// - Parameters:
    ///   - key: the key at the document's root.
    ///   - settings: what stands under it. A section that is left out is read as an empty one.
    ///   - help: one sentence for the operator.
    ///   - environment: variables of the environment, and the keys that they stand for.
    ///   - validate: checks what the declarations cannot say, such as the names of instances. Pure.
    public init<Settings: PluginSettings>(
        key: String, settings: Settings.Type, help: String = "", environment: [String: String] = [:],
        validate: @escaping @Sendable (Settings, ConfigurationOutline, inout ValidationReport) -> Void = { _, _, _ in }
    ) {
        self.key = key
        self.help = help
        self.environment = environment
        type = settings
        check = { value, outline, report in
            if let value = value as? Settings { validate(value, outline, &report) }
        }
    }
}

/// What there is in a configuration, for sections that name instances.
public struct ConfigurationOutline: Sendable {
    /// The kinds of the instances by name; those that are switched off included.
    public let instances: [String: PluginKind]
    /// The names of the instances that are switched off.
    public let disabled: Set<String>

    public init(instances: [String: PluginKind], disabled: Set<String> = []) {
        self.instances = instances
        self.disabled = disabled
    }

    /// Reports a name that no instance of `kind` has, or one that is switched off.
    /// - Parameter key: the setting that holds the name.
    public func check(_ name: String, _ kind: PluginKind, _ key: String, _ report: inout ValidationReport) {
        let names = instances.filter { $0.value == kind }.keys.sorted()
        if !names.contains(name) {
            report.error(
                key, "there is no instance “\(name)” under \(kind.section)", remedy: Suggestion.remedy(for: name, among: names),
                code: .unknownReference)
        } else if disabled.contains(name) {
            report.warning(
                key, "the instance “\(name)” is switched off", remedy: "set \(kind.section).\(name).enabled: true", code: .unknownReference)
        }
    }
}
