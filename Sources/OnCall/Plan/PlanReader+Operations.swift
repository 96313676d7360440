import PluginAPI

extension PlanReader {
    /// The keys of `oncall.yaml` that say what is done about incidents, and when work is done.
    static var operationsKeys: [String] { OperationsDocument.schema.definitions.map(\.name) }

    /// What a document says of incidents and of maintenance.
    func operations(_ root: ConfigNode, _ diagnostics: inout Diagnostics) -> (IncidentPlan, MaintenancePlan) {
        let zone = root["timezone"]?.text.flatMap(ZoneClock.init) ?? ZoneClock(timezone) ?? .utc
        let incidents = Self.settings(IncidentsSettings.self, root["incidents"], &diagnostics)
        let maintenance = Self.settings(MaintenanceSettings.self, root["maintenance"], &diagnostics)
        return (IncidentPlan(incidents, &diagnostics), MaintenancePlan(maintenance, zone: zone, &diagnostics))
    }

    /// What can be read of a section, so that a mistake in one part of it does not hide those in another.
    private static func settings<T: PluginSettings>(_ type: T.Type, _ node: ConfigNode?, _ diagnostics: inout Diagnostics) -> T {
        guard let node else { return T() }
        if let whole = T.decode(node, &diagnostics) { return whole }
        var ignored = Diagnostics()
        func part(_ entries: [ConfigNode.Entry]) -> T? { T.decode(ConfigNode(.mapping(entries), mark: node.mark), &ignored) }
        return part((node.entries ?? []).filter { part([$0]) != nil }) ?? T()
    }
}
