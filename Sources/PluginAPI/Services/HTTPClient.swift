import HTTPTypes

/// Outbound HTTP for plugins: certificates verified, bodies limited, every request with a deadline, cancelled with its task.
public protocol HTTPClient: Sendable {
    /// Sends a request and reads the whole response.
    /// - Throws: ``PluginFailure``: not ready where the server could not be reached or did not answer in time; permanent where the request is not allowed.
    ///   A response of any status is returned, not thrown.
    func send(_ request: ClientRequest) async throws -> ClientResponse

    /// Sends a request and returns as soon as the response's head has come; the body follows as it arrives.
    func stream(_ request: ClientRequest) async throws -> StreamedResponse
}

/// A request to a vendor.
public struct ClientRequest: Sendable {
    public var method: HTTPRequest.Method
    /// An absolute http or https URL.
    public var url: String
    public var headers: HTTPFields
    public var body: [UInt8]
    /// The whole exchange must end within this time.
    public var timeout: Duration
    /// A response body longer than this is a failure.
    public var maximumResponseBytes: Int

    public init(
        _ method: HTTPRequest.Method, _ url: String, headers: HTTPFields = [:], body: [UInt8] = [], timeout: Duration = .seconds(30),
        maximumResponseBytes: Int = 8 << 20
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.maximumResponseBytes = maximumResponseBytes
    }
}

/// A vendor's response, whole.
public struct ClientResponse: Sendable {
    public var status: HTTPResponse.Status
    public var headers: HTTPFields
    public var body: [UInt8]

    public init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The body as text; bytes that are no UTF-8 are replaced.
    public var text: String { String(decoding: body, as: UTF8.self) }
}

/// A vendor's response whose body is still coming.
public struct StreamedResponse: Sendable {
    public var status: HTTPResponse.Status
    public var headers: HTTPFields
    /// Pieces of the body as they arrive. Ends with ``PluginFailure`` where the connection breaks. Leaving the loop ends the transfer.
    public var body: AsyncThrowingStream<[UInt8], any Error>

    public init(status: HTTPResponse.Status, headers: HTTPFields, body: AsyncThrowingStream<[UInt8], any Error>) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

extension ClientResponse {
    /// The failure that a status means where the vendor's document says nothing more exact; nil for 2xx.
    ///
    /// 401 and 403 reject the credentials, 408, 425, 429 and 5xx are tried again, every other status is permanent. `Retry-After` is honoured in seconds
    /// and as an HTTP date against `now`.
    public func failure(from vendor: String, now: any TimeSource, file: StaticString = #fileID, line: UInt = #line) -> PluginFailure? {
        let wait = headers[.retryAfter].flatMap { RetryAfter.parse($0, now: now.now) }
        switch status.code {
        case 200..<300: return nil
        case 401, 403:
            return .credentialsRejected("\(vendor) answered \(status.code): check the credentials and their permissions", file: file, line: line)
        case 429: return .notReady(.rateLimited, "\(vendor) answered 429: too many requests", retryAfter: wait, file: file, line: line)
        case 408, 425: return .notReady(.timeout, "\(vendor) answered \(status.code)", retryAfter: wait, file: file, line: line)
        case 503, 529: return .notReady(.overloaded, "\(vendor) answered \(status.code)", retryAfter: wait, file: file, line: line)
        case 500...: return .notReady(.vendorFault, "\(vendor) answered \(status.code)", retryAfter: wait, file: file, line: line)
        case 404, 410: return .permanent(.notFound, "\(vendor) answered \(status.code)", file: file, line: line)
        default: return .permanent(.invalidRequest, "\(vendor) answered \(status.code)", file: file, line: line)
        }
    }
}
