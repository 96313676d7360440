import CoreMetrics
import Kernel
import NIOCore
import Synchronization

/// The connections that are open: counted, limited, and closed when draining takes too long.
final class ConnectionRegistry: Sendable {
    private struct Open {
        var channels: [ObjectIdentifier: any Channel] = [:]
        /// How many of them a peer has, by the key by which limits count it. Trusted proxies are not among them: they bring everybody.
        var ofPeer: [[UInt8]: Int] = [:]
    }

    /// Why a connection is not taken in.
    enum Refusal { case houseIsFull, peerHasEnough }

    private let open = Mutex(Open())
    private let sockets = Mutex<[ObjectIdentifier: SocketSession]>([:])
    private let connections: Meter
    private let webSockets: Meter
    private let maximum: Int
    private let maximumOfPeer: Int
    private let resolver: ClientResolver

    /// - Parameter maximumOfPeer: how many of them one peer may have that is no trusted proxy.
    init(maximum: Int, maximumOfPeer: Int, resolver: ClientResolver, metrics: any MetricsFactory) {
        self.maximum = maximum
        self.maximumOfPeer = maximumOfPeer
        self.resolver = resolver
        connections = Meter(label: "active_connections", factory: metrics)
        webSockets = Meter(label: "websocket_connections", factory: metrics)
        connections.set(0)
        webSockets.set(0)
    }

    var count: Int { open.withLock { $0.channels.count } }
    var socketCount: Int { sockets.withLock { $0.count } }

    /// Takes a connection in, or says why not.
    func admit(_ channel: any Channel) -> Refusal? {
        let key = ObjectIdentifier(channel), address = channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) }
        let peer = resolver.isTrusted(address) ? nil : address?.limitKey
        let refusal: Refusal? = open.withLock { open in
            guard open.channels.count < maximum else { return .houseIsFull }
            if let peer {
                guard open.ofPeer[peer, default: 0] < maximumOfPeer else { return .peerHasEnough }
                open.ofPeer[peer, default: 0] += 1
            }
            open.channels[key] = channel
            return nil
        }
        guard refusal == nil else { return refusal }
        connections.increment()
        channel.closeFuture.whenComplete { [self] _ in
            open.withLock { open in
                open.channels[key] = nil
                guard let peer else { return }
                let left = open.ofPeer[peer, default: 1] - 1
                open.ofPeer[peer] = left > 0 ? left : nil
            }
            connections.decrement()
        }
        return nil
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
        for channel in open.withLock({ Array($0.channels.values) }) { channel.close(promise: nil) }
    }
}
