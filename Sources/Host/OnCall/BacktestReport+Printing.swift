import Foundation
import Kernel
import OnCall
import PluginAPI

extension BacktestReport {
    /// As people read it.
    func print(zone: TimeZone) {
        func time(_ date: Date) -> String {
            date.formatted(
                Date.ISO8601FormatStyle(dateTimeSeparator: .space, timeZone: zone).year().month().day().time(includingFractionalSeconds: false))
        }
        func line(_ page: Page) -> String {
            let alerts = page.alerts > 1 ? " and \(page.alerts - 1) more" : ""
            let severity = page.isEmergency ? "an emergency" : page.severity.rawValue
            return "\(page.alert)\(alerts) (\(severity)): \(page.person.map { "\($0), " } ?? "")\(page.contact) through \(page.instance), "
                + (page.place ?? "by plan \(page.plan.prefix(8))")
        }
        func show(_ text: String) { Swift.print(Terminal.plain(text)) }
        for page in added { show("added    \(time(page.at))\(page.isAtNight ? "  at night" : "")  \(line(page))") }
        for page in removed { show("removed  \(time(page.at))\(page.isAtNight ? "  at night" : "")  \(line(page))") }
        for move in movedIntoNight { show("to night \(time(move.after.at))  was at \(time(move.before.at))  \(line(move.after))") }
        for loss in losses {
            let before = loss.before.isEmpty ? "nobody" : loss.before.joined(separator: ", ")
            let after = loss.after.isEmpty ? "nobody" : loss.after.joined(separator: ", ")
            let severity = loss.isEmergency ? "an emergency" : loss.severity.rawValue
            show("LOST     \(time(loss.at))  \(loss.alert) (\(severity)): reached \(before), and would reach \(after)")
        }
        if !loads.isEmpty {
            let rows = loads.map { [Terminal.plain($0.who), "\($0.before)", "\($0.after)", "\($0.nightsBefore)", "\($0.nightsAfter)"] }
            Swift.print(Terminal.table(["WHO", "PAGES", "AFTER", "AT NIGHT", "AFTER"], rows))
        }
        if idleAnswers > 0 { show("\(idleAnswers) answers of then find nothing to answer by the new plan at their time") }
        show(
            "\(alerts) alerts from \(time(from)) to \(time(to)) \(zone.identifier): \(added.count) pages added, \(removed.count) removed, "
                + "\(movedIntoNight.count) moved into the night, \(moved) at another time, \(same) as before"
                + (isSound ? "" : "; \(losses.count) critical alerts or emergencies reach fewer people"))
    }

    var json: JSONValue {
        let moves: [JSONValue] = movedIntoNight.map { ["before": $0.before.json, "after": $0.after.json] }
        return [
            "from": .string(from.iso8601), "to": .string(to.iso8601), "alerts": .int(alerts), "sound": .bool(isSound),
            "added": .array(added.map(\.json)), "removed": .array(removed.map(\.json)), "moved_into_night": .array(moves), "moved": .int(moved),
            "same": .int(same), "idle_answers": .int(idleAnswers), "losses": .array(losses.map(\.json)), "people": .array(loads.map(\.json)),
        ]
    }
}

extension BacktestReport.Page {
    fileprivate var json: JSONValue {
        [
            "at": .string(at.iso8601), "alert": .string(alert), "fingerprint": .string(fingerprint), "alerts": .int(alerts),
            "severity": .string(severity.rawValue), "emergency": .bool(isEmergency), "person": person.map { .string($0) } ?? .null,
            "contact": .string(contact), "instance": .string(instance), "reason": .string(reason), "place": place.map { .string($0) } ?? .null,
            "plan": .string(plan), "at_night": .bool(isAtNight),
        ]
    }
}

extension BacktestReport.Loss {
    fileprivate var json: JSONValue {
        [
            "at": .string(at.iso8601), "alert": .string(alert), "fingerprint": .string(fingerprint), "severity": .string(severity.rawValue),
            "emergency": .bool(isEmergency), "before": .array(before.map { .string($0) }), "after": .array(after.map { .string($0) }),
        ]
    }
}

extension BacktestReport.Load {
    fileprivate var json: JSONValue {
        [
            "who": .string(who), "before": .int(before), "after": .int(after), "at_night_before": .int(nightsBefore),
            "at_night_after": .int(nightsAfter),
        ]
    }
}
