import Foundation
import PluginAPI
import Synchronization

extension OnCallService {
    /// The alerts that an open matter is about, as its pages show them: the worst first, and how many more there are. Empty where it is over.
    /// - Parameter matter: ``OpenMatter/id``.
    public func alerts(of matter: String) -> [Alert] {
        let core = state.withLock { $0.core }
        guard let (id, _) = OnCallCore.parse(matter), let open = core.groups[id]?.matter, open.id == matter else { return [] }
        return core.shown(Array(open.told), at: parts.clock.now)
    }
}
