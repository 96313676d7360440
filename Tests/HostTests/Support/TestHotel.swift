import Foundation
import Gateway
import HTTPTypes
import Kernel
import PluginAPI
import Testing

@testable import Host

/// The sample hotel with an AI that answers by rule, in a folder of its own: the whole of Jack, on a free port.
final class TestHotel: Sendable {
    static let token = "a-token-of-the-host-tests-0123456789"

    let folder: URL
    let application: JackApplication
    let configurator: Configurator
    private let http: CurlEngine

    var file: URL { folder.appendingPathComponent("config/jack.yaml") }
    var database: String { folder.appendingPathComponent("data/jack.db").path }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Makes the folder; nothing is opened yet.
    static func folder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("jack-host-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let config = folder.appendingPathComponent("config")
        try FileManager.default.copyItem(at: root.appendingPathComponent("config"), to: config)
        let file = config.appendingPathComponent("jack.yaml")
        var text = try String(contentsOf: file, encoding: .utf8)
        let section = try #require(text.firstRange(of: #/ai:\n  embedded:\n(    .*\n)+/#), "jack.yaml has another AI section than the tests expect")
        text.replaceSubrange(section, with: "ai:\n  embedded: {plugin: scripted}\n")
        try text.write(to: file, atomically: true, encoding: .utf8)
        return folder
    }

    static func configurator(_ folder: URL, assignments: [String] = [], environment: [String: String] = ["LOCAL_TOKEN": token]) -> Configurator {
        Configurator(
            file: folder.appendingPathComponent("config/jack.yaml").path,
            assignments: ["server.port=0", "server.rate_limit.requests=0", "storage.path=\(folder.path)/data/jack.db", "log.level=critical"]
                + assignments,
            environment: environment, registrations: JackHost.builtIn + [PluginRegistration(ScriptedAI.self), PluginRegistration(OddSink.self)])
    }

    init(_ folder: URL, assignments: [String] = []) async throws {
        self.folder = folder
        configurator = Self.configurator(folder, assignments: assignments)
        let (loaded, diagnostics) = try configurator.load(makingSecrets: true)
        application = try await JackApplication(try #require(loaded, "\(diagnostics.sorted)"), configurator: configurator)
        http = try CurlEngine()
    }

    /// Runs `body` with a started hotel, and stops it and takes its folder away whatever happens.
    static func run(
        assignments: [String] = [], configure: (TestFile) throws -> Void = { _ in }, _ body: (TestHotel) async throws -> Void
    ) async throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try configure(TestFile(url: folder.appendingPathComponent("config/jack.yaml")))
        let hotel = try await TestHotel(folder, assignments: assignments)
        do {
            try await hotel.application.start()
            try await body(hotel)
        } catch {
            await hotel.stop()
            throw error
        }
        await hotel.stop()
    }

    func stop() async {
        await application.stop()
        await http.shutdown()
    }

    var port: Int { get throws { try #require(application.port) } }

    // MARK: Talking to it

    struct Answer: Sendable {
        var status: Int
        var json: JSONValue
        var text: String

        subscript(key: String) -> JSONValue { json[key] ?? .null }
        var items: [JSONValue] { json["items"]?.arrayValue ?? [] }
    }

    func send(_ method: HTTPRequest.Method, _ path: String, _ body: JSONValue? = nil, token: String? = TestHotel.token) async throws -> Answer {
        var headers: HTTPFields = [:]
        if let token { headers[.authorization] = "Bearer \(token)" }
        if body != nil { headers[.contentType] = "application/json" }
        if let name = HTTPField.Name("X-Staff-Name") { headers[name] = "Rosa" }
        let bytes = try body.map { [UInt8](try JSONEncoder().encode($0)) } ?? []
        let response = try await CurlHTTPClient(engine: http, policy: .unrestricted).send(
            ClientRequest(method, "http://127.0.0.1:\(try port)\(path)", headers: headers, body: bytes, timeout: .seconds(30)))
        let json = try? JSONDecoder().decode(JSONValue.self, from: Data(response.body))
        return Answer(status: response.status.code, json: json ?? .null, text: String(decoding: response.body, as: UTF8.self))
    }

    func get(_ path: String, token: String? = TestHotel.token) async throws -> Answer { try await send(.get, path, token: token) }

    func window(token: String? = nil) async throws -> Window { try await Window.open(try port, token: token) }

    /// The conversation that changed last.
    func newest() async throws -> String {
        try #require(try await get("/api/v1/conversations?limit=1").items.first?["id"]?.stringValue)
    }

    /// Waits until `check` holds; what is waited for is a socket's or a background task's work, and takes milliseconds.
    func eventually(_ what: String, within limit: Duration = .seconds(20), _ check: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + limit
        while try await !check() {
            guard ContinuousClock.now < end else {
                Issue.record("\(what) did not come about within \(limit)")
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// The configuration file as a test edits it.
struct TestFile {
    let url: URL

    func edit(_ old: String, _ new: String) throws {
        let text = try String(contentsOf: url, encoding: .utf8)
        try #require(text.contains(old), "\(url.lastPathComponent) does not hold “\(old)”")
        try text.replacingOccurrences(of: old, with: new).write(to: url, atomically: true, encoding: .utf8)
    }
}

/// A guest's window.
final class Window: Sendable {
    let session: JSONValue
    private let socket: ChatSocket
    private let frames: Frames

    private actor Frames {
        private var iterator: AsyncStream<JSONValue>.AsyncIterator
        private var passedOver: [JSONValue] = []
        init(_ stream: AsyncStream<JSONValue>) { iterator = stream.makeAsyncIterator() }

        /// The next frame of a type; those of others wait until they are asked for. Nil at the end.
        func next(_ types: Set<String>) async -> JSONValue? {
            if let place = passedOver.firstIndex(where: { types.contains($0["type"]?.stringValue ?? "") }) { return passedOver.remove(at: place) }
            var reader = iterator
            defer { iterator = reader }
            while let frame = await reader.next(isolation: self) {
                if types.contains(frame["type"]?.stringValue ?? "") { return frame }
                passedOver.append(frame)
            }
            return nil
        }
    }

    private init(_ socket: ChatSocket, _ frames: Frames, _ session: JSONValue) {
        self.socket = socket
        self.frames = frames
        self.session = session
    }

    static func open(_ port: Int, token: String?) async throws -> Window {
        let socket = try await ChatSocket.open("ws://127.0.0.1:\(port)/ws/chat")
        try await socket.send(["type": "hello", "token": token.map { .string($0) } ?? .null, "locale": "en"])
        let frames = Frames(socket.frames)
        return Window(socket, frames, try #require(await frames.next(["session", "error"])))
    }

    var token: String? { session["token"]?.stringValue }
    var history: [JSONValue] { session["history"]?.arrayValue ?? [] }

    /// Sends a message and returns what is said of it: an acknowledgement or an error.
    func say(_ id: String, _ text: String) async throws -> JSONValue {
        try await socket.send(["type": "message", "id": .string(id), "text": .string(text)])
        return try #require(await next("ack", "error"))
    }

    func next(_ types: String...) async throws -> JSONValue? {
        let frames = frames, wanted = Set(types)
        return try await withThrowingTaskGroup(of: JSONValue?.self) { tasks in
            tasks.addTask { await frames.next(wanted) }
            tasks.addTask {
                try await Task.sleep(for: .seconds(30))
                throw HostError("no frame of \(wanted) within 30 s")
            }
            defer { tasks.cancelAll() }
            return try await tasks.next() ?? nil
        }
    }

    func ask(_ id: String, _ text: String) async throws -> JSONValue {
        let ack = try await say(id, text)
        try #require(ack["type"] == "ack", "\(ack)")
        return try #require(try await next("message"))
    }

    func close() async throws { try await socket.close() }
}
