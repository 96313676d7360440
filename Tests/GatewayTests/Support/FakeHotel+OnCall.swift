import Foundation
import PluginAPI

@testable import Gateway

extension FakeHotel {
    private static let began = Date(timeIntervalSince1970: 1_800_000_000)

    static let matter = API.OnCallMatter(
        id: "oncall:00000000000000aa:1800000000000", receiver: "nights", severity: "critical", names: ["DiskFull"], summary: "the disk is full",
        labels: ["alertname": "DiskFull", "room": "204"], alerts: 1, openedAt: began, level: 1,
        paged: [.init(person: "ana", contact: "phone of Ana", level: 1, state: "told")], acknowledgedBy: "Bea", acknowledgedAt: began,
        nextStepAt: began, next: ["phone of Bea"])

    func matters() async throws -> [API.OnCallMatter] { [Self.matter] }

    func answer(_ answer: API.NewOnCallAnswer, by staff: String) async throws -> API.OnCallAnswered {
        guard answer.name != "Nothing" else { throw GatewayError.notFound("matter “Nothing”") }
        note("\(answer.action.rawValue) \(answer.name) by \(answer.by ?? staff): \(answer.note ?? "-")")
        return API.OnCallAnswered(status: "acknowledged", message: "acknowledged", matter: Self.matter.id)
    }

    func drill(_ order: API.NewDrill, by staff: String) async throws -> API.DrillBegun {
        note("drill \(order.person ?? order.schedule ?? order.receiver ?? "-") within \(order.within ?? 0)")
        return API.DrillBegun(id: "drill_1", subject: "schedule engineer", matter: Self.matter)
    }

    func drills(month: String?) async throws -> API.DrillReport {
        note("drills of \(month ?? "-")")
        let page = API.DrillReport.Page(
            person: "ana", contact: "phone of Ana", instance: "phone", level: 1, sentAt: Self.began, missed: false, proven: true)
        return API.DrillReport(
            month: "2027-01",
            drills: [
                .init(
                    id: "drill_1", subject: "schedule engineer", orderedBy: "oncall.yaml:9", planned: true, beganAt: Self.began, within: 600,
                    outcome: "acknowledged", acknowledgedBy: "ana", way: "link", acknowledgedAfter: 61.5, pages: [page])
            ], unproven: [.init(person: "bea", contact: "sms", instance: "text")])
    }
}
