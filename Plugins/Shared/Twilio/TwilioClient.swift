import HTTPTypes
import PluginAPI

/// Requests to Twilio's API of 2010-04-01 in the name of one account, and what their answers mean.
public struct TwilioClient: Sendable {
    /// More than any answer but a file has.
    private static let answerLimit = 1 << 20

    public let account: TwilioAccount
    private let http: any HTTPClient
    private let clock: any TimeSource

    public init(_ account: TwilioAccount, context: PluginContext) {
        self.account = account
        http = context.http
        clock = context.clock
    }

    /// The path of a resource of the account's, such as `Messages.json`.
    public func path(_ resource: String) -> String { "/2010-04-01/Accounts/\(account.sid)/\(resource)" }

    /// Makes a resource.
    /// - Returns: the resource's JSON, an object with a `sid`.
    /// - Throws: ``PluginFailure``.
    public func create(_ resource: String, _ form: TwilioForm) async throws -> JSONValue {
        let answer = try await json(
            ClientRequest(
                .post, account.baseURL.with(path(resource)),
                headers: [.contentType: "application/x-www-form-urlencoded", .accept: "application/json"], body: form.bytes, timeout: account.timeout,
                maximumResponseBytes: Self.answerLimit))
        guard let sid = answer["sid"]?.stringValue, TwilioID.isSID(sid) else {
            throw PluginFailure.notReady(.malformedReply, "Twilio took a request and gave no id for what it made")
        }
        return answer
    }

    /// Reads a resource.
    /// - Returns: its JSON.
    public func read(_ resource: String, query: TwilioForm = TwilioForm()) async throws -> JSONValue {
        let parameters = query.fields.isEmpty ? "" : "?" + String(decoding: query.bytes, as: UTF8.self)
        return try await json(
            ClientRequest(
                .get, account.baseURL.with(path(resource)) + parameters, headers: [.accept: "application/json"], timeout: account.timeout,
                maximumResponseBytes: Self.answerLimit))
    }

    /// Says whether the account has a phone number, and what the number can do. Changes nothing; API keys of every kind may ask it.
    /// - Parameter number: nil asks for any.
    public func number(_ number: String?) async throws -> TwilioNumber? {
        var query = TwilioForm([.init("PageSize", "1")])
        if let number { query.add("PhoneNumber", number) }
        guard let found = try await read("IncomingPhoneNumbers.json", query: query)["incoming_phone_numbers"]?.arrayValue else {
            throw PluginFailure.notReady(.malformedReply, "Twilio answered with something else than phone numbers")
        }
        return found.first.map(TwilioNumber.init)
    }

    /// Sends a request with the account's credentials.
    /// - Throws: ``PluginFailure`` for what Twilio refuses; a redirect is returned, not followed.
    public func exchange(_ request: ClientRequest) async throws -> ClientResponse {
        var request = request
        request.headers[.authorization] = try account.authorization()
        let response = try await http.send(request)
        if (300..<400).contains(response.status.code) { return response }
        if let failure = failure(of: response) { throw failure }
        return response
    }

    /// What an answer that is no success means.
    public func failure(of response: ClientResponse) -> PluginFailure? {
        guard let usual = response.failure(from: "Twilio", now: clock) else { return nil }
        guard let code = (try? JSONValue(json: response.body))?["code"]?.intValue, let meaning = TwilioMeaning.of(code) else { return usual }
        return meaning.failure(code, retryAfter: usual.retryAfter)
    }

    private func json(_ request: ClientRequest) async throws -> JSONValue {
        let response = try await exchange(request)
        if let failure = response.failure(from: "Twilio", now: clock) { throw failure }
        let json = try JSONValue(json: response.body)
        guard json.objectValue != nil else { throw PluginFailure.notReady(.malformedReply, "Twilio answered with something else than an object") }
        return json
    }
}

/// A phone number of an account's.
public struct TwilioNumber: Sendable, Hashable {
    public var number: String?
    public var name: String?
    public var canText: Bool
    public var canSpeak: Bool

    init(_ json: JSONValue) {
        number = json["phone_number"]?.stringValue
        name = json["friendly_name"]?.stringValue
        canText = json["capabilities"]?["sms"]?.boolValue ?? false
        canSpeak = json["capabilities"]?["voice"]?.boolValue ?? false
    }
}
