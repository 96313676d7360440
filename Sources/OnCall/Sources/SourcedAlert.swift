import Crypto
import Foundation
import PluginAPI

/// What a source tells of one alert.
struct SourcedAlert: Sendable {
    /// Tells this alert of the source from its others, in every telling.
    var key: String
    var name: String
    var severity: AlertSeverity
    var summary: String
    var detail: String?
    var labels: [String: String] = [:]
    var annotations: [String: String] = [:]
    var link: String?
    var isOver = false

    /// ``PluginAPI/Alert/fingerprint``.
    func fingerprint(of source: String) -> String { "\(AlertSources.prefix)\(source):\(key)" }

    /// A key of any length as one that can stand in a fingerprint.
    static func digest(_ parts: [String]) -> String {
        var hash = SHA256()
        for part in parts { hash.update(data: Data("\(part.utf8.count):\(part)".utf8)) }
        return Hex.text(hash.finalize().prefix(12))
    }
}

/// Reads what a source posts.
struct SourceReader: Sendable {
    /// The most alerts that one request may hold.
    static let maximumAlerts = 500

    private let settings: AlertSourceSettings
    private let words: SourceWords
    private let map: SourceMapSettings
    private let limits: OnCallLimits

    init(_ settings: AlertSourceSettings, limits: OnCallLimits = OnCallLimits()) {
        var settings = settings
        var map = settings.map
        switch settings.format {
        case .map: break
        case .jack:
            (map.each, map.name, map.summary, map.description, map.severity) = ("alerts", "name", "summary", "detail", "severity")
            (map.status, map.endsAt, map.key, map.link) = ("$.event", "endsAt", "fingerprint", "generatorURL")
            (map.labelsFrom, map.annotationsFrom) = ("labels", "annotations")
            settings.resolved = ["resolve"]
            settings.ignored.append("probe")
        case .alertmanager:
            (map.each, map.name, map.summary) = ("alerts", "labels.alertname", "annotations.summary")
            (map.description, map.severity, map.status) = ("annotations.description", "labels.severity", "status")
            (map.endsAt, map.key, map.link) = ("endsAt", "fingerprint", "generatorURL")
            (map.labelsFrom, map.annotationsFrom) = ("labels", "annotations")
        }
        (self.settings, self.map, self.limits) = (settings, map, limits)
        words = SourceWords(settings)
    }

    /// What a body says.
    struct Reading: Sendable {
        var alerts: [SourcedAlert] = []
        /// How many say nothing.
        var ignored = 0
        /// What is wrong with those that are not taken, in words.
        var problems: [String] = []

        /// All of them; a flood is summed up.
        var refusal: SourceRefusal? {
            guard !problems.isEmpty else { return nil }
            let more = problems.count > 10 ? "; and \(problems.count - 10) more" : ""
            let others = alerts.isEmpty ? "" : "; the other \(alerts.count) of the request were taken"
            return .invalid(problems.prefix(10).joined(separator: "; ") + more + others)
        }
    }

    /// Reads a body. What is wrong with one alert costs the others nothing.
    /// - Throws: ``SourceRefusal`` where nothing of it can be used.
    func read(_ body: [UInt8], at now: Date) throws -> Reading {
        guard let document = try? JSONValue(json: body) else {
            throw SourceRefusal.unreadable("the body is no JSON document")
        }
        var items = [document], reading = Reading()
        if let each = map.each {
            guard let list = SourcePath(each)?.value(in: document, of: document)?.arrayValue else {
                throw SourceRefusal.invalid("there is no list of alerts at \(each)")
            }
            items = list
        }
        for (place, item) in items.prefix(Self.maximumAlerts).enumerated() {
            do {
                if let alert = try read(item, of: document, at: now) { reading.alerts.append(alert) } else { reading.ignored += 1 }
            } catch {
                reading.problems.append((items.count > 1 ? "alert \(place + 1): " : "") + error.description)
            }
        }
        if items.count > Self.maximumAlerts {
            reading.problems.append("the request holds \(items.count) alerts; at most \(Self.maximumAlerts) are taken")
        }
        return reading
    }

    private func read(_ item: JSONValue, of document: JSONValue, at now: Date) throws(OnCallError) -> SourcedAlert? {
        func value(_ path: String?) -> JSONValue? { path.flatMap { SourcePath($0) }?.value(in: item, of: document) }
        func text(_ path: String?) -> String? { value(path)?.plainText }
        let status = text(map.status)
        if let status, words.isIgnored(status) { return nil }
        var labels = members(of: value(map.labelsFrom))
        for (name, path) in map.labels { labels[name] = text(path) }
        let name = text(map.name) ?? settings.alertname ?? settings.name
        let severity = words.severity(text(map.severity))
        let kept = ["alertname", "severity", "source", "property", "emergency"]
        labels = labels.filter { !kept.contains($0.key) }
        let identity = text(map.key).map { [$0] } ?? ([name] + labels.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] })
        var annotations = members(of: value(map.annotationsFrom))
        for taken in ["summary", "description"] { annotations[taken] = nil }
        var alert = SourcedAlert(
            key: SourcedAlert.digest(identity), name: name, severity: severity, summary: text(map.summary)?.cut(to: 500) ?? name,
            detail: text(map.description)?.cut(to: 4000), labels: labels, annotations: annotations, link: text(map.link)?.cut(to: 2000))
        alert.isOver = status.map(words.isOver) ?? false || hasEnded(text(map.endsAt), at: now)
        alert.annotations = try limits.fit(
            PostedAlert(labels: labels.merging(["alertname": name, "source": settings.name]) { $1 }, annotations: annotations)
        ).annotations
        return alert
    }

    private func members(of value: JSONValue?) -> [String: String] { (value?.objectValue ?? [:]).compactMapValues(\.plainText) }

    /// A program's zero, the first second of the year 1, stands for no end.
    private func hasEnded(_ text: String?, at now: Date) -> Bool {
        guard let text else { return false }
        let date = (try? Date(text, strategy: .iso8601)) ?? (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
        return date.map { $0.timeIntervalSince1970 > 0 && $0 <= now } ?? false
    }
}
