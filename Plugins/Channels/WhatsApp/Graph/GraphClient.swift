import Crypto
import Foundation
import HTTPTypes
import PluginAPI
import Synchronization

/// Requests to the Graph API in the name of one phone number, and what their answers mean.
struct GraphClient: Sendable {
    let settings: WhatsAppSettings
    let context: PluginContext
    let account = AccountHealth()

    init(settings: WhatsAppSettings, context: PluginContext) {
        self.settings = settings
        self.context = context
    }

    /// The base URL without a slash at its end, and the version.
    private var root: String {
        (settings.baseURL.hasSuffix("/") ? String(settings.baseURL.dropLast()) : settings.baseURL) + "/" + settings.graphVersion
    }

    /// Sends JSON to `/{phone-number-id}/messages`.
    /// - Throws: ``PluginFailure``.
    func postMessage(_ body: some Encodable, isTemplate: Bool = false) async throws -> ClientResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = [UInt8](try encoder.encode(body))
        let response = try await exchange(
            .post, "/\(settings.phoneNumberID)/messages", headers: [.contentType: "application/json"], body: bytes, as: .send)
        account.isWell(context.health, isTemplate: isTemplate)
        return response
    }

    /// Sends what Meta answers with no more than that it was done.
    func postNotice(_ body: some Encodable) async throws {
        let answer = try await postMessage(body)
        guard let done = try? JSONDecoder().decode(Done.self, from: Data(answer.body)), done.success else {
            throw PluginFailure.notReady(.malformedReply, "WhatsApp does not say whether it did what was asked")
        }
    }

    /// Sends a form to `/{phone-number-id}/media`.
    func postMedia(_ form: MultipartForm) async throws -> ClientResponse {
        try await exchange(
            .post, "/\(settings.phoneNumberID)/media", headers: [.contentType: form.contentType], body: form.body, as: .send)
    }

    /// Asks for fields of the phone number.
    func phoneNumber(fields: [String]) async throws -> ClientResponse {
        try await exchange(.get, "/\(settings.phoneNumberID)", query: ["fields": fields.joined(separator: ",")], as: .probe)
    }

    /// Asks where a file is.
    func media(_ id: String) async throws -> ClientResponse {
        guard GraphURL.isID(id) else { throw PluginFailure.permanent(.invalidRequest, "the file's reference is not an id of WhatsApp's") }
        return try await exchange(.get, "/\(id)", query: ["phone_number_id": settings.phoneNumberID], as: .media)
    }

    /// Fetches a file from where Meta said it is. The token goes with it, so the place must be one that is trusted with it.
    /// - Parameter size: how large the file is, where Meta says so.
    func download(_ url: String, size: Int?, maximumBytes: Int) async throws -> ClientResponse {
        guard let host = GraphURL.host(of: url), isTrusted(url, host) else {
            throw PluginFailure.permanent(
                .invalidRequest, "WhatsApp names a host for the file that media_hosts does not: if it is Meta's, add it there")
        }
        let response = try await context.http.send(
            ClientRequest(
                .get, url, headers: try authorization(), timeout: time(for: min(size ?? maximumBytes, maximumBytes)),
                maximumResponseBytes: maximumBytes))
        guard let failure = response.failure(from: "WhatsApp's file server", now: context.clock) else { return response }
        // The token was taken a moment ago by the Graph API: that one file is refused says nothing of it, and must not stop the channel.
        if failure.disposition == .credentialsRejected {
            throw PluginFailure.permanent(.notFound, "WhatsApp's file server does not give the file out (\(response.status.code))")
        }
        throw failure
    }

    /// How long an exchange of so many bytes may take: a hotel's line carries at least 64 KB a second.
    private func time(for bytes: Int) -> Duration { settings.timeout + .seconds(bytes >> 16) }

    /// Everything over https, and plain http only where the Graph API itself is set to be called so.
    private func isTrusted(_ url: String, _ host: String) -> Bool {
        let scheme = url.lowercased().hasPrefix("https://") ? "https" : url.lowercased().hasPrefix("http://") ? "http" : ""
        guard scheme == "https" || (scheme == "http" && settings.baseURL.hasPrefix("http://")) else { return false }
        return host == GraphURL.host(of: settings.baseURL) || GraphURL.isHost(host, among: settings.mediaHosts)
    }

    private func exchange(
        _ method: HTTPRequest.Method, _ path: String, query: KeyValuePairs<String, String> = [:], headers: HTTPFields = [:], body: [UInt8] = [],
        as request: GraphError.Request
    ) async throws -> ClientResponse {
        var headers = headers
        for field in try authorization() { headers.append(field) }
        var parameters = query.map { "\($0.key)=\($0.value)" }
        if let proof { parameters.append("appsecret_proof=\(proof)") }
        let url = root + path + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
        let response = try await context.http.send(
            ClientRequest(method, url, headers: headers, body: body, timeout: time(for: body.count), maximumResponseBytes: 1 << 20))
        if let error = GraphError.read(response.body) {
            let failure = error.failure(request, response: response, asked: asked(response), now: context.clock)
            account.see(failure, context.health)
            throw failure
        }
        if let failure = response.failure(from: "WhatsApp", now: context.clock) { throw failure }
        return response
    }

    private func authorization() throws -> HTTPFields {
        guard let token = settings.accessToken, !token.isEmpty else {
            throw PluginFailure.permanent(.configuration, "access_token is not set: nothing can be sent to WhatsApp")
        }
        return [.authorization: "Bearer \(token.reveal())"]
    }

    /// HMAC-SHA256 of the token with the app's secret (“Graph API, Secure requests”).
    private var proof: String? {
        guard settings.appSecretProof, let secret = settings.appSecret, let token = settings.accessToken, !secret.isEmpty else { return nil }
        let code = HMAC<SHA256>.authenticationCode(for: Array(token.reveal().utf8), using: SymmetricKey(data: Array(secret.reveal().utf8)))
        return Hex.text(code)
    }

    /// How long Meta asks to wait: `Retry-After`, or the usage header of a business account, in minutes.
    private func asked(_ response: ClientResponse) -> Duration? {
        if let value = response.headers[.retryAfter], let wait = RetryAfter.parse(value, now: context.clock.now) { return wait }
        guard let usage = response.headers[.businessUsage], usage.utf8.count < 16_384,
            let accounts = try? JSONDecoder().decode([String: [Usage]].self, from: Data(usage.utf8))
        else { return nil }
        let minutes = accounts.values.joined().compactMap(\.minutes).max() ?? 0
        return minutes > 0 ? .seconds(min(minutes, 1440) * 60) : nil
    }

    private struct Done: Decodable {
        var success: Bool
    }

    private struct Usage: Decodable {
        var minutes: Int?
        private enum CodingKeys: String, CodingKey { case minutes = "estimated_time_to_regain_access" }
    }
}

extension HTTPField.Name {
    static let businessUsage = known("X-Business-Use-Case-Usage")
}
