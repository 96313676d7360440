/// Which servers an instance may reach, by HTTP and for mail, and how. Nothing is allowed by default: who makes a policy says what it allows.
public struct OutboundPolicy: Sendable, Hashable {
    /// Host names that may be called: exact, or `*.example.com` for all below it; nil for every host.
    public var allowedHosts: Set<String>?
    /// False to refuse addresses that are not public, after a name has been resolved: the machine itself, the hotel's own network, the cloud's
    /// metadata service; save for ``privateHosts``.
    public var allowsPrivateAddresses: Bool
    /// Hosts whose addresses need not be public, written as ``allowedHosts`` are. What another name leads to is refused all the same: that one of an
    /// instance's hosts is in the house says nothing of the others.
    public var privateHosts: Set<String>
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
        allowedHosts: Set<String>?, allowsPrivateAddresses: Bool, privateHosts: Set<String> = [], proxy: String? = nil,
        certificateAuthorities: String? = nil,
        connectTimeout: Duration = .seconds(10)
    ) {
        self.allowedHosts = allowedHosts
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.privateHosts = privateHosts
        self.proxy = proxy
        self.certificateAuthorities = certificateAuthorities
        self.connectTimeout = connectTimeout
    }

    /// Whether a host, as the URL names it, may be called.
    public func allows(host: String) -> Bool {
        allowedHosts.map { Self.isNamed(host, in: $0) } ?? true
    }

    /// Whether a host, as the URL names it, may have an address that is not public.
    public func allowsPrivateAddress(of host: String) -> Bool { allowsPrivateAddresses || Self.isNamed(host, in: privateHosts) }

    /// Why a private address is not called, and what to do where it is meant.
    static let refusal = "this instance may not call it by this name; where it is meant, name it under network.hosts with network.allow_private"

    private static func isNamed(_ host: String, in names: Set<String>) -> Bool {
        guard !names.isEmpty else { return false }
        let host = folded(host)
        return names.contains { name in
            let name = folded(name)
            return name.hasPrefix("*.") ? host.hasSuffix(name.dropFirst()) : host == name
        }
    }

    /// A name's case and the dot of its root say nothing.
    private static func folded(_ host: String) -> String {
        let name = host.lowercased()
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }
}
