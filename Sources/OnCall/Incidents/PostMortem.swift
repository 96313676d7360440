import Foundation
import PluginAPI

/// The document that an incident leaves: what is known stands in it, and what people must think about is asked for. No guest and no secret is in it.
struct PostMortem {
    let incident: Incident
    let timeline: [IncidentEvent]
    let pages: [MatterPages]
    let hotel: PropertyInfo
    let now: Date
    private let zone: TimeZone

    init(incident: Incident, timeline: [IncidentEvent], pages: [MatterPages], hotel: PropertyInfo, at now: Date) {
        self.incident = incident
        self.timeline = timeline
        self.pages = pages
        self.hotel = hotel
        self.now = now
        zone = TimeZone(identifier: hotel.timeZone) ?? .gmt
    }

    var markdown: String {
        [
            head, summary, impact, "## Timeline\n\nTimes are \(zone.identifier), with UTC beside them.\n\n\(timelineTable)", paged, late,
            "## Root cause\n\n_Why it could happen, and why it was not noticed sooner._\n",
            "## Action items\n\n| what | who | by when |\n|---|---|---|\n| | | |\n",
            "## Process improvements\n\n_What would have made it shorter, or harmless._\n",
        ].joined(separator: "\n")
    }

    private var head: String {
        let due = incident.postmortemDueAt.map { "| due | \(moment($0)) |\n" } ?? ""
        return """
            # \(incident.priority.rawValue): \(PublicText.cell(incident.title))

            | | |
            |---|---|
            | incident | `\(incident.id)` |
            | hotel | \(PublicText.cell(hotel.name)) |
            | state | \(incident.state.rawValue) |
            | commander | \(PublicText.cell(incident.commander ?? "nobody")) |
            \(due)
            """
    }

    private var summary: String {
        let status = timeline.filter(\.isPublic).map { "- \(moment($0.at)): \(PublicText.cell($0.text))\n" }.joined()
        return
            "## Summary\n\n_What happened, in two sentences._\n\nOpened by \(PublicText.cell(incident.openedBy)) at \(moment(incident.openedAt)).\n"
            + (status.isEmpty ? "" : "\nWhat the public was told:\n\n\(status)")
    }

    private var impact: String {
        let promised = words(incident.promise.respondWithin)
        let kept: String =
            switch (incident.acknowledgedAt, incident.keptResponse(at: now)) {
            case (let at?, true?): "kept: \(words(at.timeIntervalSince(incident.openedAt)))"
            case (let at?, _): "not kept: \(words(at.timeIntervalSince(incident.openedAt)))"
            case (nil, false?): "not kept: nobody has responded"
            case (nil, _): "nobody has responded yet"
            }
        let duration = incident.duration.map(words) ?? "\(words(now.timeIntervalSince(incident.openedAt))) so far"
        let mitigated = incident.mitigatedAt.map { words($0.timeIntervalSince(incident.openedAt)) } ?? "not yet"
        return """
            ## Impact

            | | |
            |---|---|
            | duration | \(duration) |
            | until it did no more harm | \(mitigated) |
            | response time promised | \(promised) |
            | response time | \(kept) |

            _Who noticed it, and how._

            """
    }

    private var timelineTable: String {
        "| \(zone.identifier) | UTC | who | what |\n|---|---|---|---|\n"
            + timeline.map { "| \(local($0.at)) | \(utc($0.at)) | \(PublicText.cell($0.by)) | \(PublicText.cell("\($0.kind): \($0.text)")) |\n" }
            .joined()
    }

    private var paged: String {
        guard pages.contains(where: { !$0.people.isEmpty }) else { return "## Who was paged\n\nNobody was paged by Jack.\n" }
        let rows = pages.flatMap { matter in
            matter.people.map { person in
                let took = matter.acknowledgedAt.map {
                    "\(words(max(0, $0.timeIntervalSince(person.firstAt)))) (\(matter.acknowledgedBy ?? "somebody"))"
                }
                return
                    "| \(PublicText.cell(person.way)) | \(moment(person.firstAt)) | \(person.count) | \(PublicText.cell(took ?? "nobody acknowledged")) |\n"
            }
        }
        return "## Who was paged\n\n| who | first paged | pages | until it was acknowledged, and by whom |\n|---|---|---|---|\n" + rows.joined()
    }

    private var late: String {
        var rows = timeline.filter { $0.kind == "late" }.map { "- \(moment($0.at)): \(PublicText.cell($0.text))\n" }
        for step in incident.steps where step.isLeftOut { rows.append("- \(step.name) was not done\n") }
        return "## What went late\n\n" + (rows.isEmpty ? "Nothing.\n" : rows.joined())
    }

    // MARK: Words

    private func local(_ date: Date) -> String { text(date, zone) }
    private func utc(_ date: Date) -> String { text(date, .gmt) }
    private func moment(_ date: Date) -> String { "\(local(date)) (\(utc(date)) UTC)" }

    private func text(_ date: Date, _ zone: TimeZone) -> String {
        date.formatted(
            Date.ISO8601FormatStyle(dateTimeSeparator: .space, timeZone: zone).year().month().day().time(includingFractionalSeconds: false))
    }

    private func words(_ seconds: TimeInterval) -> String {
        Duration.seconds(seconds.rounded()).formatted(.units(allowed: [.days, .hours, .minutes, .seconds], width: .narrow))
    }
}
