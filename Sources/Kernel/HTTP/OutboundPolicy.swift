/// Which servers an instance may reach, by HTTP and for mail, and how. Nothing is allowed by default: who makes a policy says what it allows.
public struct OutboundPolicy: Sendable, Hashable {
    /// Host names that may be called: exact, or `*.example.com` for all below it; nil for every host.
    public var allowedHosts: Set<String>?
    /// False to refuse addresses that are not public, after a name has been resolved: the machine itself, the hotel's own network, the cloud's
    /// metadata service.
    public var allowsPrivateAddresses: Bool
    /// The URL of an HTTP proxy; nil for none. The environment's proxy is never used. With a proxy it is the proxy that resolves names, so private
    /// addresses are its to refuse.
    public var proxy: String?
    /// A PEM file with the certificate authorities to trust in place of the system's.
    public var certificateAuthorities: String?
    /// A connection, TLS included, must be there within this time.
    public var connectTimeout: Duration

    /// Every host and every address: for a client of the operator's own, which sends where it is told to, and for tests. Never for a plugin instance.
    public static let unrestricted = OutboundPolicy(allowedHosts: nil, allowsPrivateAddresses: true)

    public init(
        allowedHosts: Set<String>?, allowsPrivateAddresses: Bool, proxy: String? = nil, certificateAuthorities: String? = nil,
        connectTimeout: Duration = .seconds(10)
    ) {
        self.allowedHosts = allowedHosts
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.proxy = proxy
        self.certificateAuthorities = certificateAuthorities
        self.connectTimeout = connectTimeout
    }

    /// Whether a host, as the URL names it, may be called.
    public func allows(host: String) -> Bool {
        guard let allowedHosts else { return true }
        let name = Self.folded(host)
        return allowedHosts.contains { allowed in
            let allowed = Self.folded(allowed)
            return allowed.hasPrefix("*.") ? name.hasSuffix(allowed.dropFirst()) : name == allowed
        }
    }

    /// A name's case and the dot of its root say nothing.
    private static func folded(_ host: String) -> String {
        let name = host.lowercased()
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }
}
