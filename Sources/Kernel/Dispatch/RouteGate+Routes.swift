import PluginAPI

extension RouteGate {
    /// The route as the gateway may mount it: whatever the plugin does in it passes this gate.
    func guarding(_ route: PluginRoute, _ health: Health) -> PluginRoute {
        switch route {
        case .webhook(let hook):
            // The plugin's own check holds the secret; here only whether there is one is handed on. It runs where it is called, but known to be the
            // instance's: the gateway has it run with the rest, by `take`.
            let check = WebhookVerification.custom(secret: hook.verification.isConfigured ? Secret("configured") : nil) { [executor] request, _ in
                executor.attributed { hook.verification.verify(request) }
            }
            let meters = meters(.webhook)
            let parse: @Sendable (PluginRequest) async throws -> WebhookResult = { [executor] request in
                try await withTaskExecutorPreference(executor) { try await hook.parse(request) }
            }
            return .webhook(
                WebhookRoute(hook.method, tail: hook.tail, verification: check, maximumBodyBytes: hook.maximumBodyBytes, parse: parse)
                    .done(within: { work in try await self.run(meters, health, work) }))
        case .page(let page):
            let meters = meters(.page)
            return .page(PageRoute(path: page.path) { request in try await self.run(meters, health) { try await page.respond(request) } })
        case .socket(let socket):
            let (open, message, closed) = (meters(.socketOpen), meters(.socketMessage), meters(.socketClosed))
            return .socket(
                SocketRoute(path: socket.path, maximumMessageBytes: socket.maximumMessageBytes) { connection in
                    let receiver = try await self.run(open, health) { try await socket.open(connection) }
                    return GuardedReceiver(receiver: receiver, gate: self, health: health, message: message, closing: closed)
                })
        }
    }
}

/// Has a socket's messages taken through the instance's gate.
private struct GuardedReceiver: SocketReceiver {
    let receiver: any SocketReceiver
    let gate: RouteGate
    let health: RouteGate.Health
    let message: RouteGate.Meters
    let closing: RouteGate.Meters

    func receive(_ text: String) async throws { try await gate.run(message, health) { try await receiver.receive(text) } }

    /// A plugin that hangs here keeps nothing: the connection is over.
    func closed() async { try? await gate.run(closing, health) { await receiver.closed() } }
}
