import Foundation
import Kernel
import PluginAPI

/// What a language model may ask Jack to do for a guest, and nothing else. Each wish is checked as if the guest had uttered it: the model's word opens no door that theirs would not.
struct GuestTools: Sendable {
    /// What became of a wish.
    enum Outcome: Sendable {
        /// It settles the message.
        case decided(Decision)
        /// The model is told this, and goes on.
        case told(String, isError: Bool)
    }

    static let request = "create_request", handOver = "hand_over", stay = "look_up_my_stay"

    let desk: Desk
    let actions: ActionStage

    /// The tools, as a model is offered them. The same for every guest: who they are is for the checks, not for the prompt.
    var offered: [AITool] {
        let requests = desk.intents.labels.filter { desk.intents[$0.id]?.action == true }
        return [
            AITool(
                name: Self.request,
                description: "Ask the hotel's staff to do what the guest wants. Use it only where the guest asks for it in this conversation.",
                parameters: [
                    "type": "object", "additionalProperties": false, "required": ["kind"],
                    "properties": [
                        "kind": [
                            "type": "string", "enum": .array(requests.map { .string($0.id) }),
                            "description": .string(requests.map { "\($0.id): \($0.description)" }.joined(separator: "\n")),
                        ]
                    ],
                ]),
            AITool(
                name: Self.handOver, description: "Let a colleague answer: the guest wants a person, is upset, or you cannot help.",
                parameters: ["type": "object", "additionalProperties": false, "properties": [:]]),
            AITool(
                name: Self.stay, description: "The guest's own stay: arrival, departure, state. Nothing about anybody else can be looked up.",
                parameters: ["type": "object", "additionalProperties": false, "properties": [:]]),
        ]
    }

    /// Deals with a model's wish.
    func use(_ call: AIToolCall, _ turn: inout Turn) -> Outcome {
        let now = desk.clock.now
        switch call.name {
        case Self.request:
            guard let kind = call.arguments["kind"]?.stringValue, let intent = desk.intents[kind], intent.action else {
                turn.note("tool", "refused", "the model asked for a request of a kind that there is not", at: now)
                return .told("There is no such kind of request.", isError: true)
            }
            // What goes to staff is what the guest wrote, where the guest is, and what the hotel allows; the model chose the kind alone.
            turn.note("tool", "asked", "the model understood \(kind)", at: now)
            (turn.intent, turn.confidence) = (intent, max(turn.confidence, desk.settings.autonomy.intent))
            guard let decision = actions.act(&turn) else { return .told("This request cannot be made.", isError: true) }
            return .decided(decision)
        case Self.handOver:
            turn.note("tool", "asked", "the model wants a colleague to answer", at: now)
            return .decided(desk.handOver(turn, .handedOver))
        case Self.stay:
            guard let stay = turn.stay, turn.guest != nil else {
                turn.note("tool", "refused", "the model asked for a stay, and who the guest is is not known", at: now)
                return .told("Who the guest is is not known. Ask for the booking number and the last name.", isError: true)
            }
            turn.note("tool", "told", "the model was told the guest's own stay, without the room", at: now)
            return .told("arrival \(stay.arrival), departure \(stay.departure), \(stay.status.rawValue)", isError: false)
        default:
            turn.note("tool", "refused", "the model asked for a tool that there is not", at: now)
            return .told("There is no such tool.", isError: true)
        }
    }
}
