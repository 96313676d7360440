import OllamaProviderPlugin
import PluginAPI
import PluginTestKit
import Testing

@Test(.timeLimit(.minutes(5))) func ollamaKeepsItsContract() async {
    let text = "The pool ☕ opens at eight. [doc:en/pool]"
    let vendor = FakeVendor { request in
        if let problem = FakeOllama.problem(request) { return .json(#"{"error":"\#(problem)"}"#, status: 400) }
        if request.method == "GET" {
            return .json(
                #"{"models":[{"name":"llama3.1:8b","model":"llama3.1:8b"},{"name":"llama3.2:latest","model":"llama3.2:latest"},{"name":"nomic-embed-text:latest","model":"nomic-embed-text:latest"}]}"#
            )
        }
        let body: JSONValue = request.jsonBody
        if request.target == "/api/embed" {
            let vector: JSONValue = .array([.double(1)] + Array(repeating: .double(0), count: 7))
            let vectors = (body["input"]?.arrayValue ?? []).map { _ in vector }
            let reply: JSONValue = ["model": "nomic-embed-text", "embeddings": .array(vectors), "prompt_eval_count": 3]
            return .json((try? reply.jsonText()) ?? "")
        }
        return body["stream"] == true ? FakeOllama.stream(FakeOllama.words(text) + FakeOllama.end()) : FakeOllama.answer(text)
    }
    let ollama = PluginContract(
        OllamaProvider.self,
        settings: {
            [
                "base_url": .string($0), "model": "llama3.1:8b", "small_model": "llama3.2", "api_key": .string(Lab.key),
                "embedding_model": "nomic-embed-text", "embedding_dimensions": 8,
            ]
        }, secrets: [Lab.key], vendor: vendor)
    let violations = await AIContract(ollama, request: Lab.ask()).violations()
    #expect(violations == [])
}
