import OllamaProviderPlugin
import PluginAPI
import PluginTestKit

/// Where the tests of this plugin work.
enum Lab: AIProviderLab {
    typealias Provider = OllamaProvider

    static func settings(_ server: LoopbackServer) -> [String: JSONValue] {
        ["base_url": .string(server.url("")), "model": "llama3.1:8b", "small_model": "llama3.2", "api_key": .string(key)]
    }
}
