import Kernel
import PluginAPI
import Synchronization

/// The fake vendor while a suite runs: well, or in the fault of the moment.
final class VendorStage: Sendable {
    /// What the vendor makes of its own answer; nil leaves it well.
    typealias Fault = @Sendable (LoopbackReply) -> LoopbackReply

    private final class Switch: Sendable {
        let fault = Mutex<Fault?>(nil)
        /// The last answer of a vendor that is well.
        let last = Mutex<LoopbackReply?>(nil)
    }

    let vendor: FakeVendor
    let server: LoopbackServer
    private let control: Switch

    private init(vendor: FakeVendor, server: LoopbackServer, control: Switch) {
        self.vendor = vendor
        self.server = server
        self.control = control
    }

    static func open(_ vendor: FakeVendor) async throws -> VendorStage {
        let control = Switch()
        let server = try await LoopbackServer.start { request in
            let reply = await vendor.answer(request)
            guard vendor.meetsFaults(request) else { return reply }
            guard let fault = control.fault.withLock({ $0 }) else {
                control.last.withLock { $0 = reply }
                return reply
            }
            return fault(reply)
        }
        return VendorStage(vendor: vendor, server: server, control: control)
    }

    var base: String { "http://127.0.0.1:\(server.port)" }
    var count: Int { server.requests.count }
    func requests(since mark: Int) -> [LoopbackServer.Request] { Array(server.requests.dropFirst(mark)) }

    /// How often each thing was asked for.
    func tally(since mark: Int) -> [String: Int] { requests(since: mark).reduce(into: [:]) { $0["\($1.method) \($1.target)", default: 0] += 1 } }

    /// The answer that the vendor gave last while it was well.
    var lastReply: ReplyParts? { control.last.withLock { $0 }.flatMap(ReplyParts.init) }

    /// Has the vendor misbehave while `body` runs.
    func faulty<T>(_ fault: @escaping Fault, _ body: () async throws -> T) async rethrows -> T {
        control.fault.withLock { $0 = fault }
        defer { control.fault.withLock { $0 = nil } }
        return try await body()
    }
}

/// The HTTP client that a plugin under a suite is given: Jack's own, with a limit on the patience of the test, and a count.
final class ContractHTTPClient: HTTPClient {
    private struct State {
        var patience: Duration = .seconds(15)
        var asked: [Duration] = []
    }

    private let base: any HTTPClient
    private let state = Mutex(State())

    init(_ base: any HTTPClient) { self.base = base }

    /// The timeouts that the plugin asked for.
    var asked: [Duration] { state.withLock { $0.asked } }
    func setPatience(_ patience: Duration) { state.withLock { $0.patience = patience } }

    func send(_ request: ClientRequest) async throws -> ClientResponse { try await base.send(limited(request)) }
    func stream(_ request: ClientRequest) async throws -> StreamedResponse { try await base.stream(limited(request)) }

    private func limited(_ request: ClientRequest) -> ClientRequest {
        var request = request
        let timeout = request.timeout
        request.timeout = state.withLock { state in
            state.asked.append(timeout)
            return min(timeout, state.patience)
        }
        return request
    }
}
