import Logging
import PluginAPI

/// Writes alerts to Jack's log: one line for each telling, at the level that the severity means.
public struct LogAlertSink: AlertSink {
    public struct Settings: PluginSettings {
        @Setting(help: "Also write each alert's detail, which may quote a guest.") var detail: Bool = false
        @Setting(help: "Tell of nothing below this severity, emergencies excepted.") var minimum: Severity = .info

        public init() {}
    }

    /// The names of ``AlertSeverity`` as a setting.
    enum Severity: String, SettingChoice {
        case info, warning, error, critical
    }

    public static let manifest = PluginManifest(
        id: "log", summary: "Writes alerts to Jack's log.", stability: .stable, reachesPeople: .never,
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .documentedLimits: .met,
            .probe: .exempt("there is nobody to ask"), .dataDestinations: .exempt("nothing leaves the machine"),
            .reconnects: .exempt("there is nobody to lose"), .idempotency: .met, .receipts: .exempt("a line of a log is not acknowledged"),
            .vendorDocument: .exempt("there is no vendor"),
        ])

    private let settings: Settings
    private let logger: Logger

    public init(settings: Settings, context: PluginContext) throws {
        self.settings = settings
        logger = context.logger
    }

    public var features: AlertSinkFeatures { AlertSinkFeatures() }

    public func probe() async throws -> ProbeResult { ProbeResult("writes to Jack's log") }

    public func page(_ page: AlertPage) async throws -> PageReceipt { write(page, "page") }
    public func update(_ page: AlertPage) async throws -> PageReceipt { write(page, "update") }
    public func resolve(_ page: AlertPage) async throws -> PageReceipt { write(page, "resolve") }

    private func write(_ page: AlertPage, _ event: String) -> PageReceipt {
        let receipt = PageReceipt(vendorID: nil)
        let isEmergency = page.alerts.contains(where: \.isEmergency)
        guard isEmergency || AlertSeverity(rawValue: settings.minimum.rawValue).map({ page.severity >= $0 }) == true else { return receipt }
        // The worst one speaks for the others.
        let first = page.alerts.max { $0.severity < $1.severity }
        let more = page.alerts.count > 1 ? " (and \(page.alerts.count - 1) more)" : ""
        var metadata: Logger.Metadata = [
            "event": .string(event), "page": .string(line(page.id)), "group": .string(line(page.groupKey)),
            "severity": .string(page.severity.rawValue), "alerts": .array(page.alerts.map { .string(line($0.name)) }),
            "level": .stringConvertible(page.level), "reason": .string(line(page.reason)),
        ]
        // Neither the code that answers the page nor its link: whoever may read the log must not thereby be able to answer.
        if let note = page.note { metadata["note"] = .string(line(note)) }
        if page.mayRepeat { metadata["may_repeat"] = "true" }
        if isEmergency { metadata["emergency"] = "true" }
        if settings.detail, let detail = first?.detail { metadata["detail"] = .string(line(detail)) }
        logger.log(
            level: event == "resolve" ? .info : level(page.severity), "alert \(event): \(line(first?.summary ?? "no alert"))\(more)",
            metadata: metadata)
        return receipt
    }

    private func level(_ severity: AlertSeverity) -> Logger.Level {
        switch severity {
        case .info: .info
        case .warning: .warning
        case .error: .error
        case .critical: .critical
        }
    }

    /// A text on one line: a guest's line breaks and control characters must not look like lines of the log.
    private func line(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory.isLine ? " " : $0 }))
    }
}

extension Unicode.GeneralCategory {
    fileprivate var isLine: Bool { [.control, .format, .lineSeparator, .paragraphSeparator].contains(self) }
}
