import CoreMetrics
import NIOCore
import Synchronization

/// The connections that are open: counted, limited, and closed when draining takes too long.
final class ConnectionRegistry: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])
    private let sockets = Mutex<[ObjectIdentifier: SocketSession]>([:])
    private let connections: Meter
    private let webSockets: Meter
    let maximum: Int

    init(maximum: Int, metrics: any MetricsFactory) {
        self.maximum = maximum
        connections = Meter(label: "active_connections", factory: metrics)
        webSockets = Meter(label: "websocket_connections", factory: metrics)
        connections.set(0)
        webSockets.set(0)
    }

    var count: Int { channels.withLock { $0.count } }
    var socketCount: Int { sockets.withLock { $0.count } }

    /// Takes a connection in, or says that there is no room.
    func admit(_ channel: any Channel) -> Bool {
        let key = ObjectIdentifier(channel)
        let admitted = channels.withLock {
            guard $0.count < maximum else { return false }
            $0[key] = channel
            return true
        }
        guard admitted else { return false }
        connections.increment()
        channel.closeFuture.whenComplete { [self] _ in
            channels.withLock { _ = $0.removeValue(forKey: key) }
            connections.decrement()
        }
        return true
    }

    func add(_ session: SocketSession) {
        sockets.withLock { $0[ObjectIdentifier(session)] = session }
        webSockets.increment()
    }

    func remove(_ session: SocketSession) {
        if sockets.withLock({ $0.removeValue(forKey: ObjectIdentifier(session)) }) != nil { webSockets.decrement() }
    }

    /// Says goodbye to the sockets of one instance.
    func closeSockets(of instance: String) {
        for session in sockets.withLock({ $0.values.filter { $0.instance == instance } }) { session.cancel() }
    }

    /// Ends whatever is still open.
    func closeAll() {
        for channel in channels.withLock({ Array($0.values) }) { channel.close(promise: nil) }
    }
}
