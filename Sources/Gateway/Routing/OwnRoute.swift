import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import PluginAPI

/// A call of one of the gateway's own routes.
struct OwnCall: Sendable {
    let request: Request
    let context: GatewayContext
    let maximumBodyBytes: Int

    func body() async throws -> [UInt8] { try await request.wholeBody(upTo: maximumBodyBytes) }
}

/// A route with a fixed pattern: the gateway's own, not a plugin's.
struct OwnRoute: Sendable {
    let method: HTTPRequest.Method
    let path: String
    let respond: @Sendable (OwnCall, [String: String]) async throws -> PluginResponse

    init(_ method: HTTPRequest.Method, _ path: String, respond: @escaping @Sendable (OwnCall, [String: String]) async throws -> PluginResponse) {
        self.method = method
        self.path = path
        self.respond = respond
    }

    /// A router over all of them. A path that is there answers methods that it does not take with 405.
    static func router(_ routes: [OwnRoute], maximumBodyBytes: Int) -> some HTTPResponder<GatewayContext> {
        let router = Router(context: GatewayContext.self)
        for (path, routes) in Dictionary(grouping: routes, by: \.path) {
            for route in routes {
                for method in route.method == .get ? [.get, .head] : [route.method] {
                    router.on(RouterPath(path), method: method) { request, context in
                        var parameters: [String: String] = [:]
                        for (name, value) in context.parameters { parameters[String(name)] = value.removingPercentEncoding ?? String(value) }
                        let call = OwnCall(request: request, context: context, maximumBodyBytes: maximumBodyBytes)
                        return Response(try await route.respond(call, parameters))
                    }
                }
            }
            let taken = routes.map(\.method) + (routes.contains { $0.method == .get } ? [.head] : [])
            for method in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete, .options, .trace] where !taken.contains(method) {
                router.on(RouterPath(path), method: method) { _, _ -> Response in throw GatewayError.methodNotAllowed(taken) }
            }
        }
        return router.buildResponder()
    }
}
