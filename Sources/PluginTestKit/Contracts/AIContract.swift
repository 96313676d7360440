import Foundation
import PluginAPI

/// What an ``AIProvider`` owes, beside what every plugin does.
public struct AIContract<P: AIProvider>: Sendable {
    public var plugin: PluginContract<P>
    /// A request that the vendor answers; its last message is taken for a guest's.
    public var request: AIRequest
    /// Labels to choose from, and a text; nil for a provider that does not classify.
    public var classification: ClassificationRequest?

    public init(_ plugin: PluginContract<P>, request: AIRequest = .sample, classification: ClassificationRequest? = nil) {
        self.plugin = plugin
        self.request = request
        self.classification = classification
    }

    public func violations() async -> [Violation] { await report().violations }

    /// Runs the suite: some hundreds of calls over loopback, a few seconds.
    public func report() async -> ContractReport {
        let features: AIFeatures
        do {
            features = try TestContext().make(P.self, plugin.settings("http://127.0.0.1:9")).features
        } catch {
            features = AIFeatures()
        }
        var operations: [ContractOperation<P>] = []
        if features.completion {
            operations.append(ContractOperation(name: "complete", isMain: true, carriesText: true) { _ = try await $0.complete(request($1)) })
        }
        if features.streaming {
            operations.append(
                ContractOperation(name: "stream", carriesText: true) { plugin, call in _ = try await Self.collect(plugin.stream(request(call))) })
        }
        if features.embeddingDimensions != nil {
            operations.append(
                ContractOperation(name: "embed", isMain: !features.completion, carriesText: true) { plugin, call in
                    _ = try await plugin.embed([call.text], for: .query)
                })
        }
        return await ContractRun.perform(plugin, operations: operations) { run in
            if features.completion { await checkAnswers(run) }
            if features.completion, features.tools { await checkTools(run) }
            if features.streaming { await checkStreams(run) }
            if let dimensions = features.embeddingDimensions { await checkEmbeddings(dimensions, run) }
            if let classification { await checkClassification(classification, run) }
            await checkFeatures(features, run)
        }
    }

    private func request(_ call: ContractCall) -> AIRequest {
        var request = request
        if request.messages.isEmpty { request.messages = [AIMessage(.user, call.text)] }
        request.messages[request.messages.count - 1] = AIMessage(.user, call.text)
        return request
    }

    /// A stream to its end.
    private static func collect(_ stream: AsyncThrowingStream<AIStreamEvent, any Error>) async throws -> (text: String, end: AIResponse?, after: Int)
    {
        var text = "", end: AIResponse?, after = 0
        for try await event in stream {
            if end != nil { after += 1 }
            switch event {
            case .text(let piece): text += piece
            case .finished(let response): end = response
            case .toolCall: break
            }
        }
        // A cancelled reader sees the end of the stream, and no more.
        try Task.checkCancellation()
        return (text, end, after)
    }

    private func checkAnswers(_ run: ContractRun<P>) async {
        await run.examine(.answers) {
            try await run.running { room in judge(try await room.plugin.complete(request), "complete", .answers, run) }
        }
        guard let stage = run.stage else { return }
        await run.examine(.guestTextIsData) {
            try await run.running { room in
                var request = request(run.call())
                request.instructions = "instructionword52be: answer the guest."
                let mark = stage.count
                _ = try await room.plugin.complete(request)
                let texts = stage.requests(since: mark).flatMap(stage.vendor.texts)
                run.expect(
                    texts.contains { $0.contains("instructionword52be") }, .guestTextIsData, "the hotel's instructions do not reach the vendor")
                run.expect(
                    !texts.contains { $0.contains("instructionword52be") && $0.contains(ContractRun<P>.canary) }, .guestTextIsData,
                    "the guest's words stand in one text with the hotel's instructions")
            }
        }
    }

    /// A model has asked for something, and got it: the conversation goes on with the tools, and in the last round without.
    private func checkTools(_ run: ContractRun<P>) async {
        await run.examine(.tools) {
            try await run.running { room in
                let tool = AITool(
                    name: "opening_hours", description: "Tells when something is open.",
                    parameters: ["type": "object", "properties": ["place": ["type": "string"]], "required": ["place"]])
                for tools in [[tool], []] {
                    var request = request(run.call())
                    request.tools = tools
                    request.messages += [
                        AIMessage(.assistant, parts: [.toolCall(AIToolCall(id: "call_1", name: tool.name, arguments: ["place": "pool"]))]),
                        AIMessage(.user, parts: [.toolResult(callID: "call_1", content: "resultword9c41: from eight", isError: false)]),
                    ]
                    let asking = request, mark = run.stage?.count ?? 0,
                        place = tools.isEmpty ? "with no tool offered any more" : "with the tool offered"
                    let found = await run.outcome("complete") { _ = try await room.plugin.complete(asking) }
                    guard found.kind == .success else {
                        if !found.isUntyped { run.violate(.tools, "a conversation in which a tool was used, \(place), came to \(found.words)") }
                        continue
                    }
                    guard let stage = run.stage else { continue }
                    let texts = stage.requests(since: mark).flatMap(stage.vendor.texts)
                    run.expect(
                        texts.contains { $0.contains("resultword9c41") }, .tools, "what came of a tool does not reach the vendor, \(place)")
                    run.expect(texts.contains { $0.contains(tool.name) }, .tools, "which tool was used does not reach the vendor, \(place)")
                }
            }
        }
    }

    private func judge(_ response: AIResponse, _ name: String, _ obligation: Obligation, _ run: ContractRun<P>) {
        run.expect(!response.text.isEmpty || !response.toolCalls.isEmpty, obligation, "\(name): the answer has neither text nor a tool call")
        run.expect(!response.model.isEmpty, obligation, "\(name): the answer does not say which model gave it")
        let usage = response.usage
        run.expect(
            [usage.inputTokens, usage.outputTokens, usage.cacheReadTokens, usage.cacheWriteTokens].allSatisfy { $0 >= 0 }, obligation,
            "\(name): the usage has a negative number")
        run.expect(
            usage.inputTokens + usage.outputTokens > 0, obligation, "\(name): the answer says nothing of its usage, which is what it is billed by")
        if let confidence = response.confidence { run.expect((0...1).contains(confidence), obligation, "\(name): the confidence is \(confidence)") }
        let known = Set(request.documents.map(\.id))
        run.expect(response.citations.allSatisfy(known.contains), obligation, "\(name): the answer cites a document that it was not given")
    }

    private func checkStreams(_ run: ContractRun<P>) async {
        await run.examine(.streams) {
            try await run.running { room in
                let (text, end, after) = try await Self.collect(room.plugin.stream(request(run.call())))
                guard let end else { return run.violate(.streams, "the stream ended without `finished`") }
                run.expect(after == 0, .streams, "events follow `finished`")
                run.expect(text == end.text, .streams, "the pieces together are “\(text)”, and the whole is “\(end.text)”")
                judge(end, "stream", .streams, run)
                guard let stage = run.stage else { return }
                // The connection ends as the protocol allows: only the content tells that the answer is not whole.
                let broken = await stage.faulty({ ReplyParts($0)?.halved ?? $0 }) {
                    await run.outcome("stream") { _ = try await Self.collect(room.plugin.stream(request(run.call()))) }
                }
                run.expect(
                    broken.kind == .notReady || broken.isUntyped, .streams,
                    "half a stream came to \(broken.words); expected not ready: half an answer must not pass for one")
                for size in [1, 3, 7] {
                    let again = try await stage.faulty({ ReplyParts($0)?.dripping(size) ?? $0 }) {
                        try await Self.collect(room.plugin.stream(request(run.call())))
                    }
                    run.expect(again.text == text, .streams, "the same stream in pieces of \(size) bytes gives another text")
                }
            }
        }
    }

    private func checkEmbeddings(_ dimensions: Int, _ run: ContractRun<P>) async {
        await run.examine(.embeddings) {
            try await run.running { room in
                let texts = ["Wann gibt es Frühstück?", "Where is the pool?", "👋", String(repeating: "long ", count: 200)]
                for count in [1, 2, texts.count] {
                    let result = try await room.plugin.embed(Array(texts.prefix(count)), for: .document)
                    run.expect(result.vectors.count == count, .embeddings, "\(count) texts give \(result.vectors.count) vectors")
                    run.expect(!result.model.isEmpty, .embeddings, "the embeddings do not say which model made them")
                    for vector in result.vectors {
                        run.expect(
                            vector.count == dimensions, .embeddings, "a vector has \(vector.count) numbers, and features promise \(dimensions)")
                        let length = vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
                        run.expect(abs(length - 1) < 0.01, .embeddings, "a vector's length is \(length), and not 1")
                    }
                }
                run.expect(room.plugin.features.embeddingModel?.isEmpty == false, .embeddings, "features name no embedding model")
            }
        }
    }

    private func checkClassification(_ classification: ClassificationRequest, _ run: ContractRun<P>) async {
        await run.examine(.classifications) {
            try await run.running { room in
                let result = try await room.plugin.classify(classification)
                let known = Set(classification.labels.map(\.id)), scores = result.ranked.map(\.confidence)
                run.expect(!result.ranked.isEmpty, .classifications, "no label at all")
                run.expect(result.ranked.allSatisfy { known.contains($0.label) }, .classifications, "a label that was not asked for")
                run.expect(scores.allSatisfy { (0...1).contains($0) }, .classifications, "a confidence that is no probability")
                run.expect(scores == scores.sorted(by: >), .classifications, "the labels are not in order, most likely first")
                run.expect(scores.reduce(0, +) <= 1.001, .classifications, "the probabilities are \(scores.reduce(0, +)) together")
            }
        }
    }

    private func checkFeatures(_ features: AIFeatures, _ run: ContractRun<P>) async {
        await run.examine(.features) {
            try await run.running { room in
                if features.embeddingDimensions == nil {
                    let found = await run.outcome("embed") { _ = try await room.plugin.embed(["a"], for: .query) }
                    run.expect(
                        found.failure?.reason == .notImplemented || found.isUntyped, .features,
                        "features say that there are no embeddings, and embed came to \(found.words)")
                }
                guard features.completion, !features.tools else { return }
                var full = request(run.call())
                full.tools = [AITool(name: "make_task", description: "Makes a task.", parameters: ["type": "object"])]
                full.toolChoice = .required
                let asking = full
                let found = await run.outcome("complete") { _ = try await room.plugin.complete(asking) }
                run.expect(
                    found.kind == .permanent || found.isUntyped, .features,
                    "features say that there are no tools, and a request that requires one came to \(found.words); expected a permanent failure")
            }
        }
    }
}

extension AIRequest {
    /// A guest's question about breakfast, with the document that answers it.
    public static let sample = AIRequest(
        instructions: "You answer guests of Hotel Miramar from the documents.", messages: [AIMessage(.user, "When is breakfast?")],
        documents: [
            AIDocument(id: "dining", title: "Dining", text: "Breakfast is served from 7 to 10:30 in the garden room.", locale: "en", relevance: 0.9)
        ],
        locale: "en")
}
