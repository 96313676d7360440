import OpenAIProviderPlugin
import PluginAPI
import PluginTestKit
import Testing

@Test(.timeLimit(.minutes(5))) func openAIKeepsItsContract() async {
    let text = "The pool ☕ opens at eight. [doc:en/pool]"
    var vendor = FakeVendor { request in
        if let problem = FakeOpenAI.problem(request) { return .json(#"{"error":{"message":"\#(problem)"}}"#, status: 400) }
        if request.method == "GET" {
            return .json(
                #"{"object":"list","data":[{"id":"gpt-4.1","object":"model"},{"id":"gpt-4.1-mini","object":"model"},{"id":"text-embedding-3-small","object":"model"}]}"#
            )
        }
        let body: JSONValue = request.jsonBody
        if request.target == "/v1/embeddings" {
            let vector: JSONValue = .array([.double(1)] + Array(repeating: .double(0), count: 7))
            let data = (body["input"]?.arrayValue ?? []).indices.map {
                JSONValue.object(["object": "embedding", "index": .int($0), "embedding": vector])
            }
            let reply: JSONValue = [
                "object": "list", "model": "text-embedding-3-small", "data": .array(data), "usage": ["prompt_tokens": 3, "total_tokens": 3],
            ]
            return .json((try? reply.jsonText()) ?? "")
        }
        return body["stream"] == true ? FakeOpenAI.stream(FakeOpenAI.text(text)) : FakeOpenAI.answer(text)
    }
    vendor.statuses = [.init(402...402, [.notReady], because: "an account that is topped up works again, and nobody should have to reload for it")]
    vendor.errors = [
        .init(
            "context too long", .json(#"{"error":{"code":"context_length_exceeded","message":"too long"}}"#, status: 400), .permanent, .contextTooLong
        ),
        .init("no credit", .json(#"{"error":{"code":"insufficient_quota","message":"pay"}}"#, status: 429), .notReady, .outOfCredit),
    ]
    let openAI = PluginContract(
        OpenAIProvider.self,
        settings: {
            [
                "base_url": .string($0 + "/v1"), "api_key": .string(Lab.key), "model": "gpt-4.1", "small_model": "gpt-4.1-mini",
                "embedding_model": "text-embedding-3-small", "embedding_dimensions": 8,
            ]
        }, secrets: [Lab.key], vendor: vendor)
    let violations = await AIContract(openAI, request: Lab.ask()).violations()
    #expect(violations == [])
}
