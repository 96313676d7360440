import AnthropicProviderPlugin
import PluginAPI
import PluginTestKit
import Testing

@Test(.timeLimit(.minutes(5))) func anthropicKeepsItsContract() async {
    let text = "The pool ☕ opens at eight. [doc:en/pool]"
    var vendor = FakeVendor { request in
        if let problem = FakeAnthropic.problem(request) { return FakeAnthropic.error("invalid_request_error", problem, status: 400) }
        if request.method == "GET" {
            return .json(
                #"{"data":[{"type":"model","id":"claude-sonnet-4-5"},{"type":"model","id":"claude-haiku-4-5"}],"has_more":false,"first_id":"a","last_id":"b"}"#
            )
        }
        let body: JSONValue = request.jsonBody
        let stream = FakeAnthropic.start + FakeAnthropic.block(0, text: text) + FakeAnthropic.end("end_turn")
        return body["stream"] == true ? FakeAnthropic.stream(stream) : FakeAnthropic.answer([FakeAnthropic.text(text)])
    }
    vendor.statuses = [.init(402...402, [.notReady], because: "an account that is topped up works again, and nobody should have to reload for it")]
    vendor.errors = [
        .init("overloaded", FakeAnthropic.error("overloaded_error", "Overloaded", status: 529), .notReady, .overloaded),
        .init(
            "prompt too long", FakeAnthropic.error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", status: 400),
            .permanent,
            .contextTooLong),
    ]
    let anthropic = PluginContract(
        AnthropicProvider.self,
        settings: { ["base_url": .string($0), "api_key": .string(Lab.key), "model": "claude-sonnet-4-5", "small_model": "claude-haiku-4-5"] },
        secrets: [Lab.key], vendor: vendor)
    let violations = await AIContract(anthropic, request: Lab.ask()).violations()
    #expect(violations == [])
}
