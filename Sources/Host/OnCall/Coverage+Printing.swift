import Foundation
import OnCall
import PluginAPI

extension Coverage {
    /// For people, on standard output.
    func print() {
        for gap in gaps {
            let about = "\(gap.receiver), \(gap.isEmergency ? "emergency" : gap.severity.rawValue)"
            let promise = gap.promise.map { " within \($0.text)" } ?? ""
            let words =
                switch gap.kind {
                case .nobody: "nobody is paged\(promise)"
                case .late: "a person is paged, but not\(promise)"
                case .quietHours: "quiet hours: a person is paged when they end, not\(promise)"
                case .muted: "the route tells nobody at these times: a person is not paged\(promise)"
                case .maintenance: "maintenance mutes all of it at these times: a person is not paged\(promise)"
                case .oneSink: "people are reached by one alert plugin alone"
                }
            Swift.print("\(gap.mark): \(gap.isFault ? "gap" : "note"): \(about): \(words), \(gap.times.count) times, \(gap.total.text) together")
            for time in gap.times.prefix(3) { Swift.print("    \(time.lowerBound.formatted(.iso8601)) to \(time.upperBound.formatted(.iso8601))") }
            if gap.times.count > 3 { Swift.print("    … \(gap.times.count - 3) more") }
            if !gap.routes.isEmpty {
                let more = gap.routes.count > 3 ? " and \(gap.routes.count - 3) more" : ""
                let routes = gap.routes.prefix(3).map { "\($0.mark) \(Terminal.plain($0.name))" }.joined(separator: ", ")
                Swift.print("    alerts of: \(routes)\(more)")
            }
            for cause in gap.causes { Swift.print("    because: \(Terminal.plain(cause))") }
        }
        for change in clockChanges {
            Swift.print("\(change.at.formatted(.iso8601)): \(change.zone): \(change.wall) \(change.isGap ? "is left out" : "comes twice")")
            for line in change.affected { Swift.print("    \(Terminal.plain(line))") }
        }
        for note in notes { Swift.print("note: \(Terminal.plain(note))") }
        let faults = gaps.count(where: \.isFault)
        Swift.print(
            "\(from.formatted(.iso8601)) to \(to.formatted(.iso8601)): \(routes) routes to \(receivers) receivers, each with the severities that come "
                + "there, and emergencies, by \(proofs) proofs of \(pieces) pieces of time: "
                + (faults == 0 ? "every moment is covered" : "\(faults) gaps"))
    }

    var json: JSONValue {
        [
            "from": .string(from.formatted(.iso8601)), "to": .string(to.formatted(.iso8601)), "sound": .bool(isSound), "routes": .int(routes),
            "receivers": .int(receivers), "pieces": .int(pieces), "proofs": .int(proofs), "notes": .array(notes.map { .string($0) }),
            "gaps": .array(gaps.map(\.json)), "clock_changes": .array(clockChanges.map(\.json)),
        ]
    }
}

extension Coverage.Gap {
    fileprivate var json: JSONValue {
        let promise: JSONValue = promise.map { .string($0.text) } ?? .null
        let times: [JSONValue] = times.map {
            ["from": .string($0.lowerBound.formatted(.iso8601)), "to": .string($0.upperBound.formatted(.iso8601))]
        }
        return [
            "receiver": .string(receiver), "severity": .string(severity.rawValue), "emergency": .bool(isEmergency), "kind": .string(kind.rawValue),
            "promise": promise, "fault": .bool(isFault), "place": .string("\(mark)"), "causes": .array(causes.map { .string($0) }),
            "times": .array(times), "routes": .array(routes.map { ["route": .string($0.name), "place": .string("\($0.mark)")] }),
        ]
    }
}

extension Coverage.ClockChange {
    fileprivate var json: JSONValue {
        [
            "zone": .string(zone), "at": .string(at.formatted(.iso8601)), "wall": .string(wall), "kind": .string(isGap ? "left out" : "twice"),
            "affected": .array(affected.map { .string($0) }),
        ]
    }
}
