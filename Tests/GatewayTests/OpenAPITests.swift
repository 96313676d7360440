import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import Synchronization
import Testing

@testable import Gateway

/// The OpenAPI document against the routes, both ways; against its standard; and real answers, of what is done and of what is refused, against it.
@Suite struct OpenAPITests {
    /// A gateway with all that has a route of its own.
    private func run(_ configure: (inout GatewayConfiguration) -> Void = { _ in }, _ body: (TestHouse) async throws -> Void) async throws {
        try await TestHouse.run(
            board: MemoryBoard(), heartbeats: MemoryHeartbeats(), sources: SourceBlockTests.Sources(),
            {
                $0.rates.api = nil
                $0.rates.failures = nil
                $0.rates.block = nil
                configure(&$0)
            }, body: body)
    }

    /// One answer, under the path that the document has for it.
    private struct Answer: Encodable {
        var method: String
        var path: String
        var status: String
        var body: String

        init(_ route: String, _ answer: RawResponse) {
            let words = route.split(separator: " ").map(String.init)
            (method, path, status, body) = (words[0].lowercased(), words[1], "\(answer.status)", answer.body)
        }
    }

    private struct Given: Encodable {
        var document: String
        var answers: [Answer]
    }

    /// Holds answers against the document that `house` serves.
    private func check(_ answers: [Answer], _ house: TestHouse) async throws {
        let given = Given(document: try await house.request("GET", "/api/openapi.yaml").body, answers: answers)
        let check = """
            import sys, json, yaml
            from openapi_schema_validator import OAS30Validator
            given = json.load(sys.stdin)
            document = yaml.safe_load(given["document"])
            def inline(node):
                if isinstance(node, dict):
                    if "$ref" in node:
                        target = document
                        for part in node["$ref"][2:].split("/"): target = target[part]
                        return inline(target)
                    return {key: inline(value) for key, value in node.items()}
                return [inline(value) for value in node] if isinstance(node, list) else node
            for answer in given["answers"]:
                operation = document["paths"][answer["path"]][answer["method"]]
                name = answer["method"] + " " + answer["path"]
                if answer["status"] not in operation["responses"]:
                    print(name, "answers", answer["status"], "and does not say so", answer["body"])
                    continue
                schema = inline(operation["responses"][answer["status"]])["content"]["application/json"]["schema"]
                for error in OAS30Validator(schema).iter_errors(json.loads(answer["body"])):
                    print(name, answer["status"], error.message, list(error.path))
            print(len(given["answers"]), "checked")
            """
        let (status, said) = try await runAside(
            ["python3", "-c", check], input: String(decoding: try JSONEncoder().encode(given), as: UTF8.self))
        #expect(status == 0 && said == "\(answers.count) checked\n", "\(said)")
    }

    /// A path that the route takes.
    private func path(_ route: String) -> String {
        String(route.split(separator: " ")[1]).replacing("{id}", with: "c1").replacing("{instance}", with: "webchat")
            .replacing("{source}", with: "boiler").replacing("{name}", with: "backup")
    }

    private static func method(_ route: String) -> String { String(route.prefix { $0 != " " }) }

    /// What is neither JSON nor behind the token.
    private static let plain = ["GET /healthz", "GET /metrics", "GET /api/openapi.yaml", "GET /api/v1/attachments/{id}"]

    @Test func theDocumentHasTheRoutesAndTheirAnswers() async throws {
        try await run { house in
            let served = try await house.request("GET", "/api/openapi.yaml")
            #expect(served.headers["content-type"] == "application/yaml; charset=utf-8")
            let list = """
                import sys, yaml, openapi_spec_validator
                document = yaml.safe_load(sys.stdin)
                openapi_spec_validator.validate(document)
                for path, item in document["paths"].items():
                    for method in item:
                        if method != "parameters": print(method.upper(), path)
                """
            let (status, output) = try await runAside(["python3", "-c", list], input: served.body)
            try #require(status == 0, "\(output)")
            let documented = Set(output.split(separator: "\n").map(String.init))
            #expect(documented == Set(house.documentedRoutes.withLock { $0 }))

            var answers: [Answer] = []
            for route in documented where !Self.plain.contains(route) {
                let query = route.hasSuffix("search") ? "?q=x" : route.hasSuffix("v1/why") ? "?of=x" : ""
                let body =
                    switch route {
                    case "POST /api/v1/tasks": #"{"department":"d","summary":"s"}"#
                    case "PATCH /api/v1/tasks/{id}": #"{"action":"claim"}"#
                    case "PATCH /api/v1/conversations/{id}": #"{"action":"release"}"#
                    case "POST /api/v1/conversations/{id}/messages": #"{"text":"x"}"#
                    case "POST /api/v1/incidents": #"{"priority":"P1","title":"t"}"#
                    case "PATCH /api/v1/incidents/{id}": #"{"action":"take"}"#
                    case "POST /api/v1/maintenance/begin": #"{"seconds":60}"#
                    case "POST /api/v1/oncall/answers": #"{"action":"acknowledge","name":"DiskFull"}"#
                    case "POST /api/v1/alerts": #"{"name":"DiskFull","labels":{"host":"a"}}"#
                    default: ""
                    }
                let headers = route.hasSuffix("{source}") ? ["Authorization: s"] : ["Authorization: Bearer \(TestHouse.token)"]
                let answer = try await house.request(Self.method(route), path(route) + query, headers: headers, body: body)
                #expect((200..<300).contains(answer.status), "\(route): \(answer.body)")
                answers.append(Answer(route, answer))
            }
            #expect(answers.count == documented.count - Self.plain.count)
            try await check(answers, house)
        }
    }

    /// What stands before every route refuses each of them, and the document says so of each.
    @Test func theDocumentHasEveryRefusal() async throws {
        func collect(
            _ expected: Int, of house: TestHouse, into answers: inout [Answer], where isMeant: (String) -> Bool = { _ in true },
            _ ask: (String) async throws -> RawResponse
        ) async throws {
            for route in house.documentedRoutes.withLock({ $0 }) where route.contains("/api/v1/") && isMeant(route) {
                let answer = try await ask(route)
                #expect(answer.status == expected, "\(route): \(answer.body)")
                answers.append(Answer(route, answer))
            }
        }
        // A source has no token of the API, a heartbeat's body and query are not looked at, and an alert has no query.
        let isRead = { (route: String) in !route.contains("/heartbeats") && !route.hasSuffix("{source}") }
        let hasBody = { (route: String) in !route.hasPrefix("GET ") }
        try await run { house in
            var answers: [Answer] = []
            try await collect(401, of: house, into: &answers) { try await house.request(Self.method($0), path($0)) }
            try await collect(400, of: house, into: &answers, where: { isRead($0) && $0 != "POST /api/v1/alerts" }) { route in
                let answer = try await house.api(Self.method(route), path(route) + "?nonsense=1", body: hasBody(route) ? "{}" : "")
                #expect(answer.errorCode == "unknown_parameter", "\(route): \(answer.body)")
                return answer
            }
            try await collect(400, of: house, into: &answers, where: { isRead($0) && hasBody($0) }) {
                try await house.api(Self.method($0), path($0), body: "{")
            }
            try await collect(422, of: house, into: &answers, where: { isRead($0) && hasBody($0) }) {
                try await house.api(Self.method($0), path($0), body: #"{"nonsense":1}"#)
            }
            try await collect(413, of: house, into: &answers, where: hasBody) {
                try await house.api(Self.method($0), path($0), headers: ["Content-Length: 9000000"])
            }
            try await check(answers, house)
        }
        try await run({ $0.apiAllowlist = [AddressRange("192.0.2.0/24")!] }) { house in
            var answers: [Answer] = []
            try await collect(403, of: house, into: &answers) { try await house.api(Self.method($0), path($0)) }
            // This house's own document is behind the list as well.
            try await run { try await check(answers, $0) }
        }
        try await run({ $0.token = nil }) { house in
            var answers: [Answer] = []
            try await collect(503, of: house, into: &answers, where: { !$0.hasSuffix("{source}") }) {
                try await house.request(Self.method($0), path($0))
            }
            try await check(answers, house)
        }
        try await run({ $0.rates.api = RateLimits.Rate(perSecond: 0.001, burst: 1) }) { house in
            var answers: [Answer] = []
            _ = try await house.api("GET", "/api/v1/tasks")
            // Alerts are not limited by how many come; see ``LimitTests``.
            try await collect(429, of: house, into: &answers, where: { !$0.contains("/api/v1/alerts") }) {
                try await house.api(Self.method($0), path($0))
            }
            try await run { try await check(answers, $0) }
        }
    }

    @Test func theDocumentHasEveryParameter() async throws {
        try await run { house in
            let list = """
                import sys, yaml
                document = yaml.safe_load(sys.stdin)
                def named(node): return document["components"]["parameters"][node["$ref"].split("/")[-1]] if "$ref" in node else node
                for path, item in document["paths"].items():
                    for method, operation in item.items():
                        if method == "parameters" or not path.startswith("/api/v1/"): continue
                        names = [p["name"] for p in map(named, operation.get("parameters", [])) if p["in"] == "query"]
                        if names: print(method.upper(), path, *sorted(names))
                """
            let (status, output) = try await runAside(["python3", "-c", list], input: try await house.request("GET", "/api/openapi.yaml").body)
            try #require(status == 0, "\(output)")
            let taken = APIRoutes.all(house.hotel).filter { !$0.taking.isEmpty }
                .map { ([$0.method.rawValue, $0.path] + $0.taking.sorted()).joined(separator: " ") }
            #expect(taken.count > 10)
            #expect(Set(output.split(separator: "\n").map(String.init)) == Set(taken))
        }
    }
}
