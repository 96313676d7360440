import Foundation
import PluginAPI

extension CoverageProver {
    /// What the plan itself says of the moments at which some gaps begin.
    mutating func causes(_ subject: Subject, _ findings: [Finding], _ promise: Int?) -> [String] {
        let matter = PagedMatter(receiver: subject.receiver, severity: subject.severity, isEmergency: subject.isEmergency, labels: [:])
        var gate = gates.gate(subject.gate), causes: [String] = []
        for finding in findings.prefix(2) {
            var moment = finding.range.lowerBound + gate.wait, number = 1
            if gate.wait > 0, finding.kind == .late, let route = subject.routes.first {
                causes.append("group_wait is \(Duration.seconds(gate.wait).text) here, \(route.mark)")
            }
            let end = finding.kind == .oneSink ? Int.max : finding.range.lowerBound + (promise ?? Roster.patience)
            while moment <= end, number <= 40 {
                if let closed = gate.closing(at: moment), closed.lowerBound <= moment {
                    causes += whyClosed(subject, at: moment)
                    guard let opening = gate.opening(after: closed, lateness: gate.lateness) else { break }
                    moment = opening
                    continue
                }
                guard let level = roster.level(number, for: matter, at: Date(moment: moment)) else { break }
                causes += words(of: level, number, finding.kind)
                guard let wait = level.wait else { break }
                moment += Int(wait)
                number += 1
            }
        }
        var seen: Set<String> = []
        return Array(causes.filter { seen.insert($0).inserted }.prefix(12))
    }

    /// The lines by which the first of the routes, or a maintenance window, tells nobody at a moment.
    private func whyClosed(_ subject: Subject, at moment: Int) -> [String] {
        guard let route = subject.routes.first else { return [] }
        switch plan.verdict(on: route, at: Date(moment: moment)) {
        case .muted(let interval, let mark): return ["muted by “\(interval)”, \(mark), on the route at \(route.mark)"]
        case .inactive(let intervals, let mark):
            let named = intervals.compactMap(plan.routing.interval).map { "“\($0.name)” (\($0.mark))" }.joined(separator: ", ")
            return ["outside of the active times \(named), \(mark), of the route at \(route.mark)"]
        case .open:
            return subject.gate.windows.sorted().map { plan.maintenance.windows[$0] }.filter { $0.time(at: Date(moment: moment)) != nil }.map {
                "muted by the maintenance window “\($0.name)”, \($0.mark), on the route at \(route.mark)"
            }
        }
    }

    private func words(of level: EscalationLevel, _ number: Int, _ kind: Coverage.Kind) -> [String] {
        var causes: [String] = []
        if number == 1, level.steps.isEmpty, level.passedOver.isEmpty { causes.append("the level \(level.name) pages nobody, \(level.place)") }
        causes += level.passedOver
        guard !level.steps.isEmpty else { return causes }
        let labels = Set(level.steps.map(\.contact.label)).sorted()
        if kind == .oneSink || kind == .late {
            let wait = level.wait.map { " and waits \(Int($0) / 60) min" } ?? ""
            causes.append("\(level.name) pages \(labels.prefix(4).joined(separator: ", "))\(wait), \(level.place)")
        } else if kind == .nobody {
            causes.append("\(level.name) reaches no person, only \(labels.joined(separator: ", ")), \(level.place)")
        }
        return causes
    }
}
