import PluginAPI

/// Takes a socket's messages on the instance's executor, so that a trap in it is known to be the instance's.
struct AttributedReceiver: SocketReceiver {
    let receiver: any SocketReceiver
    let executor: any TaskExecutor

    func receive(_ text: String) async throws {
        try await withTaskExecutorPreference(executor) { try await receiver.receive(text) }
    }

    func closed() async { await withTaskExecutorPreference(executor) { await receiver.closed() } }
}
