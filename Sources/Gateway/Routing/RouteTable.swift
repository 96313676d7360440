import HTTPTypes
import PluginAPI
import Synchronization

/// A page and the instance that serves it.
public struct MountedPage: Sendable {
    public var instance: String
    public var route: PageRoute

    public init(instance: String, route: PageRoute) {
        self.instance = instance
        self.route = route
    }
}

/// A socket and the instance that serves it.
public struct MountedSocket: Sendable {
    public var instance: String
    public var route: SocketRoute

    public init(instance: String, route: SocketRoute) {
        self.instance = instance
        self.route = route
    }
}

/// What a webhook's path leads to.
public enum WebhookLookup: Sendable {
    case found(WebhookRoute)
    /// The path is there, for these methods.
    case otherMethods([HTTPRequest.Method])
    case none
}

/// Which plugin serves what, now. Asked for every request, from event loops too: it answers at once.
public protocol RouteTable: Sendable {
    /// - Parameter tail: what follows `/webhooks/<instance>`; empty or beginning with `/`.
    func webhook(instance: String, tail: String, method: HTTPRequest.Method) -> WebhookLookup
    func page(_ path: String) -> MountedPage?
    func socket(_ path: String) -> MountedSocket?
}

/// The route table of a running Jack: instances are mounted when they start and unmounted when they stop.
public final class MountedRoutes: RouteTable {
    private struct Hook: Hashable {
        var instance: String
        var tail: String
    }

    private struct State {
        var hooks: [Hook: [WebhookRoute]] = [:]
        var pages: [String: MountedPage] = [:]
        var sockets: [String: MountedSocket] = [:]
    }

    /// Paths that the gateway keeps for itself.
    public static let reserved = ["/api", "/webhooks", "/health", "/healthz", "/readyz", "/metrics", "/ws"]

    private let state = Mutex(State())

    public init() {}

    /// Puts an instance's routes in place of what it had. A webhook whose verification has no secret is left out.
    /// - Throws: ``PluginFailure`` permanent where a path is not one, is reserved, or belongs to another instance; nothing is mounted then.
    public func mount(_ routes: [PluginRoute], of instance: String) throws {
        try state.withLock { state in
            var next = state
            Self.remove(instance, from: &next)
            try Self.add(routes, of: instance, to: &next)
            state = next
        }
    }

    /// Puts the routes of all instances in place of everything, at once: no request comes between. An instance whose routes cannot be mounted has none.
    /// - Returns: why, by instance.
    @discardableResult
    public func replace(with all: [(instance: String, routes: [PluginRoute])]) -> [String: PluginFailure] {
        let (next, failures) = Self.lay(all)
        state.withLock { $0 = next }
        return failures
    }

    /// The instances whose routes cannot be mounted beside those before them, and why. Mounts nothing.
    public static func conflicts(among all: [(instance: String, routes: [PluginRoute])]) -> [String: PluginFailure] { lay(all).failures }

    private static func lay(_ all: [(instance: String, routes: [PluginRoute])]) -> (state: State, failures: [String: PluginFailure]) {
        var state = State(), failures: [String: PluginFailure] = [:]
        for (instance, routes) in all {
            var next = state
            do {
                try add(routes, of: instance, to: &next)
                state = next
            } catch {
                failures[instance] = error
            }
        }
        return (state, failures)
    }

    private static func add(_ routes: [PluginRoute], of instance: String, to next: inout State) throws(PluginFailure) {
        for route in routes {
            switch route {
            case .webhook(let hook):
                guard hook.tail.isEmpty || hook.tail.hasPrefix("/") else {
                    throw failure("the webhook tail “\(hook.tail)” does not begin with /")
                }
                guard hook.verification.isConfigured else { continue }
                let key = Hook(instance: instance, tail: hook.tail)
                guard next.hooks[key]?.contains(where: { $0.method == hook.method }) != true else {
                    throw failure("\(hook.method) \(hook.tail) is declared twice")
                }
                next.hooks[key, default: []].append(hook)
            case .page(let page):
                try check(page.path, isFreeIn: next)
                next.pages[page.path] = MountedPage(instance: instance, route: page)
            case .socket(let socket):
                try check(socket.path, isFreeIn: next)
                next.sockets[socket.path] = MountedSocket(instance: instance, route: socket)
            }
        }
    }

    /// Takes an instance's routes out. Requests that are under way are not touched.
    public func unmount(_ instance: String) { state.withLock { Self.remove(instance, from: &$0) } }

    public func webhook(instance: String, tail: String, method: HTTPRequest.Method) -> WebhookLookup {
        let hooks = state.withLock { $0.hooks[Hook(instance: instance, tail: tail)] } ?? []
        if let hook = hooks.first(where: { $0.method == method }) { return .found(hook) }
        return hooks.isEmpty ? .none : .otherMethods(hooks.map(\.method))
    }

    public func page(_ path: String) -> MountedPage? { state.withLock { $0.pages[path] } }
    public func socket(_ path: String) -> MountedSocket? { state.withLock { $0.sockets[path] } }

    private static func remove(_ instance: String, from state: inout State) {
        state.hooks = state.hooks.filter { $0.key.instance != instance }
        state.pages = state.pages.filter { $0.value.instance != instance }
        state.sockets = state.sockets.filter { $0.value.instance != instance }
    }

    private static func check(_ path: String, isFreeIn state: State) throws(PluginFailure) {
        guard path.hasPrefix("/"), !path.contains(where: { $0 == "?" || $0 == "#" || $0 == " " }) else { throw failure("“\(path)” is not a path") }
        if let taken = reserved.first(where: { path == $0 || (path.hasPrefix($0 + "/") && $0 != "/ws") }) {
            throw failure("“\(path)” is reserved: “\(taken)” is the gateway's own")
        }
        if let owner = state.pages[path]?.instance ?? state.sockets[path]?.instance { throw failure("“\(path)” is already served by “\(owner)”") }
    }

    private static func failure(_ message: String) -> PluginFailure { .permanent(.configuration, message) }
}
