/// Why a plugin could not do what it was asked. Its ``disposition`` decides what the kernel does next.
public struct PluginFailure: Error, Sendable, CustomStringConvertible {
    /// What the kernel does.
    public struct Disposition: Sendable, Hashable, CustomStringConvertible {
        private enum Base: Sendable, Hashable { case notReady, credentialsRejected, permanent }
        private let base: Base

        /// Try again with back-off: a network fault, a rate limit, a vendor's 5xx.
        public static let notReady = Disposition(base: .notReady)
        /// Stop trying, tell a human: the credentials are wrong, expired or lack a permission.
        public static let credentialsRejected = Disposition(base: .credentialsRejected)
        /// Stop: this very request, or at start this very configuration, can never succeed.
        public static let permanent = Disposition(base: .permanent)

        public var description: String {
            switch base {
            case .notReady: "not ready"
            case .credentialsRejected: "credentials rejected"
            case .permanent: "permanent"
            }
        }
    }

    /// The kind of fault, for metrics and for callers that have another way. A plugin may define its own.
    public struct Reason: RawRepresentable, Sendable, Hashable, ExpressibleByStringLiteral {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public init(stringLiteral value: String) { rawValue = value }

        public static let unreachable: Reason = "unreachable"
        public static let timeout: Reason = "timeout"
        public static let rateLimited: Reason = "rate-limited"
        /// One recipient gets no more for a while; others do. It does not count for the circuit breaker.
        public static let recipientLimited: Reason = "recipient-limited"
        public static let overloaded: Reason = "overloaded"
        public static let vendorFault: Reason = "vendor-fault"
        public static let malformedReply: Reason = "malformed-reply"
        public static let unauthorized: Reason = "unauthorized"
        public static let invalidRequest: Reason = "invalid-request"
        public static let notImplemented: Reason = "not-implemented"
        public static let notFound: Reason = "not-found"
        /// The peer cannot be reached by this channel at all.
        public static let unknownRecipient: Reason = "unknown-recipient"
        /// The channel's reply window has closed: only a template may be sent.
        public static let windowClosed: Reason = "window-closed"
        public static let optedOut: Reason = "opted-out"
        public static let contextTooLong: Reason = "context-too-long"
        public static let contentFiltered: Reason = "content-filtered"
        public static let outOfCredit: Reason = "out-of-credit"
        public static let configuration: Reason = "configuration"
        public static let cancelled: Reason = "cancelled"
        public static let circuitOpen: Reason = "circuit-open"
    }

    public let disposition: Disposition
    public let reason: Reason
    /// What happened and what to do about it. Must hold no secret and no guest's data.
    public let message: String
    /// How long the vendor asks to wait before the next try.
    public let retryAfter: Duration?
    /// What lay beneath.
    public let cause: (any Error)?
    /// Where in the code it was raised.
    public let location: String

    public init(
        _ disposition: Disposition, _ reason: Reason, _ message: String, retryAfter: Duration? = nil, cause: (any Error)? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.disposition = disposition
        self.reason = reason
        self.message = message
        self.retryAfter = retryAfter
        self.cause = cause
        location = "\(file):\(line)"
    }

    public static func notReady(
        _ reason: Reason, _ message: String, retryAfter: Duration? = nil, cause: (any Error)? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> PluginFailure {
        PluginFailure(.notReady, reason, message, retryAfter: retryAfter, cause: cause, file: file, line: line)
    }

    public static func credentialsRejected(_ message: String, cause: (any Error)? = nil, file: StaticString = #fileID, line: UInt = #line)
        -> PluginFailure
    {
        PluginFailure(.credentialsRejected, .unauthorized, message, cause: cause, file: file, line: line)
    }

    public static func permanent(
        _ reason: Reason, _ message: String, cause: (any Error)? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> PluginFailure {
        PluginFailure(.permanent, reason, message, cause: cause, file: file, line: line)
    }

    /// The honest answer of a method that a plugin does not have: the protocols' defaults throw it, so that a caller can pass on to an instance that has the
    /// method. Nothing of Jack's own is left undone behind it.
    public static func notImplemented(_ what: String, file: StaticString = #fileID, line: UInt = #line) -> PluginFailure {
        permanent(.notImplemented, "\(what) is not implemented by this plugin", file: file, line: line)  // what a plugin lacks, as designed
    }

    public var description: String {
        "\(disposition) (\(reason.rawValue)): \(message)" + (cause.map { " [\($0)]" } ?? "")
    }
}
