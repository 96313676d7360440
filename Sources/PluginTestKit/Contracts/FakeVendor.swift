import Foundation
import HTTPTypes
import PluginAPI

/// A vendor as the plugin's author describes it: how it answers when all is well, and where its answers mean something of their own.
public struct FakeVendor: Sendable {
    /// What a call comes to.
    public enum Outcome: String, Sendable, Hashable { case success, notReady, credentialsRejected, permanent }

    /// What statuses of this vendor mean, where that differs from ``ClientResponse/failure(from:now:file:line:)``.
    public struct StatusRule: Sendable {
        public let statuses: ClosedRange<Int>
        /// The operations that it holds for, such as `probe`; nil for all.
        public let operations: Set<String>?
        public let outcomes: Set<Outcome>
        /// The vendor's document, or whatever decides it.
        public let because: String

        public init(_ statuses: ClosedRange<Int>, in operations: Set<String>? = nil, _ outcomes: Set<Outcome>, because: String) {
            self.statuses = statuses
            self.operations = operations
            self.outcomes = outcomes
            self.because = because
        }
    }

    /// A refusal of the vendor's that has a meaning of its own.
    public struct KnownError: Sendable {
        public let name: String
        public let reply: LoopbackReply
        public let disposition: PluginFailure.Disposition
        public let reason: PluginFailure.Reason

        public init(_ name: String, _ reply: LoopbackReply, _ disposition: PluginFailure.Disposition, _ reason: PluginFailure.Reason) {
            self.name = name
            self.reply = reply
            self.disposition = disposition
            self.reason = reason
        }
    }

    /// Answers every request as the vendor does when all is well; what the vendor would refuse is to be refused here too (400).
    public var answer: LoopbackServer.Answer
    /// Which requests meet the faults that the suite makes. Leave out, for instance, those that obtain a token.
    public var meetsFaults: @Sendable (LoopbackServer.Request) -> Bool = { _ in true }
    public var statuses: [StatusRule] = []
    /// Tried with the suite's main operation: `send`, `complete`, `reservations`, `page`.
    public var errors: [KnownError] = []
    /// False where success is the status alone, and the reply's body may be anything.
    public var repliesMatter = true
    /// The texts in a request, decoded; by default the texts of a JSON body, the values of a form, or the body itself.
    public var texts: @Sendable (LoopbackServer.Request) -> [String] = { $0.texts }

    public init(_ answer: @escaping LoopbackServer.Answer) { self.answer = answer }

    /// What `operation` may come to when the vendor answers with `status`.
    func outcomes(_ status: Int, in operation: String) -> Set<Outcome> {
        if let rule = statuses.last(where: { $0.statuses.contains(status) && $0.operations?.contains(operation) ?? true }) { return rule.outcomes }
        return switch status {
        case 200..<300: [.success, .notReady]
        case 401, 403: [.credentialsRejected]
        case 408, 425, 429, 500...: [.notReady]
        default: [.permanent]
        }
    }
}

extension LoopbackServer.Request {
    /// The body as JSON, where it is.
    public var json: JSONValue? { try? JSONValue(json: body) }

    /// The texts that the body holds, decoded: of JSON every text and key, of a form every value, else the body itself; and the parts of the target.
    public var texts: [String] {
        let inTarget = target.split { "/?&=".contains($0) }.map { Self.decoded(String($0)) }
        if let json { return inTarget + json.texts }
        if header("Content-Type")?.contains("x-www-form-urlencoded") == true {
            return inTarget + text.split { "&=".contains($0) }.map { Self.decoded(String($0).replacing("+", with: " ")) }
        }
        return inTarget + [text]
    }

    private static func decoded(_ text: String) -> String { text.removingPercentEncoding ?? text }
}
