import Foundation
import HTTPTypes
import Kernel
import PluginAPI

/// Who may open which WebSocket. Runs on event loops, so it answers at once.
struct SocketPolicy: Sendable {
    let configuration: GatewayConfiguration
    let resolver: ClientResolver
    let limiters: Limiters
    let metrics: RequestMetrics
    let routes: any RouteTable
    let apiGuard: APIGuard
    /// `/ws`, where there is something to say on it.
    let staff: SocketRoute?
    let maintenance: MaintenanceGate

    func decide(_ head: HTTPRequest, _ peer: String?) -> SocketDecision {
        let path = String((head.path ?? "").prefix { $0 != "?" })
        let isStaff = path == "/ws" && staff != nil
        guard let mounted = isStaff ? staff.map({ MountedSocket(instance: "gateway", route: $0) }) : routes.socket(path) else { return .pass }
        let client = resolver.resolve(peer: peer, authority: head.authority, headers: head.headerFields)
        let asked = head.headerFields[values: .secWebSocketProtocol].flatMap { $0.split(separator: ",") }
            .map { $0.trimmingCharacters(in: .whitespaces) }
        do {
            try checkOrigin(head.headerFields[.origin], client)
            if let wait = limiters.take(.sockets, client.address) {
                metrics.rateLimited(.sockets)
                throw GatewayError.rateLimited(wait)
            }
            if isStaff {
                let list = configuration.apiAllowlist
                guard list.isEmpty || client.address.map({ address in list.contains { $0.contains(address) } }) == true else {
                    throw GatewayError(.forbidden, "address_not_allowed", "this address may not use the API")
                }
                try apiGuard.check(subprotocols: asked, client.address)
            } else {
                try maintenance.check(mounted.instance)
            }
        } catch {
            return .refuse(GatewayError.of(error))
        }
        var request = PluginRequest(head: head, client: client)
        // A socket lives long: of its opening, only what a plugin can use is kept. The token is not for plugins.
        for name in Self.dropped { request.headers[name] = nil }
        if isStaff { request.headers[.secWebSocketProtocol] = nil }
        return .accept(mounted, request, subprotocol: isStaff ? "jack.v1" : nil)
    }

    /// A browser sends along what its user may see; a page of somebody else's must not open a socket in their name. Programs send no origin.
    private func checkOrigin(_ origin: String?, _ client: Client) throws {
        guard let origin else { return }
        if configuration.allowsOrigin(origin) { return }
        if origin == "\(client.scheme)://\(client.host)" { return }
        // Behind a proxy that is not trusted the scheme is unknown, but the host is the one that the browser wrote.
        if let separator = origin.range(of: "://"), !client.host.isEmpty, origin[separator.upperBound...].lowercased() == client.host.lowercased() {
            return
        }
        throw GatewayError(.forbidden, "origin_not_allowed", "this page may not open a socket here")
    }

    private static let dropped: [HTTPField.Name] = [
        .connection, .upgrade, .secWebSocketKey, .secWebSocketVersion, .secWebSocketExtensions, .cacheControl, .known("Pragma"), .acceptEncoding,
    ]
}
