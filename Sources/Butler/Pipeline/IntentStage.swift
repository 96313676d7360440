import Kernel
import PluginAPI

/// Finds out what the guest wants, and in which language.
struct IntentStage: Stage {
    let desk: Desk

    func decide(_ turn: inout Turn) async throws -> Decision? {
        // Just after the start the AI may still be learning and the knowledge be loading: what waited in the inbox waits a little longer, rather than be handed to staff.
        await desk.knowledge.firstLook()
        let request = ClassificationRequest(
            text: turn.text, locale: turn.message.locale, labels: desk.intents.labels, labelSet: desk.intents.labelSet)
        do {
            let names = desk.settings.intentAI.isEmpty ? desk.settings.ai : desk.settings.intentAI
            let limits = AIDispatch.Limits(deadline: min(.seconds(15), desk.timeLeft(&turn)))
            let answer = try await desk.ai.classify(request, by: names, for: turn.account, limits)
            if let language = answer.value.language { turn.language = String(language.prefix(2)) }
            guard let best = answer.value.best else { return nil }
            turn.intent = desk.intents[best.label]
            turn.confidence = best.confidence
            let runnersUp = answer.value.ranked.prefix(3).map {
                JSONValue.object(["intent": .string($0.label), "confidence": .double($0.confidence)])
            }
            turn.note(
                "intent", best.label, "\(answer.instance) is \(percent(best.confidence)) sure" + passed(answer.passedOver),
                details: .object(["ranked": .array(runnersUp), "language": .string(turn.language)]), at: desk.clock.now)
        } catch let failure as PluginFailure {
            turn.note("intent", "failed", "no AI instance answered: \(failure.message)", at: desk.clock.now)
        }
        return nil
    }
}

func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

func passed(_ steps: some Collection<some CustomStringConvertible>) -> String {
    steps.isEmpty ? "" : "; passed over: " + steps.map(\.description).joined(separator: "; ")
}

extension ChainResult.Step: CustomStringConvertible {
    public var description: String { "\(instance) (\(reason))" }
}

/// What needs no knowledge: a greeting, a farewell, thanks.
struct CourtesyStage: Stage {
    let desk: Desk

    func decide(_ turn: inout Turn) async throws -> Decision? {
        guard let intent = turn.intent, turn.confidence >= desk.settings.autonomy.intent else { return nil }
        let reply: FixedReply
        switch intent.id {
        case "greeting": reply = .greeting
        case "farewell": reply = .farewell
        case "feedback.compliment": reply = .thanks
        default: return nil
        }
        turn.note("answer", "fixed", "the reply “\(reply.rawValue)” answers \(intent.id)", at: desk.clock.now)
        return Decision(
            reply: .init(text: desk.replies.text(reply, locale: turn.language, ["hotel": desk.property.name]), author: .jack), state: .active)
    }
}
