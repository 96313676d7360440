/// What an alert sink may ask about pages, so that it can tell a person at once what an answer finds.
///
/// Answers themselves are events (``InboundEvent/Content/acknowledgement(_:)``): they are stored, and taken a moment later. Whoever has somebody on the line asks
/// here before it thanks. A sink that has nobody on the line need not care.
public protocol PageAccess: Sendable {
    /// How what a page told of stands at this moment.
    /// - Parameter page: ``AlertPage/id`` or ``AlertPage/groupKey``.
    /// - Returns: nil where nobody can say it; an answer is then to be taken for one that counts.
    func standing(of page: String) async -> PageStanding?
}

/// How something that people were paged for stands.
public enum PageStanding: Sendable, Hashable, Codable {
    /// Nobody has acknowledged it.
    case open
    /// - Parameter by: who has, as the sink or the operator named them.
    case acknowledged(by: String)
    /// It has ended, or somebody has closed it.
    case over
}

/// For a context in which nobody is paged.
public struct NoPages: PageAccess {
    public init() {}

    public func standing(of page: String) async -> PageStanding? { nil }
}
