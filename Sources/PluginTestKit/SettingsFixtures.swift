import PluginAPI

/// Settings that were not accepted, with every reason.
public struct SettingsRejected: Error, CustomStringConvertible {
    public let diagnostics: [Diagnostic]
    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

/// Reads settings strictly from what would stand in YAML. Every line of a diagnostic is 1: a value has no place in a file.
/// - Throws: ``SettingsRejected``.
public func decodeSettings<S: PluginSettings>(_ type: S.Type = S.self, _ values: JSONValue = [:]) throws -> S {
    var diagnostics = Diagnostics()
    guard let settings = S.decode(ConfigNode(values), &diagnostics), !diagnostics.hasErrors else {
        throw SettingsRejected(diagnostics: diagnostics.sorted)
    }
    return settings
}

/// Reads a plugin's settings and runs its own checks on them.
/// - Throws: ``SettingsRejected``, also for what ``Plugin/validate(_:_:)`` finds to be an error.
public func validatedSettings<P: Plugin>(for type: P.Type, _ values: JSONValue = [:]) throws -> P.Settings {
    let settings = try decodeSettings(P.Settings.self, values)
    var report = ValidationReport()
    P.validate(settings, &report)
    let errors = report.findings.filter { $0.severity == .error }
    guard errors.isEmpty else {
        throw SettingsRejected(
            diagnostics: errors.map { finding in
                Diagnostic(.error, .invalidValue, (finding.key.map { "\($0): " } ?? "") + finding.message, remedy: finding.remedy, at: nil)
            })
    }
    return settings
}

extension ConfigNode {
    /// A value as the node that YAML would have made of it; texts are quoted scalars, a mapping's keys stand in order.
    public init(_ value: JSONValue, file: String = "settings.yaml") {
        let mark = SourceMark(file: file, line: 1, column: 1)
        switch value {
        case .null: self.init(.scalar("", plain: true), mark: mark)
        case .bool(let value): self.init(.scalar("\(value)", plain: true), mark: mark)
        case .int(let value): self.init(.scalar("\(value)", plain: true), mark: mark)
        case .double(let value): self.init(.scalar("\(value)", plain: true), mark: mark)
        case .string(let value): self.init(.scalar(value, plain: false), mark: mark)
        case .array(let values): self.init(.sequence(values.map { ConfigNode($0, file: file) }), mark: mark)
        case .object(let members):
            let entries = members.sorted { $0.key < $1.key }.map { Entry(key: $0.key, keyMark: mark, value: ConfigNode($0.value, file: file)) }
            self.init(.mapping(entries), mark: mark)
        }
    }
}
