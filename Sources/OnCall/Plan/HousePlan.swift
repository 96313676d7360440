import Crypto
import Foundation
import PluginAPI

/// What a hotel without a plan goes by: every alert is told to the alert instances that `oncall.notify` names, at once and each by itself.
public struct HousePlan: OnCallPlanning, Codable, Hashable {
    /// The one receiver.
    public static let receiver = "everybody"
    /// As `config show` prints it, in Alertmanager's words.
    public static let text = "route: {receiver: \(receiver), group_by: ['...'], group_wait: 0s}\nreceivers:\n  - name: \(receiver)\n"

    /// Who is told.
    public let instances: [String]
    /// The least severity that is told; emergencies always are.
    public let severity: AlertSeverity
    private let file: String
    private let line: Int

    /// - Parameter mark: where the settings stand.
    public init(instances: [String], severity: AlertSeverity, mark: SourceMark) {
        self.instances = instances
        self.severity = severity
        file = mark.file
        line = mark.line
    }

    /// As the settings say it, of the instances that there are.
    public init(_ settings: OnCallSettings, sinks: [String], mark: SourceMark) {
        self.init(
            instances: settings.notify.isEmpty ? sinks : settings.notify.filter(sinks.contains), severity: settings.severity.severity, mark: mark)
    }

    /// What is wrong with where emergencies end in a hotel without a plan: everybody who is told is an alert instance, and two of different plugins must reach people.
    /// - Parameters:
    ///   - sinks: the alert instances that are configured.
    ///   - isProduction: there it is an error, since a hotel goes by it; anywhere else a warning, since Jack starts without any account.
    public static func emergencyDiagnostics(
        _ settings: OnCallSettings, sinks: [SinkDescription], isProduction: Bool, mark: SourceMark
    ) -> [Diagnostic] {
        let told = sinks.filter { settings.notify.isEmpty || settings.notify.contains($0.instance) }
        let reaching = told.filter(\.reachesHuman)
        guard Set(reaching.map(\.carrier)).count < 2 else { return [] }
        let ways =
            told.isEmpty
            ? "with nobody: no alert instance is told"
            : reaching.isEmpty
                ? "in \(told.map(\.instance).joined(separator: ", ")), which reaches nobody"
                : "at people by \(reaching.map(\.instance).joined(separator: ", ")) alone"
        let others = sinks.filter { sink in sink.reachesHuman && !told.contains { $0.instance == sink.instance } }.map(\.instance)
        let mend =
            others.isEmpty
            ? "add alert instances of two plugins that reach people under alerts: (jack plugins list), or a plan (oncall.file)"
            : "add \(others.joined(separator: ", ")) to oncall.notify, or leave it empty"
        return [
            Diagnostic(
                isProduction ? .error : .warning, .insecure,
                "there is no on-call plan, and emergencies end \(ways): they must reach people by two independent alert plugins",
                remedy: mend, at: mark)
        ]
    }

    private var mark: SourceMark { SourceMark(file: file, line: line, column: 1) }

    public var version: String {
        let text = ([severity.rawValue, "\(mark)"] + instances).joined(separator: "\n")
        return "house-" + Hex.text(SHA256.hash(data: Data(text.utf8))).prefix(32)
    }

    public func routes(for labels: [String: String]) -> [RouteDecision] {
        let isTold = AlertSeverity(label: labels["severity"]) >= severity
        // What grows worse stays the same matter.
        let names = Set(labels.keys).subtracting(["severity"])
        return [
            RouteDecision(
                route: isTold ? "{}" : "{below}", receiver: Self.receiver, grouping: .labels(names), groupWait: .zero, groupInterval: .seconds(30),
                repeatInterval: .seconds(86_400), muteTimeIntervals: isTold ? [] : ["below oncall.severity, \(severity.rawValue)"], mark: mark,
                receiverMark: mark)
        ]
    }

    public func verdict(on route: RouteDecision, at date: Date) -> TimeVerdict {
        route.muteTimeIntervals.first.map { .muted(interval: $0, at: mark) } ?? .open
    }

    public func inhibition(of labels: [String: String], among sources: [[String: String]]) -> SourceMark? { nil }
    public func mayInhibit(_ labels: [String: String]) -> Bool { false }

    public func level(_ number: Int, for matter: PagedMatter, at date: Date) -> EscalationLevel? {
        guard number == 1 else { return nil }
        let steps = instances.map { name in
            PagingStep(contact: Contact(instance: name, label: name), reason: "oncall.notify names \(name), or names nobody, \(mark)")
        }
        return EscalationLevel(
            number: 1, name: Self.receiver, steps: steps, passedOver: steps.isEmpty ? ["there is no alert instance to tell"] : [], wait: nil,
            place: "\(mark)")
    }

    public func escalates(_ receiver: String) -> Bool { false }
    public func acknowledgementLasts(for receiver: String) -> Duration? { nil }
    public var resolveTimeout: Duration { Routing.defaultResolveTimeout }
    public func names(of kind: DrillSubject.Kind) -> [String] { kind == .receiver ? [Self.receiver] : [] }
}
