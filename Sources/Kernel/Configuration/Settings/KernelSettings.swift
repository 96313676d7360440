import Logging
import PluginAPI

/// The sections of `jack.yaml` that the kernel itself reads.
public struct KernelSettings: PluginSettings {
    @Setting(help: "Development, or production where weak secrets refuse to start.") public var environment: DeploymentEnvironment = .development
    @Setting(help: "The hotel.") public var property: PropertySettings
    @Setting(help: "The HTTP and WebSocket server.") public var server: ServerSettings = ServerSettings()
    @Setting(help: "Where data is kept.") public var storage: StorageSettings = StorageSettings()
    @Setting(help: "What is logged to standard output.") public var log: LogSettings = LogSettings()
    @Setting(help: "The secrets that Jack itself needs.") public var security: SecuritySettings = SecuritySettings()

    public init() {}
}

/// Where Jack runs; in production weak secrets refuse to start.
public enum DeploymentEnvironment: String, SettingChoice {
    case development, production
}

/// `storage:` in `jack.yaml`.
public struct StorageSettings: PluginSettings {
    @Setting(help: "The database file; a relative path counts from the working directory.", .notEmpty) public var path: String = "data/jack.db"
    @Setting(help: "False to keep everything in memory and lose it at the stop.") public var persist: Bool = true
    @Setting(
        help: "How long an event that was dealt with is remembered; a vendor that repeats it later is not recognised.",
        .range(BoxRetention.least...(.seconds(3650 * 86_400))), advanced: true)
    public var keepInbox: Duration = .seconds(30 * 86_400)
    @Setting(
        help: "How long a delivery that came to its end is remembered; what the vendor says of it later is nobody's.",
        .range(BoxRetention.least...(.seconds(3650 * 86_400))), advanced: true)
    public var keepOutbox: Duration = .seconds(90 * 86_400)

    public init() {}
}

/// `log:` in `jack.yaml`.
public struct LogSettings: PluginSettings {
    @Setting(help: "The least severe level that is logged.") public var level: LogLevel = .info
    @Setting(help: "JSON, one object a line, or text for people.") public var format: LogFormat = .json

    public init() {}
}

public enum LogFormat: String, SettingChoice {
    case json, text
}

/// The levels of swift-log. Any case is read, and the usual other names `warn` and `fatal`.
public enum LogLevel: String, SettingChoice {
    case trace, debug, info, notice, warning, error, critical

    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> LogLevel? {
        guard let text = node.text?.lowercased(), !node.isNull else { return mismatch(node, &diagnostics) }
        if let level = LogLevel(rawValue: ["warn": "warning", "fatal": "critical"][text] ?? text) { return level }
        let names = allCases.map(\.rawValue)
        diagnostics.error(
            .invalidValue, "“\(text)” is not one of \(names.joined(separator: ", "))",
            remedy: Suggestion.nearest(to: text, among: names).map { "did you mean “\($0)”?" }, at: node.mark)
        return nil
    }

    /// The same for swift-log.
    public var loggerLevel: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}

/// `security:` in `jack.yaml`. In production each must be set, long and of its own; see ``ProductionCheck``.
public struct SecuritySettings: PluginSettings {
    @Setting(help: "The bearer token of the API.", example: "${LOCAL_TOKEN:-}") public var localToken: Secret?
    @Setting(help: "Signs session tokens.", example: "${JWT_SECRET:-}") public var jwtSecret: Secret?
    @Setting(help: "Encrypts stored credentials.", example: "${ENCRYPTION_KEY:-}") public var encryptionKey: Secret?
    @Setting(help: "Earlier encryption keys, to read what was encrypted before a rotation.", advanced: true) public var previousEncryptionKeys:
        [Secret] = []

    public init() {}
}
