import Foundation
import PluginAPI

/// How many tokens something comes to, where no vendor has counted them.
///
/// A token is taken for three bytes of UTF-8. English has about four to a token, most other languages of Europe about three, and so has what takes three bytes a
/// character: what is reckoned so is rather a little too much than too little, as a budget wants it.
enum TokenEstimate {
    private static let bytesPerToken = 3
    /// What vendors count for a picture of usual size.
    private static let image = 1000

    static func tokens(inBytes bytes: Int) -> Int { (bytes + bytesPerToken - 1) / bytesPerToken }

    static func tokens(of texts: [String]) -> Int { tokens(inBytes: texts.reduce(0) { $0 + $1.utf8.count }) }

    static func tokens(of request: ClassificationRequest) -> Int {
        tokens(of: request.labels.flatMap { [$0.id, $0.description] } + [request.text])
    }

    static func tokens(of request: AIRequest) -> Int {
        var bytes = request.instructions.utf8.count, images = 0
        for document in request.documents { bytes += document.title.utf8.count + document.text.utf8.count }
        for tool in request.tools { bytes += tool.name.utf8.count + tool.description.utf8.count + Self.bytes(of: tool.parameters) }
        if case .json(let name, let schema) = request.format { bytes += name.utf8.count + Self.bytes(of: schema) }
        for part in request.messages.flatMap(\.parts) {
            switch part {
            case .text(let text): bytes += text.utf8.count
            case .image: images += 1
            case .toolCall(let call): bytes += call.name.utf8.count + Self.bytes(of: call.arguments)
            case .toolResult(_, let content, _): bytes += content.utf8.count
            }
        }
        return tokens(inBytes: bytes) + images * image
    }

    /// As JSON.
    static func bytes(of value: JSONValue) -> Int { (try? JSONEncoder().encode(value).count) ?? 0 }
}
