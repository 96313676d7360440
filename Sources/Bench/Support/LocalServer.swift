import NIOCore
import NIOHTTP1
import NIOPosix

/// An HTTP server on loopback with a thread of its own, for what a benchmark plays beside Jack.
final class LocalServer: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel

    /// - Parameter handler: makes a connection's handler, which belongs to its event loop.
    init(_ handler: @escaping @Sendable () -> any ChannelInboundHandler) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        listener = try await ServerBootstrap(group: group).serverChannelOption(.backlog, value: 1024)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(handler())
                }
            }.bind(host: "127.0.0.1", port: 0).get()
    }

    var url: String { "http://127.0.0.1:\(listener.localAddress?.port ?? 0)" }

    func stop() async throws {
        try await listener.close()
        try await group.shutdownGracefully()
    }
}
