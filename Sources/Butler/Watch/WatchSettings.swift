import PluginAPI

/// The `butler.watch` section of `jack.yaml`: when a guest has waited too long.
public struct WatchSettings: PluginSettings {
    @Setting(help: "A guest's message that nobody has answered for this long is an alert; none for never.") public var unanswered: Duration? =
        .seconds(15 * 60)
    @Setting(help: "How bad that is.") public var unansweredSeverity: AlertSeverity = .error
    @Setting(help: "How bad it is where the PMS calls the guest a VIP.") public var unansweredVipSeverity: AlertSeverity = .critical
    @Setting(
        help: "Intents, or beginnings of them, whose tasks are complaints: one that is past its due time is an alert of the type complaint_sla.")
    public var complaints: [String] = ["feedback.complaint"]
    @Setting(help: "How bad a complaint past its due time is.") public var complaintSeverity: AlertSeverity = .critical
    @Setting(
        help:
            "More conversations than this that wait for a human are an alert; none where a rule on jack_escalation_queue says it (as the sample's does)."
    )
    public var escalationQueue: Int?

    public init() {}

    /// What the declarations cannot say. Pure.
    public func check(_ report: inout ValidationReport) {
        if let unanswered, unanswered < .seconds(30) {
            report.error("unanswered", "no hotel answers within \(unanswered.text)", remedy: "write at least 30s, or leave it empty for never")
        }
        if let escalationQueue, escalationQueue < 1 {
            report.error("escalation_queue", "a queue is longer than \(escalationQueue) all the time", remedy: "write at least 1")
        }
    }

    /// Whether a task of this intent is a complaint.
    func isComplaint(_ intent: String?) -> Bool {
        guard let intent else { return false }
        return complaints.contains { intent == $0 || intent.hasPrefix($0 + ".") }
    }
}
