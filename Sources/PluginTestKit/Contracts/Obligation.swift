/// Something that the protocol's doc comments ask of a plugin, and that a contract suite checks. Each can be exempted with a written reason.
public struct Obligation: RawRepresentable, Sendable, Hashable, Comparable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { rawValue = value }
    public var description: String { rawValue }
    public static func < (left: Obligation, right: Obligation) -> Bool { left.rawValue < right.rawValue }

    // MARK: Every plugin

    /// The manifest is well formed, and says where data goes where the plugin calls anybody.
    public static let manifest: Obligation = "manifest"
    /// The declarations are sound: snake_case names, a sentence of help each, defaults that their own constraints allow.
    public static let settings: Obligation = "settings"
    /// Secrets are declared as such: printed settings do not show them.
    public static let secretSettings: Obligation = "secret-settings"
    /// `validate` is pure: the same findings each time, and no request.
    public static let validatePure: Obligation = "validate-pure"
    /// `init` has no side effects.
    public static let initSilent: Obligation = "init-silent"
    /// `start` and `stop` succeed in every permitted order, and return.
    public static let lifecycle: Obligation = "lifecycle"
    /// After `stop` nothing goes on, and no call that was under way is left without its outcome.
    public static let stopEnds: Obligation = "stop-ends-work"
    /// `probe` works before, after and without `start`, asks the vendor, and types what it finds.
    public static let probe: Obligation = "probe"
    /// `probe` changes nothing, here or there.
    public static let probeSafe: Obligation = "probe-safe"
    /// Whatever fails is a ``PluginFailure``.
    public static let typedFailures: Obligation = "typed-failures"
    /// A call whose vendor is well succeeds, and asks the vendor.
    public static let success: Obligation = "success"
    /// Every status from 200 to 599 has its typed outcome.
    public static let statuses: Obligation = "statuses"
    /// A plugin does not try again by itself.
    public static let noRetry: Obligation = "no-retry"
    /// `Retry-After` is passed on, in seconds and as a date.
    public static let retryAfter: Obligation = "retry-after"
    /// A vendor that does not answer is given up in time, as not ready.
    public static let timeouts: Obligation = "timeouts"
    /// A cancelled call ends at once.
    public static let cancellation: Obligation = "cancellation"
    /// A vendor that takes no connection, or cuts it, is not ready; once it is back, calls succeed.
    public static let unreachable: Obligation = "unreachable"
    /// A reply that makes no sense is a malformed one, and never a crash or a success.
    public static let brokenReplies: Obligation = "broken-replies"
    /// A reply that comes in drips is the same reply.
    public static let slowReplies: Obligation = "slow-replies"
    /// A redirect is not followed.
    public static let redirects: Obligation = "redirects"
    /// Failures that the author names have their disposition and reason.
    public static let vendorErrors: Obligation = "vendor-errors"
    /// No secret in a log line, an error, a metric, a report or a probe's result.
    public static let noSecrets: Obligation = "no-secrets"
    /// No guest's word or address in any of these.
    public static let noGuestData: Obligation = "no-guest-data"
    /// Many calls at once do not disturb each other.
    public static let concurrency: Obligation = "concurrency"
    /// What guests and staff write reaches the vendor unchanged, whatever its script.
    public static let unicode: Obligation = "unicode"

    // MARK: Webhooks

    /// What is signed is taken; a wrong, missing, truncated or foreign signature is refused, and nothing is stored.
    public static let signatures: Obligation = "signatures"
    /// A signature that is too old is refused.
    public static let replays: Obligation = "replays"
    /// Without its secret a route is not mounted.
    public static let failsClosed: Obligation = "fails-closed"
    /// Repeated and reordered webhooks give the same events under the same ids, and are stored once.
    public static let duplicates: Obligation = "duplicates"
    /// A signed body that makes no sense is refused with a typed failure, and never a crash.
    public static let brokenWebhooks: Obligation = "broken-webhooks"

    // MARK: Channels

    /// Every message that was taken has vendor ids, each its own.
    public static let vendorIDs: Obligation = "vendor-ids"
    /// Receipts name the messages that were sent.
    public static let receipts: Obligation = "receipts"
    /// Each message that arrives says how sure the channel is of its sender, and why, without naming the guest.
    public static let senders: Obligation = "senders"
    /// The idempotency key goes to the vendor where `features` say that it takes one.
    public static let idempotency: Obligation = "idempotency"
    /// A text of the longest permitted length is sent whole; a longer one is refused with a typed failure or split.
    public static let lengths: Obligation = "lengths"
    /// What `features` say is true: what they deny is `notImplemented`, what they promise works.
    public static let features: Obligation = "features"

    // MARK: AI

    /// An answer is whole: text, model, usage, confidence from 0 to 1, citations among the documents.
    public static let answers: Obligation = "answers"
    /// A stream ends with the whole, which is the sum of its pieces, or fails; it never just stops.
    public static let streams: Obligation = "streams"
    /// As many vectors as texts, of the promised length, each of length 1.
    public static let embeddings: Obligation = "embeddings"
    /// Only labels that were asked for, most likely first, with probabilities.
    public static let classifications: Obligation = "classifications"
    /// A conversation in which tools were used goes on, whether or not any are still offered, and what came of the calls reaches the vendor.
    public static let tools: Obligation = "tools"
    /// What guests wrote is kept apart from the instructions.
    public static let guestTextIsData: Obligation = "guest-text-is-data"

    // MARK: PMS

    /// What is returned meets every condition of the query, and the limit.
    public static let queries: Obligation = "queries"
    /// Changes have stable ids, a cursor that goes on, and an end.
    public static let changes: Obligation = "changes"
    /// Dates, numbers and addresses have the promised form.
    public static let records: Obligation = "records"

    // MARK: Alerts

    /// Every severity, several alerts, none, and every verb are taken.
    public static let tellings: Obligation = "tellings"
    /// People's answers come back as acknowledgements where `features` say so.
    public static let acknowledgements: Obligation = "acknowledgements"
}
