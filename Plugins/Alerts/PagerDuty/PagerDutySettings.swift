import PluginAPI

/// What an operator may set for one PagerDuty account.
public struct PagerDutySettings: PluginSettings {
    @Setting(
        help: "The key of an Events API v2 integration, for pages whose plan names none.", example: "${PAGERDUTY_SERVICE_KEY}")
    public var routingKey: Secret?
    @Setting(
        help: "The secret of a v3 webhook subscription; without it nothing that is done at PagerDuty comes back.",
        example: "${PAGERDUTY_WEBHOOK_SECRET}")
    public var webhookSecret: Secret?
    @Setting(
        help: "A read-only REST API key: finds out which alerts an incident holds, where the incident itself does not say it.",
        example: "${PAGERDUTY_API_TOKEN}")
    public var apiToken: Secret?
    @Setting(help: "Where the Events API is; https://events.eu.pagerduty.com for the EU region.", .url)
    public var baseURL: String = "https://events.pagerduty.com"
    @Setting(help: "Where the REST API is; https://api.eu.pagerduty.com for the EU region.", .url, advanced: true)
    public var apiURL: String = "https://api.pagerduty.com"
    @Setting(help: "How long PagerDuty may take to answer.", .range(.milliseconds(100) ... .seconds(60)), advanced: true)
    public var timeout: Duration = .seconds(10)

    public init() {}

    /// What concerns several settings at once, or what then does not work.
    func check(_ report: inout ValidationReport) {
        BaseURL(baseURL).check(sent: "what alerts say, and the integration key,", &report)
        BaseURL(apiURL).check("api_url", sent: "the API key", &report)
        if let routingKey, !Self.isIntegrationKey(routingKey.reveal()) {
            report.error(
                "routing_key", "it is not the key of an integration, which has 32 letters and digits",
                remedy: "copy the integration key from the service's page “Integrations”")
        }
        if webhookSecret?.isEmpty ?? true {
            report.warning(
                "webhook_secret",
                "without it acknowledgements in PagerDuty do not come back, and Jack escalates on what somebody has taken there",
                remedy: "make a v3 webhook subscription at PagerDuty, and copy its secret", code: .missing)
        }
        if apiToken != nil, baseURL.contains(".eu.") != apiURL.contains(".eu.") {
            report.warning("api_url", "base_url and api_url are of two regions", remedy: "use the same region for both")
        }
    }

    static func isIntegrationKey(_ text: String) -> Bool {
        text.utf8.count == 32 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) }
    }
}
