import PluginAPI

/// What a reload would change.
public struct ConfigurationDiff: Sendable {
    /// An instance that is in both configurations and not the same.
    public struct Change: Sendable {
        public let instance: InstanceConfiguration
        /// The keys that differ, such as `settings.endpoint` or `plugin`. No values.
        public let reasons: [String]
    }

    public let added: [InstanceConfiguration]
    /// Instances that are gone or switched off.
    public let removed: [InstanceConfiguration]
    public let changed: [Change]
    /// The settings outside the instances that differ, such as `server.port` or `butler.reply`.
    public let settings: [String]
    /// Those of ``settings`` that take hold only at the next start.
    public let needsRestart: [String]

    public var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty && settings.isEmpty }

    public init(from old: LoadedConfiguration, to new: LoadedConfiguration) {
        let before = Dictionary(old.instances.map { ($0.name, $0) }) { first, _ in first }
        let after = Set(new.instances.map(\.name))
        added = new.instances.filter { before[$0.name] == nil }
        removed = old.instances.filter { !after.contains($0.name) }
        changed = new.instances.compactMap { instance in
            guard let former = before[instance.name] else { return nil }
            if former.kind != instance.kind { return Change(instance: instance, reasons: ["kind"]) }
            if former.registration.manifest.id != instance.registration.manifest.id { return Change(instance: instance, reasons: ["plugin"]) }
            guard former.fingerprint != instance.fingerprint else { return nil }
            let reasons = Self.differences(former.node, instance.node, deep: ["settings", "limits", "inbound", "network"])
            return Change(instance: instance, reasons: reasons.isEmpty ? ["whom the on-call plan has it reach"] : reasons)
        }
        let names = ["environment", "property", "server", "storage", "log", "security"] + new.contributed.map(\.section.key)
        settings = Self.differences(old.root.keeping(names.contains), new.root.keeping(names.contains), deep: Set(names))
        needsRestart = settings.filter { path in Self.fixed.contains { path == $0 || path.hasPrefix($0 + ".") || $0.hasPrefix(path + ".") } }
    }

    /// What is bound or opened once: the socket, the file, and the hotel that every plugin's context carries.
    private static let fixed = [
        "environment", "property", "server", "storage", "log.format", "security",
    ]

    /// The keys whose values differ, those in `deep` by the keys under them.
    private static func differences(_ old: ConfigNode, _ new: ConfigNode, deep: Set<String>) -> [String] {
        var keys = (old.entries ?? []).map(\.key)
        keys += (new.entries ?? []).map(\.key).filter { !keys.contains($0) }
        return keys.flatMap { key -> [String] in
            let before = old[key]
            let after = new[key]
            if before.map(Fingerprint.of) == after.map(Fingerprint.of) { return [] }
            let null = ConfigNode(.scalar("", plain: true), mark: new.mark)
            guard deep.contains(key), before?.entries ?? after?.entries != nil else { return [key] }
            return differences(before ?? null, after ?? null, deep: []).map { "\(key).\($0)" }
        }
    }

    /// One line for each difference, as `jack reload --dry-run` prints them.
    public var lines: [String] {
        added.map { "add \($0.kind) \($0.name) (\($0.registration.manifest.id))" } + removed.map { "remove \($0.kind) \($0.name)" }
            + changed.map { "restart \($0.instance.kind) \($0.instance.name): \($0.reasons.joined(separator: ", "))" }
            + settings.map { needsRestart.contains($0) ? "\($0): takes hold at the next start" : "change \($0)" }
    }
}
