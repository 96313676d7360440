import PluginAPI

/// A plugin's end of a socket, made of what the test wants it to do.
struct TestReceiver: SocketReceiver {
    var take: @Sendable (String) async throws -> Void = { _ in }
    var over: @Sendable () async -> Void = {}

    func receive(_ text: String) async throws { try await take(text) }
    func closed() async { await over() }
}
