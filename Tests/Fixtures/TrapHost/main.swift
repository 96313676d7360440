import Host
import PluginAPI

/// Jack with one more alert sink, whose code ends the process when it is asked to page, or to check a webhook: what no supervisor can hold.
struct TrappingSink: AlertSink {
    struct Settings: PluginSettings {
        @Setting(help: "When to end the process.") var at: Moment = .page
        init() {}
    }

    enum Moment: String, SettingChoice { case page, start, check, never }

    static let manifest = PluginManifest(id: "trapping", summary: "Ends the process, for tests.", stability: .experimental)

    private let moment: Moment

    init(settings: Settings, context: PluginContext) throws { moment = settings.at }

    var features: AlertSinkFeatures { AlertSinkFeatures() }

    /// What checks a webhook reads what anybody sends.
    var routes: [PluginRoute] {
        let check = WebhookVerification.custom(secret: Secret("a-secret")) { [self] request, _ in
            if moment == .check, request.body == Array("boom".utf8) { trap() }
            return false
        }
        return [.webhook(WebhookRoute(verification: check) { _ in WebhookResult([]) })]
    }

    func start() async throws { if moment == .start { trap() } }

    func page(_ page: AlertPage) async throws -> PageReceipt {
        if moment == .page { trap() }
        return PageReceipt(vendorID: nil)
    }

    func update(_ page: AlertPage) async throws -> PageReceipt { PageReceipt(vendorID: nil) }
    func resolve(_ page: AlertPage) async throws -> PageReceipt { PageReceipt(vendorID: nil) }

    /// The commonest trap there is: a place that an array does not have.
    private func trap() {
        let none: [Int] = []
        print(none[none.count])
    }
}

await JackHost.main(plugins: [PluginRegistration(TrappingSink.self)])
