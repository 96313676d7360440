import PluginAPI

extension AIRequest {
    /// The request for an instance that can use no tools: none is offered, and what another did with tools in an earlier round is left out. Such a server has
    /// no words for it, and what a tool said is no question to answer.
    func withoutTools() -> AIRequest {
        var request = self
        (request.tools, request.toolChoice) = ([], .none)
        request.messages = messages.compactMap { message in
            let isCall = message.parts.contains { if case .toolCall = $0 { true } else { false } }
            let parts = message.parts.filter { if case .toolResult = $0 { false } else { true } }
            return isCall || (parts.isEmpty && !message.parts.isEmpty) ? nil : AIMessage(message.role, parts: parts)
        }
        return request
    }
}
