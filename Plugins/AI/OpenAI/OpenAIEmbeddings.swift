import Foundation
import PluginAPI

/// An answer of `/embeddings`. Read without ``JSONValue``: it holds very many numbers.
struct OpenAIEmbeddings {
    private struct Reply: Decodable {
        let data: [Item]
        let usage: Usage?

        private enum Key: CodingKey { case data, usage }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            data = try container.decode([Item].self, forKey: .data)
            usage = try? container.decode(Usage.self, forKey: .usage)
        }
    }

    private struct Item: Decodable {
        let index: Int?
        let embedding: [Float]
    }

    private struct Usage: Decodable {
        let prompt_tokens: JSONValue?
    }

    private let reply: Reply

    init(_ bytes: [UInt8]) throws {
        do {
            reply = try JSONDecoder().decode(Reply.self, from: Data(bytes))
        } catch {
            throw PluginFailure.notReady(.malformedReply, "the reply is not a list of vectors")
        }
    }

    var tokens: Int { AIUsage.count(reply.usage?.prompt_tokens) }

    /// The vectors in the order of their texts: by their indices, or as they came where there are none.
    var vectors: [[Float]] {
        get throws {
            let indices = reply.data.compactMap(\.index)
            if indices.isEmpty { return reply.data.map(\.embedding) }
            guard indices.sorted() == Array(0..<reply.data.count) else {
                throw PluginFailure.notReady(.malformedReply, "the vectors' indices do not fit the texts")
            }
            return reply.data.sorted { ($0.index ?? 0) < ($1.index ?? 0) }.map(\.embedding)
        }
    }
}
