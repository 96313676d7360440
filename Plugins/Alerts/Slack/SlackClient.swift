import Foundation
import HTTPTypes
import PluginAPI

/// Calls Slack: the Web API as the bot, and incoming webhooks.
struct SlackClient: Sendable {
    let settings: SlackSettings
    let context: PluginContext

    /// An answer of the Web API that is not “ok”.
    struct Refusal: Error {
        let code: String
        let failure: PluginFailure
    }

    /// Calls a method that changes something.
    /// - Throws: ``Refusal`` where Slack answers with an error code of its own, else ``PluginFailure``.
    func call(_ method: String, _ arguments: JSONValue) async throws -> JSONValue {
        let headers: HTTPFields = [.authorization: "Bearer \(settings.botToken?.reveal() ?? "")", .contentType: "application/json; charset=utf-8"]
        return try read(
            await context.http.send(
                ClientRequest(
                    .post, url(method), headers: headers, body: arguments.jsonBytes(), timeout: settings.timeout, maximumResponseBytes: 1 << 20)))
    }

    /// Asks a method that changes nothing. The Web API takes arguments by GET too (“Basic overview”).
    func ask(_ method: String) async throws -> JSONValue {
        let headers: HTTPFields = [.authorization: "Bearer \(settings.botToken?.reveal() ?? "")"]
        do {
            return try read(
                await context.http.send(
                    ClientRequest(.get, url(method), headers: headers, timeout: settings.timeout, maximumResponseBytes: 1 << 20)))
        } catch let refusal as Refusal {
            throw refusal.failure
        }
    }

    private func url(_ method: String) -> String { BaseURL(settings.baseURL).with("/api/\(method)") }

    private func read(_ response: ClientResponse) throws -> JSONValue {
        if let failure = response.failure(from: "Slack", now: context.clock) { throw failure }
        let answer = try JSONValue(json: response.body)
        if answer["ok"]?.boolValue == true { return answer }
        guard answer["ok"]?.boolValue == false, let code = answer["error"]?.stringValue else {
            throw PluginFailure.notReady(.malformedReply, "Slack answered with something else than its API does")
        }
        let wait = response.headers[.retryAfter].flatMap { RetryAfter.parse($0, now: context.clock.now) }
        throw Refusal(code: code, failure: SlackError.failure(code, retryAfter: wait))
    }

    /// Posts to an incoming webhook, whose URL is its credential.
    /// - Throws: ``PluginFailure``. Only where the URL is the settings' own does its refusal concern the whole instance.
    func post(_ message: JSONValue, to url: Secret, isOwn: Bool) async throws {
        let response = try await context.http.send(
            ClientRequest(
                .post, url.reveal(), headers: [.contentType: "application/json; charset=utf-8"], body: message.jsonBytes(), timeout: settings.timeout,
                maximumResponseBytes: 1 << 20))
        let text = response.text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard (200..<300).contains(response.status.code) else { throw failure(response, text, isOwn: isOwn) }
        guard text == "ok" else {
            throw PluginFailure.notReady(.malformedReply, "the incoming webhook answered \(response.status.code), and not “ok”")
        }
    }

    private func failure(_ response: ClientResponse, _ text: String, isOwn: Bool) -> PluginFailure {
        let status = response.status.code
        let said = "the incoming webhook answered \(status)" + (SlackError.isWord(text) ? " (\(text))" : "")
        switch status {
        case 401 where isOwn, 403 where isOwn && !["action_prohibited", "posting_to_general_channel_denied"].contains(text):
            return .credentialsRejected("\(said): make a new incoming webhook, and set webhook_url")
        case 401, 403, 404, 410:
            return .permanent(.unknownRecipient, "\(said): the webhook or its channel is no longer there, or may not be written to")
        case 400..<500 where ![408, 425, 429].contains(status): return .permanent(.invalidRequest, said)
        default:
            return response.failure(from: "the incoming webhook", now: context.clock) ?? .permanent(.invalidRequest, said)
        }
    }
}
