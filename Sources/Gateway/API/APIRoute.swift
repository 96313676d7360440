import Foundation
import HTTPTypes
import PluginAPI

/// One route of the REST API.
struct APIRoute: Sendable {
    let method: HTTPRequest.Method
    /// With `{name}` for what varies, as the OpenAPI document writes it.
    let path: String
    /// The query's parameters that it takes.
    var taking: [String] = []
    let handle: @Sendable (APIRequest) async throws -> PluginResponse

    /// - Parameter taking: the query's parameters. Any other is an error: a filter that is misspelt must not show everything.
    static func get<Out: Encodable & Sendable>(
        _ path: String, taking names: [String] = [], _ body: @escaping @Sendable (APIRequest) async throws -> Out
    ) -> APIRoute {
        APIRoute(method: .get, path: path, taking: names) { request in
            try request.allow(names)
            return try .api(await body(request))
        }
    }

    static func send<In: APIInput, Out: Encodable & Sendable>(
        _ method: HTTPRequest.Method, _ path: String, _ type: In.Type, status: HTTPResponse.Status = .ok,
        _ body: @escaping @Sendable (APIRequest, In) async throws -> Out
    ) -> APIRoute {
        APIRoute(method: method, path: path) { request in
            try request.allow([])
            return try .api(await body(request, APICoding.read(type, from: request.body)), status: status)
        }
    }
}

/// A request that was let in.
struct APIRequest: Sendable {
    var parameters: [String: String]
    var query: [(name: String, value: String)]
    var body: [UInt8]
    /// Who acts. A name that the caller gives, until staff have accounts.
    var staff: String

    func parameter(_ name: String) -> String { parameters[name] ?? "" }

    /// The first value of a query parameter; an empty one counts as absent.
    func query(_ name: String) -> String? { query.first { $0.name == name && !$0.value.isEmpty }?.value }

    /// Refuses parameters that the route does not know.
    func allow(_ names: [String]) throws {
        let unknown = query.map(\.name).filter { !names.contains($0) }
        guard unknown.isEmpty else {
            throw GatewayError(
                .badRequest, "unknown_parameter", "there is no parameter \(unknown.joined(separator: ", "))",
                details: [
                    "fields": .object(
                        Dictionary(unknown.map { ($0, .string(Suggestion.remedy(for: $0, among: names) ?? "is not known here")) }) { a, _ in a })
                ])
        }
    }

    /// `limit` and `cursor`.
    func page() throws -> API.PageRequest { API.PageRequest(limit: try limit(), cursor: query("cursor")) }

    func limit(default usual: Int = 50) throws -> Int {
        guard let text = query("limit") else { return usual }
        guard let limit = Int(text), (1...100).contains(limit) else {
            throw GatewayError.invalid(parameter: "limit", "is not a number from 1 to 100")
        }
        return limit
    }

    /// One of an enumeration's values.
    func choice<T: RawRepresentable & CaseIterable>(_ name: String, _ type: T.Type) throws -> T? where T.RawValue == String {
        guard let text = query(name) else { return nil }
        guard let value = T(rawValue: text) else {
            let names = T.allCases.map(\.rawValue).joined(separator: ", ")
            throw GatewayError.invalid(parameter: name, "is none of \(names)")
        }
        return value
    }
}

extension PluginResponse {
    static func api(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> PluginResponse {
        PluginResponse(
            status, headers: [.contentType: "application/json", .cacheControl: "no-store"], body: [UInt8](try APICoding.encoder.encode(value)))
    }
}
