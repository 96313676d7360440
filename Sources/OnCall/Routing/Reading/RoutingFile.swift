import Foundation
import Kernel
import PluginAPI

/// Reads the routing of a plan from its file: an `alertmanager.yml` as it stands, or an `oncall.yaml`, which holds the same sections among others, or names
/// an `alertmanager.yml` under `alertmanager:`.
public struct RoutingFile: Sendable {
    /// The key under which a plan names a file in Alertmanager's format; a relative path counts from the plan's folder.
    public static let pointer = "alertmanager"

    private let files: ConfigurationFiles
    private let environment: [String: String]

    /// - Parameter environment: what `${NAME}` stands for in the sections that decide. Receivers are left as they are written.
    public init(files: ConfigurationFiles = .system, environment: [String: String] = [:]) {
        self.files = files
        self.environment = environment
    }

    /// The routing, nil if there is an error; and every diagnostic.
    public func read(_ path: String) -> (routing: Routing?, diagnostics: Diagnostics) {
        var diagnostics = Diagnostics()
        guard let root = document(path, at: SourceMark(file: path, line: 1, column: 1), &diagnostics) else { return (nil, diagnostics) }
        guard let entry = root.entries?.first(where: { $0.key == Self.pointer }), let name = entry.value.text, !entry.value.isNull else {
            return (routing(of: root, &diagnostics), diagnostics)
        }
        if let own = root.entries?.first(where: { $0.key == "route" }) {
            diagnostics.error(
                .invalidValue, "the routes stand here and in \(name)", remedy: "keep route:, or \(Self.pointer): \(name)", at: own.keyMark)
        }
        let folder = (path as NSString).deletingLastPathComponent
        let other = name.hasPrefix("/") ? name : (folder as NSString).appendingPathComponent(name)
        guard let pointed = document(other, at: entry.value.mark, &diagnostics) else { return (nil, diagnostics) }
        let routing = routing(of: pointed, isStrict: true, &diagnostics)
        return (diagnostics.hasErrors ? nil : routing, diagnostics)
    }

    private func document(_ path: String, at mark: SourceMark, _ diagnostics: inout Diagnostics) -> ConfigNode? {
        let reader = YAMLReader()
        do {
            return reader.read(try files.read(path, reader.limits.bytes), file: path, &diagnostics)
        } catch {
            diagnostics.error(.unreadable, error.message(path, limit: reader.limits.bytes), remedy: error.remedy, at: mark)
            return nil
        }
    }

    private func routing(of root: ConfigNode, isStrict: Bool = false, _ diagnostics: inout Diagnostics) -> Routing? {
        let interpolation = Interpolation(environment: environment, files: files)
        let expanded = ["route", "inhibit_rules", "time_intervals", "mute_time_intervals"]
        var document = root
        if let entries = root.entries {
            document.content = .mapping(
                entries.map { entry in
                    var entry = entry
                    if expanded.contains(entry.key) { entry.value = interpolation.expand(entry.value, &diagnostics) }
                    return entry
                })
        }
        // What the rest of a plan may hold is not known here; what looks like a slip of the pen is none of it.
        let reader = RoutingReader { key in !isStrict && Suggestion.nearest(to: key, among: RoutingReader.keys) == nil }
        return reader.read(document, &diagnostics)
    }
}
