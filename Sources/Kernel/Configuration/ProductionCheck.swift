import PluginAPI

/// Refuses in production what is harmless on a developer's machine: secrets that are missing, short, well known, or used twice.
///
/// Run by `jack check`, `jack serve` and a reload after loading. In development it finds nothing.
public enum ProductionCheck {
    /// The least number of characters of a secret.
    public static let minimumLength = 32

    public static func findings(_ configuration: LoadedConfiguration) -> Diagnostics {
        var diagnostics = Diagnostics()
        guard configuration.settings.environment == .production else { return diagnostics }
        let security = configuration.settings.security
        var seen: [String: String] = [:]
        for (key, variable, secret) in [
            ("local_token", "LOCAL_TOKEN", security.localToken), ("jwt_secret", "JWT_SECRET", security.jwtSecret),
            ("encryption_key", "ENCRYPTION_KEY", security.encryptionKey),
        ] {
            let path = "security.\(key)"
            let remedy = "make one with: openssl rand -hex 32"
            guard let secret else {
                diagnostics.error(
                    .insecure, "\(path) must be set in production", remedy: "set \(variable) in the environment; \(remedy)",
                    at: configuration.place(ofMissing: "security"))
                continue
            }
            let mark = configuration.nearestMark(of: path)
            if let problem = weakness(of: secret) { diagnostics.error(.insecure, "\(path) \(problem)", remedy: remedy, at: mark) }
            if let other = seen.updateValue(path, forKey: secret.reveal()) {
                diagnostics.error(.insecure, "\(path) is the same as \(other)", remedy: "each needs a value of its own; \(remedy)", at: mark)
            }
        }
        return diagnostics
    }

    /// Why a secret must not be used in production, or nil. Says nothing of the secret's text.
    public static func weakness(of secret: Secret) -> String? {
        let text = secret.reveal()
        guard text.count >= minimumLength else { return "has \(text.count) characters, and needs at least \(minimumLength)" }
        let folded = text.lowercased().filter { $0.isLetter || $0.isNumber }
        if placeholders.contains(where: folded.contains) { return "is a well-known example, not a secret" }
        let bytes = Array(text.utf8)
        if Set(bytes).count < 8 { return "has hardly any different characters" }
        if (1...bytes.count / 2).contains(where: { period in bytes.indices.dropFirst(period).allSatisfy { bytes[$0] == bytes[$0 - period] } }) {
            return "repeats itself"
        }
        let steps = zip(bytes.dropFirst(), bytes).filter { $0 == $1 || Int($0) == Int($1) + 1 }.count
        return steps * 2 > bytes.count ? "counts upwards, and can be guessed" : nil
    }

    /// Words of the examples that handbooks and forums print; no random secret holds one.
    private static let placeholders = [
        "changeme", "changethis", "changeit", "replaceme", "replacethis", "yoursecret", "yoursecure", "yourkey", "yourtoken", "securesecret",
        "securerandomstring", "randomstring", "randomtoken", "supersecret", "secretkey", "placeholder", "insecure", "default", "password", "example",
        "32chars", "32characters",
    ]
}
