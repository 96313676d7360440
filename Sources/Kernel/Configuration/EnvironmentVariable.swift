import PluginAPI

/// A variable of the environment that stands for a setting, over the file and under `--set`. One that is empty counts as not set.
public struct EnvironmentVariable: Sendable {
    public let name: String
    public let path: ConfigurationPath
    /// True where commas separate the items of a list.
    public let isList: Bool

    private init(_ name: String, _ parts: String..., isList: Bool = false) {
        self.init(name: name, path: ConfigurationPath(parts), isList: isList)
    }

    private init(name: String, path: ConfigurationPath, isList: Bool) {
        self.name = name
        self.path = path
        self.isList = isList
    }

    /// The variables that a plugin's manifest names, for the instance that is called like the plugin.
    static func of(_ registration: PluginRegistration) -> [EnvironmentVariable] {
        registration.manifest.environment.sorted { $0.key < $1.key }.map { name, path in
            let parts = [registration.kind.section, registration.manifest.id, "settings"] + path.split(separator: ".").map(String.init)
            return EnvironmentVariable(name: name, path: ConfigurationPath(parts), isList: false)
        }
    }

    /// The variables of a section that a module contributes.
    static func of(_ section: ConfigurationSection) -> [EnvironmentVariable] {
        section.environment.sorted { $0.key < $1.key }.map { EnvironmentVariable(name: $0, path: ConfigurationPath([section.key, $1]), isList: false) }
    }

    /// All variables that are read, beside those of plugins and of contributed sections.
    public static let all = [
        EnvironmentVariable("JACK_ENV", "environment"),
        EnvironmentVariable("PORT", "server", "port"),
        EnvironmentVariable("ALLOWLIST", "server", "allowlist", isList: true),
        EnvironmentVariable("CORS_ORIGIN", "server", "cors_origin"),
        EnvironmentVariable("DATABASE_PATH", "storage", "path"),
        EnvironmentVariable("PERSIST", "storage", "persist"),
        EnvironmentVariable("LOG_LEVEL", "log", "level"),
        EnvironmentVariable("LOCAL_TOKEN", "security", "local_token"),
        EnvironmentVariable("JWT_SECRET", "security", "jwt_secret"),
        EnvironmentVariable("ENCRYPTION_KEY", "security", "encryption_key"),
    ]

    /// Its value as a node, marked with the variable's name.
    func node(_ value: String) -> ConfigNode {
        let mark = SourceMark(file: "environment \(name)", line: 1, column: 1)
        // What stands in the environment is taken as it is: `${` in it means nothing.
        func scalar(_ text: String) -> ConfigNode { ConfigNode(.scalar(Interpolation.escape(text), plain: false), mark: mark) }
        guard isList else { return scalar(value) }
        let items = value.split(separator: ",").map { $0.trimmingPrefix { $0 == " " } }.map {
            String($0.reversed().trimmingPrefix { $0 == " " }.reversed())
        }
        return ConfigNode(.sequence(items.filter { !$0.isEmpty }.map(scalar)), mark: mark)
    }
}
