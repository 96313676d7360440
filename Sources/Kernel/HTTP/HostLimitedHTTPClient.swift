import PluginAPI

/// A client that calls only the hosts that an instance's plugin declares (``PluginAPI/Plugin/outboundHosts(_:)``). Redirects are not followed by any client of
/// the kernel's, so the host of the URL is the host that is called.
struct HostLimitedHTTPClient: HTTPClient {
    private let client: any HTTPClient
    private let policy: OutboundPolicy

    /// - Parameter hosts: nil for every host: the client as it is.
    static func over(_ client: any HTTPClient, hosts: Set<String>?) -> any HTTPClient {
        guard let hosts else { return client }
        return HostLimitedHTTPClient(client: client, policy: OutboundPolicy(allowedHosts: hosts))
    }

    func send(_ request: ClientRequest) async throws -> ClientResponse {
        try check(request)
        return try await client.send(request)
    }

    func stream(_ request: ClientRequest) async throws -> StreamedResponse {
        try check(request)
        return try await client.stream(request)
    }

    private func check(_ request: ClientRequest) throws {
        let url = try OutboundURL(request.url)
        guard policy.allows(host: url.host) else {
            throw PluginFailure.permanent(.invalidRequest, "\(url.origin) is not among the hosts that this instance's plugin says it calls")
        }
    }
}
