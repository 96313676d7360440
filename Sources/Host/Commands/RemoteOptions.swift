import ArgumentParser
import Foundation
import Gateway
import HTTPTypes
import Kernel
import PluginAPI

/// How a command finds a running Jack.
struct RemoteOptions: ParsableArguments {
    @OptionGroup var options: ConfigurationOptions
    @Option(help: ArgumentHelp("Where Jack is, in place of what the configuration says.", valueName: "url")) var url: String?
    @Flag(help: "Print JSON.") var json = false

    var client: RemoteClient {
        get throws {
            let settings = try options.connection(), server = settings.server
            let host = ["0.0.0.0", "::", ""].contains(server.host) ? "127.0.0.1" : server.host
            guard let token = settings.security.localToken else {
                Terminal.error("jack: there is no security.local_token; start Jack once, or set LOCAL_TOKEN")
                throw ExitCode(2)
            }
            return try RemoteClient(base: url ?? "http://\(host.contains(":") ? "[\(host)]" : host):\(server.port)", token: token)
        }
    }

    func print(_ value: some Encodable) throws { Swift.print(String(decoding: try RemoteClient.encoder.encode(value), as: UTF8.self)) }
}

/// A list as the API sends it.
struct ItemList<Item: Codable & Sendable>: Codable, Sendable {
    var items: [Item]
}

/// Asks a running Jack through its API.
struct RemoteClient: Sendable {
    let base: String
    private let token: Secret
    private let http: CurlHTTPClient

    static var encoder: JSONEncoder {
        let encoder = APICoding.encoder
        encoder.outputFormatting.insert(.prettyPrinted)
        return encoder
    }

    init(base: String, token: Secret) throws {
        self.base = base
        self.token = token
        // The operator says where Jack is.
        http = CurlHTTPClient(engine: try CurlEngine(), policy: OutboundPolicy(toReach: base, allowsPrivate: true))
    }

    func get<T: Decodable>(_ path: String, as type: T.Type) async throws -> T { try await send(.get, path, nil, as: type) }

    /// A list: what is on its first page, or `whole`, page by page to its end. A program that reads JSON is not told that there was more.
    func list<Item: Codable & Sendable>(
        _ path: String, _ filters: [(String, String?)] = [], of type: Item.Type, whole: Bool
    ) async throws -> API.Page<Item> {
        var all = API.Page<Item>([])
        repeat {
            let query = (filters + [("limit", "100"), ("cursor", all.nextCursor)]).compactMap { name, value in
                value.map { "\(name)=\(Self.escaped($0))" }
            }
            let page = try await get("\(path)?\(query.joined(separator: "&"))", as: API.Page<Item>.self)
            all.items += page.items
            all.nextCursor = page.nextCursor
        } while whole && all.nextCursor != nil
        return all
    }

    /// A text as one part of a path, or as a value of a query.
    static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(.init(charactersIn: "_-"))) ?? ""
    }

    /// - Throws: `ExitCode`, after the reason is on standard error.
    func send<T: Decodable>(_ method: HTTPRequest.Method, _ path: String, _ body: JSONValue?, as type: T.Type) async throws -> T {
        var headers: HTTPFields = [.authorization: "Bearer \(token.reveal())", .accept: "application/json"]
        if body != nil { headers[.contentType] = "application/json" }
        if let user = ProcessInfo.processInfo.environment["USER"], let name = HTTPField.Name("X-Staff-Name") { headers[name] = user }
        let response: ClientResponse
        do {
            let bytes = try body.map { [UInt8](try JSONEncoder().encode($0)) } ?? []
            response = try await http.send(ClientRequest(method, base + path, headers: headers, body: bytes, timeout: .seconds(60)))
        } catch let failure as PluginFailure {
            Terminal.error("jack: no Jack answers at \(base): \(failure.message)")
            throw ExitCode(2)
        }
        guard response.status.code < 300 else {
            let message = (try? JSONDecoder().decode(JSONValue.self, from: Data(response.body)))?["error"]?["message"]?.stringValue
            Terminal.error("jack: \(message ?? "the answer was \(response.status.code)")")
            throw ExitCode(1)
        }
        return try APICoding.decoder.decode(type, from: Data(response.body))
    }
}
