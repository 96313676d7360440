import Foundation
import Kernel
import OnCall
import PluginAPI
import Synchronization

/// The path by which the watchman reaches people: past the engine, the outbox and the plan's levels, which are what it doubts. Whom to tell is kept from the last plan
/// that was sound.
final class WatchmanAlarm: Sendable {
    private let kernel: JackKernel
    private let delivery: PageDelivery
    private let contacts: Mutex<[[Contact]]>

    init(_ plan: any OnCallPlanning, kernel: JackKernel, delivery: PageDelivery) {
        contacts = Mutex(plan.emergencyContacts)
        self.kernel = kernel
        self.delivery = delivery
    }

    /// Tells the people of another plan from now on.
    func go(by plan: any OnCallPlanning) {
        let next = plan.emergencyContacts
        contacts.withLock { $0 = next }
    }

    /// Tells everybody whom an emergency may come to, and every alert instance that the plan does not name, all at once.
    /// - Throws: where no person was reached: a log that took it is nobody.
    func tell(_ alert: Alert) async throws {
        let id = "page_watchman:\(alert.startsAt.milliseconds):\(alert.endsAt == nil ? "firing" : "over")"
        let page = AlertPage(id: id, groupKey: alert.fingerprint, alerts: [alert], reason: "the watchman found an escalation overdue")
        let sinks = kernel.instances.all(of: .alert).map(\.spec)
        let human = Set(sinks.filter { $0.registration.manifest.reachesPeople?.holds(for: $0.settings.printed) ?? false }.map(\.name))
        let planned = contacts.withLock { $0 }, named = Set(planned.joined().map(\.instance))
        // An instance that the plan does not name may know by its own settings whom to tell.
        let targets = planned + sinks.filter { !named.contains($0.name) }.map { [Contact(instance: $0.name, label: $0.name)] }
        let verb: PageOrder.Verb = alert.endsAt == nil ? .page : .resolve
        // One that hangs must not hold up the others.
        let outcomes = await withTaskGroup(of: Result<String, any Error>.self) { tasks in
            for (number, ways) in targets.enumerated() {
                tasks.addTask { [delivery] in
                    var failure: any Error = HostError("there is no way to reach anybody")
                    for way in ways {
                        var addressed = page
                        addressed.id = "\(id):\(number)"
                        addressed.recipient = way.recipient
                        do {
                            _ = try await delivery.send(PageOrder(verb: verb, page: addressed), through: way.instance)
                            return .success(way.instance)
                        } catch { failure = error }
                    }
                    return .failure(failure)
                }
            }
            return await tasks.reduce(into: []) { $0.append($1) }
        }
        guard !outcomes.contains(where: { outcome in (try? outcome.get()).map(human.contains) ?? false }) else { return }
        for case .failure(let failure) in outcomes { throw failure }
        throw HostError("no alert instance that was told reaches people")
    }
}
