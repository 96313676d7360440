import OpenAIProviderPlugin
import PluginAPI
import PluginTestKit

/// Where the tests of this plugin work.
enum Lab: AIProviderLab {
    typealias Provider = OpenAIProvider

    static func settings(_ server: LoopbackServer) -> [String: JSONValue] {
        ["base_url": .string(server.url("/v1")), "api_key": .string(key), "model": "gpt-4.1", "small_model": "gpt-4.1-mini"]
    }
}
