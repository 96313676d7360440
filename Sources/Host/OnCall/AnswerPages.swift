import Foundation
import Gateway
import HTTPTypes
import OnCall
import PluginAPI

/// The page behind the link of a page: shows what it is about, and does what its holder chooses. A GET changes nothing: programs open links too.
enum AnswerPages {
    static let path = "/oncall/answer"

    static func routes(_ service: OnCallService) -> [GatewayParts.ExtraRoute] {
        [
            GatewayParts.ExtraRoute(.get, path) { request in show(request.queryValue("token") ?? "", service) },
            GatewayParts.ExtraRoute(.post, path) { request in
                let form = PluginRequest(
                    method: .post, path: path, query: String(decoding: request.body, as: UTF8.self), remoteAddress: request.remoteAddress,
                    url: request.url)
                let outcome = await service.answer(
                    link: form.queryValue("token") ?? "", action: form.queryValue("action").flatMap(PageAcknowledgement.Action.init))
                let status: HTTPResponse.Status = outcome.isAccepted ? .ok : outcome.status == .forged ? .forbidden : .gone
                return page(status, outcome.isAccepted ? "Thank you" : "That did not work", outcome.text)
            },
        ]
    }

    private static func show(_ token: String, _ service: OnCallService) -> PluginResponse {
        do {
            let (claims, matter) = try service.look(at: token)
            guard let matter else { return page(.ok, "It is over", "Nothing is left to do.") }
            let summaries = service.alerts(of: matter.id).map(\.summary)
            let labels = matter.matter.labels.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
            let state = matter.acknowledgedBy.map { "acknowledged by \($0)" } ?? "nobody has acknowledged it yet"
            let buttons = [("acknowledge", "Acknowledge"), ("resolve", "Resolve"), ("escalate", "Next person")].map { action, label in
                "<button name=\"action\" value=\"\(action)\">\(label)</button>"
            }.joined(separator: " ")
            return page(
                .ok, "\(matter.matter.severity.rawValue): \(matter.alerts) \(matter.alerts == 1 ? "alert" : "alerts")",
                (summaries + [state] + labels).joined(separator: "\n"),
                form: "<form method=\"post\" action=\"\(path)\"><input type=\"hidden\" name=\"token\" value=\"\(escaped(token))\">\(buttons)</form>"
                    + "<p>Sent to \(escaped(claims.recipient)).</p>")
        } catch {
            let refusal = error as? AnswerLinks.Refusal ?? .forged
            return page(refusal == .expired ? .gone : .forbidden, "This link does not work", refusal.rawValue)
        }
    }

    private static func page(_ status: HTTPResponse.Status, _ title: String, _ text: String, form: String = "") -> PluginResponse {
        let lines = text.split(separator: "\n").map { "<p>\(escaped(String($0)))</p>" }.joined()
        let html = """
            <!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="robots" content="noindex"><title>\(escaped(title))</title><main><h1>\(escaped(title))</h1>\(lines)\(form)</main></html>

            """
        var response = PluginResponse(status, text: html, contentType: "text/html; charset=utf-8")
        // A token must not travel on to another site, nor stay in a cache.
        response.headers[.cacheControl] = "no-store"
        response.headers[.known("Referrer-Policy")] = "no-referrer"
        return response
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }
}
