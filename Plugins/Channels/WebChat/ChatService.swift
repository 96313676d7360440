import Foundation
import Logging
import PluginAPI
import Synchronization

/// Serves the sockets: what a browser says, one frame after the other.
final class ChatService: Sendable {
    private let settings: WebChatSettings
    private let context: PluginContext
    private let hub: SocketHub
    private let trouble = Mutex(Trouble.none)

    init(settings: WebChatSettings, context: PluginContext, hub: SocketHub) {
        self.settings = settings
        self.context = context
        self.hub = hub
    }

    func open(_ connection: any SocketConnection) async -> any SocketReceiver {
        let socket = GuestSocket(connection)
        if !hub.add(socket) { await socket.close(.goingAway, "Jack is restarting") }
        return Window(service: self, socket: socket)
    }

    /// One browser window.
    private struct Window: SocketReceiver {
        let service: ChatService
        let socket: GuestSocket

        func receive(_ text: String) async {
            if !socket.isClosed { await service.take(text, from: socket) }
        }

        func closed() async { service.hub.remove(socket, of: socket.session, now: service.context.clock.monotonic) }
    }

    private func take(_ text: String, from socket: GuestSocket) async {
        switch ClientFrame.parse(text) {
        case .hello(let token, let locale)?: await greet(socket, token: token, locale: locale.flatMap(LanguageTag.parse))
        case .message(let id, let text)?: await accept(id: id, text: text, from: socket)
        case .typing?: break
        case .ping?:
            await socket.deliver(ServerFrame.pong)
            await keepAlive(socket.session)
        case .unknown(let type)?:
            let name = type.map { "“\($0.prefix(40))”" } ?? "no type"
            await refuse(socket, ErrorFrame("unknown_type", "a frame's type is hello, message, typing or ping, not \(name)"))
        case nil: await refuse(socket, ErrorFrame("bad_json", "a frame must be a JSON object"))
        }
    }

    private func refuse(_ socket: GuestSocket, _ error: ErrorFrame) async { await socket.deliver(error.text) }

    // MARK: Hello

    private func greet(_ socket: GuestSocket, token presented: String?, locale: String?) async {
        guard socket.session == nil else {
            return await refuse(socket, ErrorFrame("hello_twice", "this socket has said hello: open another for another session"))
        }
        do {
            let known = try await findSession(presented)
            let token = known?.token ?? Token.random(bytes: 32)
            let candidate = known?.session ?? ChatSession(token: token, locale: locale, now: context.clock.now)
            // Registered before the history is read: a reply that is sent in between waits in the socket.
            socket.hold()
            switch hub.join(socket, candidate, limit: settings.socketsPerSession) {
            case .joined(let session):
                socket.belong(to: session, locale: locale)
                let history = try await history(of: session)
                let frame = ServerFrame.session(token: token, restored: known != nil, history: history, session: session.id)
                await socket.greet(frame.text, known: history.filter { $0.author != .guest }.map(\.id))
                await keepAlive(session)
            case .full:
                let count = settings.socketsPerSession
                let error = ErrorFrame("too_many_sockets", "this chat is open in \(count) windows, and may not be in more: close one", limit: count)
                await socket.greet(error.text, known: [])
                await socket.close(.policyViolation, "too many sockets")
            case .shut: await socket.close(.goingAway, "Jack is restarting")
            }
        } catch {
            note(.reading, error)
            socket.hold()
            await socket.greet(ErrorFrame("unavailable", "the conversation cannot be read right now: try again shortly").text, known: [])
            await socket.close(.tryAgainLater, "unavailable")
        }
    }

    /// The session that a browser's token opens; nil where the token is none of ours, or too old.
    private func findSession(_ token: String?) async throws -> (session: ChatSession, token: String)? {
        guard let token, Token.isSound(token) else { return nil }
        let key = ChatSession.key(for: token)
        if let session = hub.session(forKey: key) { return (session, token) }
        let stored = try await ChatSession.load(
            key, from: context.storage, lifetime: settings.sessionLifetime, now: context.clock.now)
        return stored.map { ($0, token) }
    }

    private func history(of session: ChatSession) async throws -> [TranscriptEntry] {
        guard session.hasSpoken else { return [] }
        let history = try await context.inbound.transcript(with: PeerAddress(.session, session.id), limit: settings.history)
        recovered(.reading)
        return history
    }

    /// Moves a stored session's end away, at most once a day.
    private func keepAlive(_ session: ChatSession?) async {
        guard let session, session.isStored else { return }
        do {
            try await session.store(in: context.storage, lifetime: settings.sessionLifetime, now: context.clock.now)
        } catch {
            // The session is still good for as long as it was; the next frame tries again.
            context.logger.debug("a session's lifetime could not be extended", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Messages

    private func accept(id: String?, text: String?, from socket: GuestSocket) async {
        guard let session = socket.session else {
            return await refuse(socket, ErrorFrame("hello_first", "say hello before the first message"))
        }
        guard let id, FrameRules.isPrintable(id) else {
            return await refuse(socket, ErrorFrame("bad_id", "a message's id is a text of 1 to \(FrameRules.maximumID) printable characters"))
        }
        // No database's text holds a NUL safely, and nobody sees one.
        guard let text = text?.replacing("\0", with: ""), !text.allSatisfy(\.isWhitespace) else {
            return await refuse(socket, ErrorFrame("empty_text", "the message has no text that can be read", id: id))
        }
        let length = text.unicodeScalars.count, limit = settings.maximumText
        guard length <= limit else {
            let message = "the message has \(length) characters, and at most \(limit) can be sent"
            return await refuse(socket, ErrorFrame("too_long", message, id: id, limit: limit))
        }
        if let wait = session.admit(id, limit: settings.messagesPerMinute, now: context.clock.monotonic) {
            let seconds = max(1, Int(wait.seconds.rounded(.up)))
            let message = "at most \(settings.messagesPerMinute) messages a minute: send this one again in \(seconds) s"
            return await refuse(socket, ErrorFrame("rate_limited", message, id: id, limit: settings.messagesPerMinute, retryAfter: seconds))
        }
        session.speak(locale: socket.locale)
        let message = InboundMessage(text: text, locale: socket.locale ?? session.locale)
        let event = InboundEvent(
            vendorID: MessageID.vendor(id, session: session.id), peer: PeerAddress(.session, session.id),
            sender: .proven("the session's token is the browser's alone"), occurredAt: context.clock.now,
            .message(message))
        do {
            // The session's row first: a message whose sender could no longer be found would be answered to nobody.
            try await session.store(in: context.storage, lifetime: settings.sessionLifetime, now: context.clock.now)
            _ = try await context.inbound.accept([event])
        } catch {
            note(.writing, error)
            return await refuse(socket, ErrorFrame("unavailable", "the message could not be stored: send it again shortly", id: id))
        }
        recovered(.writing)
        await socket.deliver(ServerFrame.ack(id).text)
    }

    // MARK: Health

    private func note(_ trouble: Trouble, _ error: any Error) {
        if error is CancellationError || (error as? PluginFailure)?.reason == .cancelled { return }
        self.trouble.withLock { $0 = max($0, trouble) }
        context.health.degraded("guests' \(trouble == .writing ? "messages cannot be stored" : "conversations cannot be read")")
        context.logger.debug("the storage refused a guest", metadata: ["error": "\(error)"])
    }

    /// Tells the kernel that what failed goes well again. A disk that is full can still be read: only writing proves that it takes messages.
    private func recovered(_ success: Trouble) {
        let isOver = trouble.withLock { trouble in
            guard trouble != .none, success >= trouble else { return false }
            trouble = .none
            return true
        }
        if isOver { context.health.recovered() }
    }

    private enum Trouble: Int, Comparable {
        case none, reading, writing
        static func < (left: Trouble, right: Trouble) -> Bool { left.rawValue < right.rawValue }
    }
}
