import PluginAPI

/// Reads a configuration: the file, over it the environment, over that `--set`; then `${…}`; then each section by its declarations.
///
/// Pure but for reading the file and the files that `${file:…}` names. Every mistake of every section is found in one run.
public struct ConfigurationLoader: Sendable {
    /// The path of the YAML file, as the operator named it.
    public var file: String
    public var environment: [String: String]
    /// `--set path=value`, in the order given.
    public var assignments: [String]
    public var registrations: [PluginRegistration]
    public var sections: [ConfigurationSection]
    public var limits: YAMLLimits
    public var files: ConfigurationFiles

    public init(
        file: String, environment: [String: String] = [:], assignments: [String] = [], registrations: [PluginRegistration],
        sections: [ConfigurationSection] = [], limits: YAMLLimits = YAMLLimits(), files: ConfigurationFiles = .system
    ) {
        self.file = file
        self.environment = environment
        self.assignments = assignments
        self.registrations = registrations
        self.sections = sections
        self.limits = limits
        self.files = files
    }

    /// Reads it all.
    /// - Returns: the configuration, nil if there is an error; and every diagnostic, sorted by ``Diagnostics/sorted`` when printed.
    public func load() -> (configuration: LoadedConfiguration?, diagnostics: Diagnostics) {
        var diagnostics = Diagnostics()
        guard let tree = tree(&diagnostics) else { return (nil, diagnostics) }
        var instances = InstanceReader(registrations: registrations)
        let root = expand(tree, &instances, &diagnostics)
        let known = KernelSettings.schema.definitions.map(\.name)
        let kernel = KernelSettings.decode(root.keeping { known.contains($0) }, &diagnostics)
        instances.read(root, &diagnostics)
        instances.checkReferences(&diagnostics)
        let contributed = contributed(root, instances.outline, &diagnostics)
        unknownKeys(root, known + instances.kinds.map(\.section) + sections.map(\.key), &diagnostics)
        guard !diagnostics.hasErrors, let kernel else { return (nil, diagnostics) }
        let configuration = LoadedConfiguration(
            file: file, settings: kernel, instances: instances.instances, disabled: instances.disabled, diagnostics: diagnostics, root: root,
            contributed: contributed)
        return (configuration, diagnostics)
    }

    /// The kernel's own settings, whatever is wrong in other sections: enough to reach a Jack that already runs. Nil where they cannot be read.
    public func kernelSettings() -> KernelSettings? {
        var ignored = Diagnostics(), diagnostics = Diagnostics()
        var instances = InstanceReader(registrations: registrations)
        guard let tree = tree(&ignored) else { return nil }
        let known = KernelSettings.schema.definitions.map(\.name)
        let settings = KernelSettings.decode(expand(tree.keeping { known.contains($0) }, &instances, &diagnostics), &diagnostics)
        return diagnostics.hasErrors ? nil : settings
    }

    /// The file's tree with the environment and `--set` laid over it, not yet expanded.
    private func tree(_ diagnostics: inout Diagnostics) -> ConfigNode? {
        let start = SourceMark(file: file, line: 1, column: 1)
        let reader = YAMLReader(limits: limits)
        var root: ConfigNode
        do {
            let bytes = try files.read(file, limits.bytes)
            guard let node = reader.read(bytes, file: file, &diagnostics) else { return nil }
            root = node
        } catch {
            let remedy = error == .missing ? "make one with: jack config sample > \(file)" : error.remedy
            let code: Diagnostic.Code = if case .tooLarge = error { .limit } else { .unreadable }
            diagnostics.error(code, error.message("the file", limit: limits.bytes), remedy: remedy, at: start)
            return nil
        }
        guard root.entries != nil || root.isNull else {
            diagnostics.error(
                .wrongType, "expected a mapping of sections, found \(root.kindDescription)", remedy: "begin with property:", at: root.mark)
            return nil
        }
        if root.isNull { root = ConfigNode(.mapping([]), mark: start) }
        for variable in EnvironmentVariable.all + sections.flatMap(EnvironmentVariable.of) + registrations.flatMap(EnvironmentVariable.of) {
            guard let value = environment[variable.name], !value.isEmpty else { continue }
            overlay(variable.node(value), at: variable.path, &root, &diagnostics)
        }
        for assignment in assignments { assign(assignment, reader, &root, &diagnostics) }
        return root
    }

    private func assign(_ assignment: String, _ reader: YAMLReader, _ root: inout ConfigNode, _ diagnostics: inout Diagnostics) {
        let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let path = ConfigurationPath(text: String(parts[0])) else {
            diagnostics.error(
                .syntax, "“\(parts[0])” is not path=value", remedy: "write for example --set server.port=8080",
                at: SourceMark(file: "--set", line: 1, column: 1))
            return
        }
        guard let value = reader.read(Array(parts[1].utf8), file: "--set \(path)", &diagnostics) else { return }
        overlay(value, at: path, &root, &diagnostics)
    }

    private func overlay(_ value: ConfigNode, at path: ConfigurationPath, _ root: inout ConfigNode, _ diagnostics: inout Diagnostics) {
        do {
            root = try root.setting(path.parts[...], to: value)
        } catch {
            diagnostics.error(.wrongType, error.message, remedy: error.remedy, at: value.mark)
        }
    }

    /// Expands `${…}` everywhere, save that an instance which is switched off may lack its variables.
    private func expand(_ root: ConfigNode, _ instances: inout InstanceReader, _ diagnostics: inout Diagnostics) -> ConfigNode {
        let interpolation = Interpolation(environment: environment, files: files)
        var result = root
        result.content = .mapping(
            (root.entries ?? []).map { entry in
                var entry = entry
                let isKind = instances.kinds.contains { $0.section == entry.key }
                entry.value = isKind ? instances.expand(entry.value, interpolation, &diagnostics) : interpolation.expand(entry.value, &diagnostics)
                return entry
            })
        return result
    }

    private func contributed(
        _ root: ConfigNode, _ outline: ConfigurationOutline, _ diagnostics: inout Diagnostics
    ) -> [(section: ConfigurationSection, value: any PluginSettings)] {
        sections.compactMap { section in
            let node = root[section.key]
            guard let value = section.type.decode(node ?? ConfigNode(.mapping([]), mark: root.mark), &diagnostics) else { return nil }
            var report = ValidationReport()
            section.check(value, outline, &report)
            report.place(in: node, or: root.mark, &diagnostics)
            return (section, value)
        }
    }

    private func unknownKeys(_ root: ConfigNode, _ known: [String], _ diagnostics: inout Diagnostics) {
        for entry in root.entries ?? [] where !known.contains(entry.key) {
            diagnostics.error(.unknownKey, "unknown key “\(entry.key)”", remedy: Suggestion.remedy(for: entry.key, among: known), at: entry.keyMark)
        }
    }
}

extension ConfigNode {
    /// A mapping with only some of its keys.
    func keeping(_ isKept: (String) -> Bool) -> ConfigNode {
        ConfigNode(.mapping((entries ?? []).filter { isKept($0.key) }), mark: mark)
    }
}
