import Foundation
import Gateway
import HTTPTypes
import Kernel
import OnCall
import PluginAPI

extension HotelService {
    func matters() async throws -> [API.OnCallMatter] { try application().onCall.service.matters().map(API.OnCallMatter.init) }

    func answer(_ answer: API.NewOnCallAnswer, by staff: String) async throws -> API.OnCallAnswered {
        let service = try application().onCall.service
        switch try await service.answer(answer.action, named: answer.name, by: answer.by ?? staff, note: answer.note) {
        case .answered(let outcome):
            return API.OnCallAnswered(status: outcome.status.rawValue, message: outcome.text, matter: outcome.matter)
        case .ambiguous(let matters):
            throw GatewayError.conflict(
                "“\(answer.name.cut(to: 80))” means \(matters.count) matters; answer one of them:" + Self.list(matters),
                details: Self.candidates(matters))
        case .unknown(let open):
            let hint = open.isEmpty ? "; nothing stands open" : "; these stand open:" + Self.list(open)
            throw GatewayError(
                .notFound, "not_found", "nothing is known of “\(answer.name.cut(to: 80))”\(hint)", details: Self.candidates(open))
        }
    }

    private static let mostCandidates = 20

    private static func list(_ matters: [MatterSummary]) -> String {
        let lines = matters.prefix(mostCandidates).map { "\n  \(API.OnCallMatter($0).line)" }.joined()
        return lines + (matters.count > mostCandidates ? "\n  … and \(matters.count - mostCandidates) more" : "")
    }

    private static func candidates(_ matters: [MatterSummary]) -> JSONValue {
        ["candidates": .array(matters.prefix(mostCandidates).map { .string($0.open.id) })]
    }

    // MARK: Drills

    func drill(_ order: API.NewDrill, by staff: String) async throws -> API.DrillBegun {
        let app = try application(), service = app.onCall.service
        let named: [(DrillSubject.Kind, String?)] = [(.person, order.person), (.schedule, order.schedule), (.receiver, order.receiver)]
        let subject =
            named.compactMap { kind, name in name.map { DrillSubject(kind, $0) } }.first ?? DrillSubject(.receiver, service.usualReceiver)
        let drill = DrillOrder(
            id: Identifier.make("drill", at: app.kernel.parts.clock.now), subject: subject, within: order.within ?? 300,
            atNight: order.atNight ?? false, by: staff)
        do {
            return API.DrillBegun(id: drill.id, subject: subject.words, matter: try await service.drill(drill).map(API.OnCallMatter.init))
        } catch let error as OnCallError {
            throw error.code == .notFound
                ? GatewayError(.notFound, "not_found", error.description)
                : GatewayError(.unprocessableContent, "validation_failed", error.description)
        }
    }

    func drills(month: String?) async throws -> API.DrillReport {
        let app = try application()
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: app.kernel.parts.property.timeZone) ?? .gmt
        var day = calendar.dateComponents([.year, .month], from: app.kernel.parts.clock.now)
        if let parts = month?.split(separator: "-").compactMap({ Int($0) }), parts.count == 2 { (day.year, day.month) = (parts[0], parts[1]) }
        guard let start = calendar.date(from: day), let end = calendar.date(byAdding: .month, value: 1, to: start) else {
            throw GatewayError.invalid(parameter: "month", "is not a month")
        }
        let (drills, unproven) = try await app.onCall.service.drills(from: start, to: end)
        let name = String(format: "%04d-%02d", day.year ?? 0, day.month ?? 0)
        return API.DrillReport(
            month: name, drills: drills.map(API.DrillReport.Drill.init),
            unproven: unproven.map { .init(person: $0.person, contact: $0.name, instance: $0.contact.instance) })
    }
}

extension API.OnCallMatter {
    init(_ matter: MatterSummary) {
        let open = matter.open
        self.init(
            id: open.id, receiver: open.matter.receiver, severity: open.matter.severity.rawValue, emergency: open.matter.isEmergency,
            drill: matter.isDrill, names: matter.names, summary: matter.summary, labels: open.matter.labels, alerts: open.alerts,
            openedAt: open.openedAt, level: open.level,
            paged: matter.paged.map { page in
                Paged(
                    person: page.person, contact: page.contact, level: page.level, state: page.hasFailed ? "failed" : page.waits ? "waits" : "told")
            }, acknowledgedBy: open.acknowledgedBy, acknowledgedAt: matter.acknowledgedAt, closedBy: matter.closedBy, nextStepAt: open.nextStepAt,
            next: matter.next)
    }
}

extension API.DrillReport.Drill {
    init(_ drill: DrillRecord) {
        self.init(
            id: drill.order.id, subject: drill.order.subject.words, orderedBy: drill.order.by, planned: drill.order.isPlanned, beganAt: drill.beganAt,
            within: drill.order.within, outcome: drill.outcome.rawValue, acknowledgedBy: drill.acknowledgedBy, way: drill.way,
            acknowledgedAfter: drill.acknowledgedAfter,
            pages: drill.pages.map { page in
                .init(
                    person: page.person, contact: page.contact, instance: page.instance, level: page.level, sentAt: page.sentAt,
                    failure: page.failure,
                    missed: page.missedAt != nil, proven: page.isProven)
            })
    }
}
