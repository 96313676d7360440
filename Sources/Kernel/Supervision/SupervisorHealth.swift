import PluginAPI

/// What one start's plugin says of its health. An earlier start's plugin that still talks concerns nobody.
struct SupervisorHealth: HealthReporter {
    /// The plugin holds its context, and the supervisor holds the plugin.
    private weak let supervisor: PluginSupervisor?
    private let generation: Int

    init(supervisor: PluginSupervisor, generation: Int) {
        self.supervisor = supervisor
        self.generation = generation
    }

    func degraded(_ why: String) { supervisor?.degraded(why, generation) }
    func recovered() { supervisor?.recovered(generation) }
    func credentialsRejected(_ why: String) { supervisor?.credentialsRejected(why, generation) }
}

/// What a plugin that is only probed says of its health concerns nobody.
struct SilentHealth: HealthReporter {
    func degraded(_ why: String) {}
    func recovered() {}
    func credentialsRejected(_ why: String) {}
}
