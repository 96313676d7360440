import PluginAPI

/// A variable of the environment that stands for a setting, over the file and under `--set`. One that is empty counts as not set.
public struct EnvironmentVariable: Sendable {
    public let name: String
    public let path: ConfigurationPath
    /// True where commas separate the items of a list.
    public let isList: Bool

    private init(_ name: String, _ parts: String..., isList: Bool = false) {
        self.name = name
        path = ConfigurationPath(parts)
        self.isList = isList
    }

    /// All variables that are read.
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
        // The channel instance of this name, which comes about by them where the file has none.
        EnvironmentVariable("SMTP_HOST", "channels", "email", "settings", "smtp", "host"),
        EnvironmentVariable("SMTP_PORT", "channels", "email", "settings", "smtp", "port"),
        EnvironmentVariable("SMTP_USER", "channels", "email", "settings", "smtp", "user"),
        EnvironmentVariable("SMTP_PASSWORD", "channels", "email", "settings", "smtp", "password"),
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
