import AnthropicProviderPlugin
import PluginAPI
import PluginTestKit

/// Where the tests of this plugin work.
enum Lab: AIProviderLab {
    typealias Provider = AnthropicProvider

    static func settings(_ server: LoopbackServer) -> [String: JSONValue] {
        ["base_url": .string(server.url("")), "api_key": .string(key), "model": "claude-sonnet-4-5", "small_model": "claude-haiku-4-5"]
    }
}
