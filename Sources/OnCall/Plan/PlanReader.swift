import Foundation
import Kernel
import PluginAPI

/// Reads a plan: `oncall.yaml`, which holds all of it or names the `alertmanager.yml` that holds the routes, or an `alertmanager.yml` alone.
public struct PlanReader: Sendable {
    /// The key by which an `oncall.yaml` names the file that holds its routes.
    public static let alertmanagerKey = "alertmanager"
    /// The most that is read of a file.
    public static let maximumBytes = 4 << 20

    /// The alert instances that are configured, in their order.
    public var sinks: [SinkDescription]
    /// Every alert plugin there is, each as an instance of its own name: for saying what could be configured.
    public var plugins: [SinkDescription]
    /// The hotel's time zone.
    public var timezone: String
    public var environment: [String: String]
    public var files: ConfigurationFiles
    /// A calendar's bytes, by what `ical` says; nil where it cannot be read now.
    public var calendars: @Sendable (String) -> [UInt8]?

    public init(
        sinks: [SinkDescription], plugins: [SinkDescription] = [], timezone: String = "UTC", environment: [String: String] = [:],
        files: ConfigurationFiles = .system, calendars: @escaping @Sendable (String) -> [UInt8]? = { _ in nil }
    ) {
        self.sinks = sinks
        self.plugins = plugins
        self.timezone = timezone
        self.environment = environment
        self.files = files
        self.calendars = calendars
    }

    /// What was read: the plan, and its files' texts by their names, the first one's first, with which it can be read again.
    public struct Read: Sendable {
        public var plan: OnCallPlan
        public var texts: [(file: String, text: String)]
        /// The calendars that it was read with, by what `ical` says, the first one's first; without its bytes where one could not be read.
        public var calendars: [(source: String, bytes: [UInt8]?)]
    }

    /// The plan of a file; nil where there is an error.
    public func read(_ file: String, _ diagnostics: inout Diagnostics) -> Read? {
        var found = Diagnostics()
        defer { diagnostics.add(contentsOf: found) }
        let draft = draft(file, &found)
        return found.hasErrors ? nil : draft
    }

    /// The plan of a file as far as it goes, whatever is wrong with its people, schedules and policies; nil where nobody can say where alerts go. Only for
    /// looking at: a plan with an error among its diagnostics must not be used for paging.
    public func draft(_ file: String, _ diagnostics: inout Diagnostics) -> Read? {
        var found = Diagnostics(), texts: [(file: String, text: String)] = []
        defer { diagnostics.add(contentsOf: found) }
        guard let root = document(file, &texts, &found) else { return nil }
        let names = Set((root["receivers"]?.elements ?? []).compactMap { $0["name"]?.text })
        var routes = root
        if let other = root[Self.alertmanagerKey] {
            guard let path = other.text, !path.isEmpty else {
                found.error(
                    .wrongType, "expected a file's name, found \(other.kindDescription)", remedy: "write alertmanager: alertmanager.yml",
                    at: other.mark)
                return nil
            }
            for entry in root.entries ?? [] where RoutingReader.keys.contains(entry.key) {
                found.error(
                    .duplicateKey, "\(entry.key) stands here, and the routes are in \(path)", remedy: "move it there, or remove alertmanager:",
                    at: entry.keyMark)
            }
            let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
            guard let read = document(path.hasPrefix("/") ? path : folder + path, &texts, &found) else { return nil }
            routes = read
        }
        let own = Set(Roster.keys + Self.operationsKeys + [Self.alertmanagerKey])
        if routes.mark.file != root.mark.file { checkKeys(of: root, own, &found) }
        var routing: Routing?
        if routes["route"] == nil, routes["receivers"] == nil, root["escalation"] != nil {
            // The seed's schedule alone: everything goes to it.
            checkKeys(of: root, own.union(RoutingReader.keys), &found)
            routing = .single(receiver: Roster.shortPolicy, mark: root["escalation"]?.mark ?? root.mark)
        } else {
            routing = RoutingReader(otherReceivers: [Roster.emergencyReceiver].filter { !names.contains($0) }) { own.contains($0) }.read(
                routes, &found)
        }
        var used: [(source: String, bytes: [UInt8]?)] = []
        let roster = Roster(
            root: root, receivers: routing?.receivers ?? [], sinks: sinks, plugins: plugins, timezone: timezone,
            calendars: { source in
                let bytes = calendars(source)
                if !used.contains(where: { $0.source == source }) { used.append((source, bytes)) }
                return bytes
            }, &found)
        let (incidents, maintenance) = operations(root, &found)
        guard let routing else { return nil }
        var parts = root.mark.file == routes.mark.file ? [root] : [root, routes]
        // Who is on call by a calendar that has changed is another plan.
        parts += used.map { ConfigNode(.scalar(String(decoding: $0.bytes ?? [], as: UTF8.self), plain: false), mark: root.mark) }
        let version = Fingerprint.of(ConfigNode(.sequence(parts), mark: root.mark))
        let plan = OnCallPlan(version: version, routing: routing, roster: roster, incidents: incidents, maintenance: maintenance)
        return Read(plan: plan, texts: texts, calendars: used)
    }

    /// The people and schedules of a file, whatever is wrong with the rest of it; nil where it cannot be read.
    public func roster(_ file: String, _ diagnostics: inout Diagnostics) -> Roster? {
        var texts: [(file: String, text: String)] = []
        guard let root = document(file, &texts, &diagnostics) else { return nil }
        let receivers = (root["receivers"]?.elements ?? []).compactMap { node in
            node["name"].map { ReceiverDefinition(name: $0.text ?? "", node: node, mark: $0.mark) }
        }
        return Roster(root: root, receivers: receivers, sinks: sinks, plugins: plugins, timezone: timezone, calendars: calendars, &diagnostics)
    }

    private func document(_ file: String, _ texts: inout [(file: String, text: String)], _ diagnostics: inout Diagnostics) -> ConfigNode? {
        let bytes: [UInt8]
        do {
            bytes = try files.read(file, Self.maximumBytes)
        } catch {
            diagnostics.error(
                .unreadable, error.message("the file \(file)", limit: Self.maximumBytes), remedy: error.remedy,
                at: SourceMark(file: file, line: 1, column: 1))
            return nil
        }
        texts.append((file, String(decoding: bytes, as: UTF8.self)))
        guard let raw = YAMLReader(limits: YAMLLimits(bytes: Self.maximumBytes)).read(bytes, file: file, &diagnostics) else { return nil }
        return Interpolation(environment: environment, files: files).expand(withRecipients(raw), &diagnostics)
    }

    /// An Alertmanager's receivers may name a file that holds the recipient, such as `url_file`: it stands for the key without `_file`, and is read
    /// like every other file that a plan names. What they leave out may stand in `global`, for all of them. Where the recipient stands there itself, it counts.
    private func withRecipients(_ root: ConfigNode) -> ConfigNode {
        let known = ContactBook(sinks: sinks, plugins: plugins).recipientKeys
        let global = root["global"]
        func file(_ key: String, in node: ConfigNode) -> ConfigNode? {
            guard let value = node[key + "_file"], let path = value.text, !path.isEmpty, !value.isNull, !path.contains("}"), !path.contains(":-")
            else { return nil }
            return ConfigNode(.scalar("${file:\(path)}", plain: false), mark: value.mark)
        }
        func filled(_ node: ConfigNode, _ keys: [(key: String, global: String?)]) -> ConfigNode {
            guard let entries = node.entries else { return node }
            let added = keys.compactMap { key, common -> ConfigNode.Entry? in
                guard node[key] == nil else { return nil }
                let isElsewhere = node[key + "_file"] != nil
                let shared = isElsewhere ? nil : global.flatMap { global in common.flatMap { global[$0] ?? file($0, in: global) } }
                return (file(key, in: node) ?? shared).map { .init(key: key, keyMark: $0.mark, value: $0) }
            }
            return ConfigNode(.mapping(entries + added), mark: node.mark)
        }
        func changed(_ node: ConfigNode, _ change: (ConfigNode.Entry) -> ConfigNode) -> ConfigNode {
            guard let entries = node.entries else { return node }
            return ConfigNode(.mapping(entries.map { .init(key: $0.key, keyMark: $0.keyMark, value: change($0)) }), mark: node.mark)
        }
        func each(_ node: ConfigNode, _ change: (ConfigNode) -> ConfigNode) -> ConfigNode {
            node.elements.map { ConfigNode(.sequence($0.map(change)), mark: node.mark) } ?? node
        }
        return changed(root) { section in
            guard section.key == "receivers" else { return section.value }
            return each(section.value) { receiver in
                changed(receiver) { list in known[list.key].map { keys in each(list.value) { filled($0, keys) } } ?? list.value }
            }
        }
    }

    private func checkKeys(of root: ConfigNode, _ known: Set<String>, _ diagnostics: inout Diagnostics) {
        for entry in root.entries ?? [] where !known.contains(entry.key) {
            diagnostics.error(
                .unknownKey, "“\(entry.key)” is not known in a plan", remedy: Suggestion.remedy(for: entry.key, among: known.sorted()),
                at: entry.keyMark)
        }
    }
}
