import PluginAPI

/// A configuration that was read without an error.
public struct LoadedConfiguration: Sendable {
    /// The file as the operator named it.
    public let file: String
    /// The folder of the file, from which the relative paths in it count; `.` for the working directory.
    public var directory: String {
        guard let slash = file.lastIndex(of: "/") else { return "." }
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }
    /// The kernel's own sections.
    public let settings: KernelSettings
    /// The instances that are switched on, in the order of the file.
    public private(set) var instances: [InstanceConfiguration]
    /// The instances that are switched off.
    public let disabled: [DisabledInstance]
    /// Warnings and notes.
    public let diagnostics: Diagnostics

    let root: ConfigNode
    let contributed: [(section: ConfigurationSection, value: any PluginSettings)]

    /// The same configuration, whose instances may send to these URLs too.
    /// - Parameter recipients: by the instance's name.
    public func reaching(_ recipients: [String: Set<String>]) -> LoadedConfiguration {
        var configuration = self
        for index in instances.indices {
            configuration.instances[index].spec = instances[index].spec.reaching(recipients[instances[index].name] ?? [])
        }
        return configuration
    }

    /// The hotel as plugins see it.
    public var property: PropertyInfo { settings.property.info }

    /// The settings of a contributed section. Asking for one that was not handed to the loader is a programmer's error and traps.
    public func section<Settings: PluginSettings>(_ type: Settings.Type) -> Settings {
        for (_, value) in contributed {
            if let value = value as? Settings { return value }
        }
        preconditionFailure("no section of the configuration has the type \(type)")
    }

    /// Where a path such as `server.port` is written; nil where it is not, and its default holds.
    public func mark(of path: String) -> SourceMark? { ConfigurationPath(text: path).flatMap { root[$0] }?.mark }

    /// Where in the file something is missing from a section: the section, or the document where the file has none.
    func place(ofMissing section: String) -> SourceMark {
        mark(of: section).flatMap { $0.file == file ? $0 : nil } ?? SourceMark(file: file, line: 1, column: 1)
    }

    /// Where to look for a path: where it is written, or else the nearest place above it.
    public func nearestMark(of path: String) -> SourceMark { root.nearestMark(ConfigurationPath(text: path) ?? ConfigurationPath([])) }
}
