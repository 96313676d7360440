/// A way by which a person, or a system of theirs, is told that something is wrong.
public protocol AlertSink: Plugin {
    /// What this sink can do.
    var features: AlertSinkFeatures { get }

    /// Tells of an alert. ``AlertPage/id`` is the idempotency key.
    /// - Throws: ``PluginFailure``; the caller then takes the next contact.
    func page(_ page: AlertPage) async throws -> PageReceipt

    /// Tells that an alert that was paged has changed: more of the same, acknowledged, escalated.
    func update(_ page: AlertPage) async throws -> PageReceipt

    /// Tells that an alert that was paged is over.
    func resolve(_ page: AlertPage) async throws -> PageReceipt
}

extension AlertSink {
    public static var kind: PluginKind { .alert }
}

/// What a sink can do.
public struct AlertSinkFeatures: Sendable, Hashable {
    /// True where people can acknowledge by it; the answer comes back as ``InboundEvent/Content/acknowledgement(_:)``.
    public var acknowledges: Bool
    /// True where an update changes what was sent instead of sending again.
    public var updatesInPlace: Bool

    public init(acknowledges: Bool = false, updatesInPlace: Bool = false) {
        self.acknowledges = acknowledges
        self.updatesInPlace = updatesInPlace
    }
}
