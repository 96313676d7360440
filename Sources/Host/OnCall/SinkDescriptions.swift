import Kernel
import OnCall
import PluginAPI

extension SinkDescription {
    /// An alert instance as plans see it; nil for an instance of another kind.
    /// - Parameter others: all instances: a sink that sends through another carries what that one carries.
    init?(_ instance: InstanceConfiguration, among others: [InstanceConfiguration]) {
        guard instance.kind == .alert else { return nil }
        let manifest = instance.registration.manifest
        let named = instance.spec.references.filter { $0.kind == manifest.sendsThrough }.map(\.name)
        let ways = others.filter { $0.kind == manifest.sendsThrough && named.contains($0.name) }.map(\.registration.manifest)
        self.init(
            instance: instance.name, plugin: manifest.id, contacts: manifest.contacts + ways.flatMap(\.contacts),
            reachesHuman: manifest.reachesPeople?.holds(for: instance.settings.printed) ?? false, carrier: ways.first?.id,
            vendor: (ways.first ?? manifest).destinations.first?.recipient, writesMessages: manifest.sendsThrough == .channel,
            settings: Set((instance.settings.printed.objectValue ?? [:]).filter { $0.value != .null }.keys))
    }

    /// An alert plugin, by its own name, as if it could send through anything that there is.
    init?(_ registration: PluginRegistration, among others: [PluginRegistration]) {
        guard registration.kind == .alert else { return nil }
        let manifest = registration.manifest, ways = others.filter { $0.kind == manifest.sendsThrough }.map(\.manifest)
        self.init(
            instance: manifest.id, plugin: manifest.id, contacts: manifest.contacts + ways.flatMap(\.contacts),
            reachesHuman: manifest.reachesPeople == .always)
    }
}
