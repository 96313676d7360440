import PluginAPI
import PluginTestKit
import Testing

@Test(.timeLimit(.minutes(2))) func whereThePagerIsNotLikeOthers() async {
    var vendor = FakeVendor { _ in .json(#"{"id":"incident-7"}"#, status: 201) }
    vendor.statuses = [.init(409...409, [.permanent], because: "Pager's document: 409 means that somebody has closed the incident by hand")]
    vendor.errors = [.init("too many pages", .json(#"{"error":"slow down"}"#, status: 429), .notReady, .rateLimited)]
    let pager = PluginContract(
        PagerSink.self, settings: { ["endpoint": .string($0), "token": .string(token), "signing_key": .string(key)] }, secrets: [token, key],
        vendor: vendor, webhooks: [answer], exempt: [.idempotency: "Pager's document promises nothing of its keys"])
    let report = await AlertSinkContract(pager).report()
    #expect(report.violations == [] && report.exempted.keys.contains(.idempotency))
}
