import Foundation
import PluginAPI

/// Where an instance may send requests beyond what its own settings name; the `network:` of an instance in YAML.
public struct NetworkSettings: PluginSettings, Hashable {
    @Setting(help: "Further hosts that may be called: names, or `*.example.com` for all below one.", example: "[\"*.example.com\"]")
    public var hosts: [String] = []
    @Setting(
        help:
            "Whether hosts may have addresses of this machine and of private networks: true for those under `hosts`, or for all that may be called where `hosts` names none. Such an address or in-house name that a setting itself names (`http://127.0.0.1:…`, `localhost`, `http://model-server:…`) may be called unless this is false; it opens no other host's private addresses."
    )
    public var allowPrivate: Bool?

    public init() {}

    public static func == (left: NetworkSettings, right: NetworkSettings) -> Bool { left.printed == right.printed }
    public func hash(into hasher: inout Hasher) { hasher.combine(printed) }
}

extension OutboundPolicy {
    /// What an instance may reach: the hosts that its settings name, in URLs and under the key `host`, those of the recipients that a plan names for it, those that its plugin declares as where data goes, and those that
    /// the operator adds. A plugin that was taken over, or that a vendor's answer leads astray, reaches nobody else.
    public init(for spec: InstanceSpec) {
        let hosts = Self.hosts(in: spec.settings.printed)
        let named = Self.urls(in: spec.settings.printed) + spec.recipients
        // A name alone is private or not as it would be in a URL.
        let inHouse = named.filter(PrivateHost.isNamed).compactMap(Self.host) + hosts.filter { PrivateHost.isNamed(by: Self.place($0)) }
        let declared = spec.registration.manifest.destinations.map(\.recipient).filter(Self.isHostName)
        let (allowsPrivate, added) = (spec.network.allowPrivate, spec.network.hosts)
        self.init(
            allowedHosts: Set(named.compactMap(Self.host) + hosts + declared + added),
            // The operator who names hosts beside it means those.
            allowsPrivateAddresses: allowsPrivate == true && added.isEmpty,
            privateHosts: allowsPrivate == false ? [] : Set(inHouse + (allowsPrivate == true ? added : [])))
    }

    /// Only the host of one URL may be called; this machine where the URL names it.
    public init(toReach url: String?, allowsPrivate: Bool) {
        let urls = Self.urls(in: .string(url ?? ""))
        self.init(
            allowedHosts: Set(urls.compactMap(Self.host)), allowsPrivateAddresses: allowsPrivate,
            privateHosts: Set(urls.filter(PrivateHost.isNamed).compactMap(Self.host)))
    }

    private static func place(_ host: String) -> String { "host://" + (host.contains(":") ? "[\(host)]" : host) }

    /// All http and https URLs that settings hold.
    private static func urls(in settings: JSONValue) -> [String] {
        switch settings {
        case .string(let text): text.hasPrefix("http://") || text.hasPrefix("https://") ? [text] : []
        case .array(let values): values.flatMap(urls)
        case .object(let values): values.values.flatMap(urls)
        default: []
        }
    }

    /// What settings under the key `host` name: servers that are reached otherwise than by a URL, such as those of mail.
    private static func hosts(in settings: JSONValue) -> [String] {
        switch settings {
        case .array(let values): values.flatMap(hosts)
        case .object(let values):
            values.flatMap { key, value in
                if key == "host", case .string(let name) = value { return isServerName(name) ? [name] : [] }
                return hosts(in: value)
            }
        default: []
        }
    }

    /// A name or an address, and nothing that would mean several.
    private static func isServerName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                $0 < 0x80
                    && ([0x2D, 0x2E, 0x3A, 0x5F].contains($0) || Character(UnicodeScalar($0)).isLetter || Character(UnicodeScalar($0)).isNumber)
            }
    }

    private static func host(of url: String) -> String? {
        guard let host = URLComponents(string: url)?.host, !host.isEmpty else { return nil }
        return host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    }

    private static func isHostName(_ text: String) -> Bool {
        text.contains(".")
            && text.utf8.allSatisfy {
                $0 < 0x80
                    && ($0 == 0x2D || $0 == 0x2E || $0 == 0x2A || Character(UnicodeScalar($0)).isLetter || Character(UnicodeScalar($0)).isNumber)
            }
    }
}
