import PluginAPI

/// Reads the sections that hold instances, one for each kind of plugin.
struct InstanceReader {
    let registrations: [PluginRegistration]
    /// All kinds: the four, and those that registered plugins bring.
    let kinds: [PluginKind]
    private(set) var instances: [InstanceConfiguration] = []
    private(set) var disabled: [DisabledInstance] = []
    /// Where each name was first met; names are unique over all kinds, as webhooks are mounted under them.
    private var places: [String: (mark: SourceMark, kind: PluginKind)] = [:]
    /// Instances that are switched off and whose variables are not all set: what they say cannot be read.
    private var unresolved: Set<SourceMark> = []

    init(registrations: [PluginRegistration]) {
        self.registrations = registrations
        kinds = registrations.reduce(into: [.channel, .ai, .pms, .alert]) { kinds, registration in
            if !kinds.contains(registration.kind) { kinds.append(registration.kind) }
        }
    }

    var outline: ConfigurationOutline {
        ConfigurationOutline(instances: places.mapValues(\.kind), disabled: Set(disabled.map(\.name)))
    }

    /// Expands a section. A variable that is missing from an instance which is switched off is no error.
    mutating func expand(_ section: ConfigNode, _ interpolation: Interpolation, _ diagnostics: inout Diagnostics) -> ConfigNode {
        guard let entries = section.entries else { return interpolation.expand(section, &diagnostics) }
        var expanded: [ConfigNode.Entry] = []
        for var entry in entries {
            var found = Diagnostics()
            var ignored = Diagnostics()
            let isOff = entry.value["enabled"].map { Bool.decode(interpolation.expand($0, &ignored), &ignored) == false } ?? false
            entry.value = interpolation.expand(entry.value, &found)
            for diagnostic in found.all {
                if isOff, diagnostic.code == .missingVariable || diagnostic.code == .unreadable {
                    unresolved.insert(entry.keyMark)
                } else {
                    diagnostics.add(diagnostic)
                }
            }
            expanded.append(entry)
        }
        return ConfigNode(.mapping(expanded), mark: section.mark)
    }

    /// Reads every section of instances in the order of the file.
    mutating func read(_ root: ConfigNode, _ diagnostics: inout Diagnostics) {
        for entry in root.entries ?? [] {
            guard let kind = kinds.first(where: { $0.section == entry.key }), !entry.value.isNull else { continue }
            guard let names = entry.value.entries else {
                diagnostics.error(
                    .wrongType, "expected a mapping of instance names, found \(entry.value.kindDescription)",
                    remedy: "write the instance's name, and under it its settings", at: entry.value.mark)
                continue
            }
            for instance in names { read(instance, kind, &diagnostics) }
        }
    }

    /// Looks up the instances that others name. After ``read(_:_:)``.
    func checkReferences(_ diagnostics: inout Diagnostics) {
        let outline = outline
        for instance in instances {
            var report = ValidationReport()
            for reference in instance.spec.references { outline.check(reference.name, reference.kind, reference.key, &report) }
            report.place(in: instance.node["settings"], or: instance.mark, &diagnostics)
        }
    }

    private mutating func read(_ entry: ConfigNode.Entry, _ kind: PluginKind, _ diagnostics: inout Diagnostics) {
        let isNamed = takeName(entry, kind, &diagnostics)
        guard entry.value.entries != nil || entry.value.isNull else {
            diagnostics.error(.wrongType, "expected a mapping, found \(entry.value.kindDescription)", at: entry.value.mark)
            return
        }
        let registration = registration(entry, kind, &diagnostics)
        guard !unresolved.contains(entry.keyMark) else {
            if let registration, isNamed { disabled.append(DisabledInstance(name: entry.key, registration: registration, mark: entry.keyMark)) }
            return
        }
        let node = misplaced(entry, registration, &diagnostics)
        let common = InstanceSettings.decode(node, &diagnostics)
        // The settings are read although something about them may be wrong: so that one run tells all.
        guard let registration else { return }
        let settings = Self.read(registration.type, node["settings"], or: entry.keyMark, &diagnostics)
        guard let common, let settings, isNamed else { return }
        guard common.enabled else {
            disabled.append(DisabledInstance(name: entry.key, registration: registration, mark: entry.keyMark))
            return
        }
        // Whether the plugin's id is written or left to the instance's name changes nothing.
        let substance = entry.value.keeping { $0 != "plugin" && $0 != "enabled" }
        let spec = InstanceSpec(
            name: entry.key, registration: registration, settings: settings, onStartFailure: common.onStartFailure, startTimeout: common.startTimeout,
            limits: Self.limits(common.limits, node["limits"], registration.manifest.limits), inbound: common.inbound, network: common.network,
            fingerprint: "\(kind)/\(registration.manifest.id)/\(Fingerprint.of(substance))")
        instances.append(InstanceConfiguration(spec: spec, mark: entry.keyMark, node: substance))
    }

    /// What the file says of limits, and where it says nothing, what the plugin's vendor takes. The vendor's burst belongs to its rate.
    private static func limits(_ given: CallLimits, _ node: ConfigNode?, _ vendor: VendorLimits?) -> CallLimits {
        guard let vendor else { return given }
        func isSaid(_ key: String) -> Bool { node?[key].map { !$0.isNull } ?? false }
        var limits = given
        if !isSaid("rate") {
            limits.rate = vendor.rate
            if !isSaid("burst") { limits.burst = vendor.burst }
        }
        return limits
    }

    private mutating func takeName(_ entry: ConfigNode.Entry, _ kind: PluginKind, _ diagnostics: inout Diagnostics) -> Bool {
        guard InstanceName.isValid(entry.key) else {
            diagnostics.error(
                .invalidValue, "“\(entry.key)” is not a name for an instance", remedy: "use lower-case letters, digits and hyphens, a letter first",
                at: entry.keyMark)
            return false
        }
        if let first = places[entry.key] {
            diagnostics.error(
                .duplicateInstance, "there is another instance “\(entry.key)” under \(first.kind.section), at \(first.mark)",
                remedy: "give one of them another name, and say its plugin with plugin:", at: entry.keyMark)
            return false
        }
        places[entry.key] = (entry.keyMark, kind)
        return true
    }

    /// The plugin that an instance names, or whose name it has.
    private func registration(_ entry: ConfigNode.Entry, _ kind: PluginKind, _ diagnostics: inout Diagnostics) -> PluginRegistration? {
        let named = entry.value["plugin"].flatMap { $0.isNull ? nil : $0 }
        // A list or a mapping here is told by the settings' own decoding.
        if let named, named.text == nil { return nil }
        let id = named?.text ?? entry.key
        let mark = named?.mark ?? entry.keyMark
        if let found = registrations.first(where: { $0.kind == kind && $0.manifest.id == id }) { return found }
        if let other = registrations.first(where: { $0.manifest.id == id }) {
            diagnostics.error(
                .unknownPlugin, "“\(id)” is a plugin of the kind \(other.kind), not \(kind)", remedy: "write it under \(other.kind.section):",
                at: mark)
            return nil
        }
        let ids = registrations.filter { $0.kind == kind }.map(\.manifest.id)
        let near = Suggestion.remedy(for: id, among: ids)
        let remedy =
            named == nil && Suggestion.nearest(to: id, among: ids) == nil ? "say which one it is with plugin:" + (near.map { "; \($0)" } ?? "") : near
        diagnostics.error(.unknownPlugin, "there is no \(kind) plugin “\(id)”", remedy: remedy, at: mark)
        return nil
    }

    /// Tells of a plugin's setting that stands one level too high, and hands on the rest.
    private func misplaced(_ entry: ConfigNode.Entry, _ registration: PluginRegistration?, _ diagnostics: inout Diagnostics) -> ConfigNode {
        guard let entries = entry.value.entries else { return ConfigNode(.mapping([]), mark: entry.keyMark) }
        let common = InstanceSettings.schema
        let wrong = entries.filter { common[$0.key] == nil && registration?.schema[$0.key] != nil }
        for entry in wrong {
            diagnostics.error(
                .unknownKey, "“\(entry.key)” is a setting of the plugin, and stands too high", remedy: "put it under settings:", at: entry.keyMark)
        }
        return ConfigNode(.mapping(entries.filter { entry in !wrong.contains { $0.key == entry.key } }), mark: entry.value.mark)
    }

    private static func read<P: Plugin>(
        _ type: P.Type, _ node: ConfigNode?, or mark: SourceMark, _ diagnostics: inout Diagnostics
    ) -> (any PluginSettings)? {
        // What is no mapping is told when the instance's common part is read.
        guard node == nil || node?.isNull == true || node?.entries != nil else { return nil }
        guard let settings = P.Settings.decode(node ?? ConfigNode(.mapping([]), mark: mark), &diagnostics) else { return nil }
        var report = ValidationReport()
        P.validate(settings, &report)
        report.place(in: node, or: mark, &diagnostics)
        return settings
    }
}
