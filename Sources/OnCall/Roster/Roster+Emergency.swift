import Foundation
import PluginAPI

extension Roster {
    /// What is wrong with where emergencies end: they must come to people by two alert instances of different plugins, whoever is on call.
    ///
    /// Proved without a clock: of a schedule counts what everybody has who may ever be on call; ``OnCallPlan/coverage(from:to:)`` finds its gaps.
    /// - Parameter ending: the receivers where the routing tree lets emergencies end; all of them where it is left out. They count where emergencies have no policy.
    public func emergencyDiagnostics(endingAt ending: [String]? = nil) -> [Diagnostic] {
        if let emergency, let policy = policies[emergency] {
            let targets = (slots[emergency] ?? []).flatMap(\.level.targets)
            return emergencyDiagnostics(targets, "the policy “\(emergency)”, which emergencies follow,", policy.mark)
        }
        let names = ending ?? receiverOrder,
            targets = names.compactMap { receivers[$0] }.flatMap { receiver in
                receiver.direct + (receiver.policy.flatMap { slots[$0] } ?? []).flatMap(\.level.targets)
            }
        guard let first = names.compactMap({ receivers[$0] }).first, policies.isEmpty else { return [] }
        return emergencyDiagnostics(targets, "the plan", first.mark)
    }

    private func emergencyDiagnostics(_ targets: [LevelTarget], _ what: String, _ mark: SourceMark) -> [Diagnostic] {
        let sinks = targets.flatMap(sureSinks), carriers = Set(sinks.map(\.carrier))
        guard carriers.count < 2 else {
            let vendors = Set(sinks.map(\.vendor))
            guard vendors.count < 2, let vendor = vendors.first else { return [] }
            return [
                Diagnostic(
                    .warning, .insecure,
                    "\(what) ends at people by \(carriers.sorted().joined(separator: " and ")), which both hang on \(vendor): if that is away, nobody is reached",
                    remedy: "give people a contact of another vendor's too", at: mark)
            ]
        }
        let ways = carriers.isEmpty ? "no alert plugin that is sure to reach people" : "people by \(carriers.sorted().joined()) alone"
        // Several levels may mean the same people.
        var poor: [String] = []
        for target in targets where !target.isDirect && Set(sureSinks(target).map(\.carrier)).count < 2 {
            let words =
                switch target.kind {
                case .person(let id): "\(id) (\(people[id]?.mark ?? target.mark))"
                case .schedule(let id): "everybody of \(id) (\(schedules[id]?.mark ?? target.mark))"
                case .contact: ""
                }
            if !poor.contains(words), poor.count < 3 { poor.append(words) }
        }
        let mend = poor.isEmpty ? "name people or contacts of two kinds" : "give \(poor.joined(separator: " or ")) a contact of another kind"
        let configured = Set(book.sinks.filter(\.reachesHuman).map(\.carrier)).count
        let lack = configured < 2 ? "; jack.yaml has \(configured == 0 ? "no" : "only one") alert plugin that reaches people" : ""
        return [
            Diagnostic(
                .error, .insecure, "\(what) ends at \(ways): an emergency must reach people by two independent alert plugins", remedy: mend + lack,
                at: mark)
        ]
    }

    /// The instances by which a target is sure to come to people, whoever is on call.
    private func sureSinks(_ target: LevelTarget) -> [SinkDescription] {
        switch target.kind {
        case .contact(let contact): return humanSinks(contact)
        case .person(let id): return (people[id]?.contacts ?? []).flatMap(humanSinks)
        case .schedule(let id):
            let each = (schedules[id]?.people ?? []).map { person in (people[person]?.contacts ?? []).flatMap(humanSinks) }
            guard let first = each.first else { return [] }
            return first.filter { sink in each.allSatisfy { $0.contains { $0.carrier == sink.carrier } } }
        }
    }

    /// Everybody whom an emergency may come to, whoever is on call: the ways of each contact that reaches people. Without a policy for emergencies these are all whom
    /// the plan names.
    var emergencyContacts: [[Contact]] {
        let targets =
            emergency.flatMap { slots[$0] }?.flatMap(\.level.targets)
            ?? receiverOrder.compactMap { receivers[$0] }.flatMap { receiver in
                receiver.direct + (receiver.policy.flatMap { slots[$0] } ?? []).flatMap(\.level.targets)
            }
        let contacts = targets.flatMap { target -> [PlannedContact] in
            switch target.kind {
            case .contact(let contact): [contact]
            case .person(let id): people[id]?.contacts ?? []
            case .schedule(let id): (schedules[id]?.people ?? []).sorted().flatMap { people[$0]?.contacts ?? [] }
            }
        }
        var found: [[Contact]] = []
        for contact in contacts {
            let ways = contact.ways.filter { book.sink($0.instance)?.reachesHuman == true }
            if !ways.isEmpty, !found.contains(ways) { found.append(ways) }
        }
        return found
    }

    /// The instances that carry a contact and reach people.
    func humanSinks(_ contact: PlannedContact) -> [SinkDescription] {
        contact.ways.compactMap { way in book.sink(way.instance).flatMap { $0.reachesHuman ? $0 : nil } }
    }
}
