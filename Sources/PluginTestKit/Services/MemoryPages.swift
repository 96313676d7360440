import PluginAPI
import Synchronization

/// Pages that stand as a test says.
public final class MemoryPages: PageAccess {
    private let standings = Mutex<[String: PageStanding]>([:])

    public init() {}

    /// Says how a page stands from now on; nil where nobody can say it, as for every page that was never set.
    public func set(_ standing: PageStanding?, of page: String) { standings.withLock { $0[page] = standing } }

    public func standing(of page: String) async -> PageStanding? { standings.withLock { $0[page] } }
}
