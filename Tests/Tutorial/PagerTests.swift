import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

let token = "a-token-of-enough-length", key = "the-key-of-signatures"

/// The vendor as its document describes it: what it would refuse is refused here too.
private let vendor = FakeVendor { request in
    guard request.header("Authorization") == "Bearer \(token)" else { return .json(#"{"error":"token"}"#, status: 401) }
    switch (request.method, request.path) {
    case ("GET", "/me"): return .json(#"{"id":"account-1"}"#)
    case ("POST", "/incidents"), ("DELETE", "/incidents"): return .json(#"{"id":"incident-7"}"#, status: 201)
    default: return .status(404)
    }
}

let answer = WebhookSample(
    "an acknowledgement", body: Array(#"{"id":"a-1","key":"group-1","who":"night desk"}"#.utf8), events: 1
) { request, _ in request.headers[.pagerSignature] = WebhookSigner(secret: key).base64(over: request.body) }

@Suite struct PagerTests {
    @Test(.timeLimit(.minutes(2))) func itKeepsItsContract() async {
        let pager = PluginContract(
            PagerSink.self, settings: { ["endpoint": .string($0), "token": .string(token), "signing_key": .string(key)] }, secrets: [token, key],
            vendor: vendor, webhooks: [answer])
        let violations = await AlertSinkContract(pager).violations()
        #expect(violations == [])
    }

    @Test func aPageIsWhatTheVendorsDocumentShows() async throws {
        let http = ScriptedHTTPClient { _ in ClientResponse(status: .created, body: Array(#"{"id":"incident-7"}"#.utf8)) }
        let test = TestContext(http: http)
        let receipt = try await test.make(PagerSink.self, ["token": .string(token)]).page(.sample)
        #expect(receipt.vendorID == "incident-7")
        let golden = try GoldenRequest(
            """
            POST /incidents
            Authorization: Bearer <any>
            Content-Type: application/json

            { "key": "group-1", "title": "A guest has waited ten minutes", "urgent": true }
            """)
        #expect(golden.mismatches(http.requests[0]) == [])
    }

    @Test func anAcknowledgementGoesThroughTheKernel() async throws {
        let test = TestContext()
        try await MemoryKernel.run(PagerSink.self, ["token": .string(token), "signing_key": .string(key)], in: test) { kernel in
            var request = PluginRequest(
                method: .post, path: "/webhooks/test", body: answer.body, remoteAddress: "192.0.2.1",
                url: "https://jack.example.com/webhooks/test")
            let refused = try await kernel.receive(request)
            #expect(refused?.receipts == nil, "without a signature it is refused")
            answer.sign(&request, test.clock.now)
            let first = try await kernel.receive(request), second = try await kernel.receive(request)
            #expect(first?.receipts.map(\.isDuplicate) == [false] && second?.receipts.map(\.isDuplicate) == [true])
        }
    }
}
