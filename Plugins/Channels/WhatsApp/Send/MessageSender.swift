import Foundation
import PluginAPI

/// Carries out a plan, part by part.
struct MessageSender: Sendable {
    let graph: GraphClient
    let media: MediaExchange
    let storage: any KeyValueStore

    /// How long it is remembered which parts have left: longer than the kernel tries a message.
    private static let memory = Duration.seconds(2 * 86_400)

    /// Sends what has not left yet. Where a message has several parts, each that has left is written down before the next one goes, so that a retry
    /// does not send it again.
    /// - Returns: Meta's ids, one for each part.
    func send(_ plan: MessagePlan, of message: OutboundMessage) async throws -> [String] {
        let key = "sent/\(message.id)"
        let isOne = plan.parts.count == 1
        var ids = isOne ? [] : try await storage.get(key, as: [String].self) ?? []
        for part in plan.parts.dropFirst(ids.count) {
            let content = try await content(part)
            // A status that brings the id back says that the whole message has left: so only the last part carries it.
            let isLast = ids.count == plan.parts.count - 1
            let body = SendBody(
                recipient: plan.recipient, content: content, context: ids.isEmpty ? Self.context(message) : nil,
                callbackData: isLast && message.id.utf8.count <= 512 ? message.id : nil)
            let answer = try await graph.postMessage(body, isTemplate: message.template != nil)
            guard let id = try? JSONDecoder().decode(SendAnswer.self, from: Data(answer.body)).messages.first?.id, !id.isEmpty else {
                throw PluginFailure.notReady(.malformedReply, "WhatsApp took a message and gave no id for it")
            }
            ids.append(id)
            if !isOne { try await storage.set(key, json: ids, lifetime: Self.memory) }
        }
        return ids
    }

    private func content(_ part: MessagePlan.Part) async throws -> SendBody.Content {
        switch part {
        case .ready(let content): return content
        case .upload(let file, let caption):
            let id = try await media.upload(file)
            let name = file.kind == .document ? file.fileName : nil
            return .media(kind: file.kind.rawValue, .init(id: id, link: nil, caption: caption, filename: name))
        }
    }

    /// A template starts something new; and Meta knows only its own ids.
    private static func context(_ message: OutboundMessage) -> String? {
        guard message.template == nil, let id = message.inReplyTo, id.hasPrefix("wamid."), id.utf8.count <= 512 else { return nil }
        return id
    }
}
