import Crypto
import Foundation
import HTTPTypes
import PluginAPI

public struct PagerSink: AlertSink {
    public typealias Settings = PagerSinkSettings

    public static let manifest = PluginManifest(
        id: "pager", summary: "Pages through Pager.", stability: .experimental,
        destinations: [DataDestination("pager.example", purpose: "telling of alerts", classes: [.alert])], reachesPeople: .always)

    private let settings: PagerSinkSettings
    private let wire: PagerWire

    public init(settings: PagerSinkSettings, context: PluginContext) throws {
        self.settings = settings
        wire = PagerWire(settings: settings, context: context)
    }

    public var features: AlertSinkFeatures { AlertSinkFeatures(acknowledges: settings.signingKey != nil) }

    public func probe() async throws -> ProbeResult {
        try await wire.call(.get, "/me")
        return ProbeResult("reached Pager")
    }

    public func page(_ page: AlertPage) async throws -> PageReceipt { try await tell(.post, page) }
    public func update(_ page: AlertPage) async throws -> PageReceipt { try await tell(.post, page) }
    public func resolve(_ page: AlertPage) async throws -> PageReceipt { try await tell(.delete, page) }

    private func tell(_ method: HTTPRequest.Method, _ page: AlertPage) async throws -> PageReceipt {
        let title = page.alerts.first?.summary ?? "an alert"
        let incident = PagerWire.Incident(key: page.groupKey, title: title, urgent: page.severity >= .error)
        return PageReceipt(vendorID: try await wire.call(method, "/incidents", incident).id)
    }

    // What people answer comes back here.
    public var routes: [PluginRoute] {
        [
            .webhook(
                WebhookRoute(
                    verification: .custom(secret: settings.signingKey) { request, key in
                        let code = HMAC<SHA256>.authenticationCode(for: request.body, using: SymmetricKey(data: Array(key.reveal().utf8)))
                        return ConstantTime.equal(request.headers[.pagerSignature] ?? "", Data(code).base64EncodedString())
                    }
                ) { request in
                    guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(request.body)) else {
                        throw PluginFailure.permanent(.malformedReply, "no answer of Pager's")
                    }
                    let acknowledgement = PageAcknowledgement(action: .acknowledge, reference: answer.key, by: answer.who)
                    return WebhookResult([InboundEvent(vendorID: answer.id, peer: nil, .acknowledgement(acknowledgement))])
                })
        ]
    }

    private struct Answer: Decodable {
        var id: String
        var key: String
        var who: String?
    }
}

extension HTTPField.Name {
    static var pagerSignature: HTTPField.Name { HTTPField.Name("X-Pager-Signature") ?? .authorization }
}
