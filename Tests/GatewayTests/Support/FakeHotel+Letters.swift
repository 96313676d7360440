import Foundation

@testable import Gateway

extension FakeHotel {
    private var letter: API.DeadLetter {
        let moment = Date(timeIntervalSince1970: 1_800_000_000.125)
        return API.DeadLetter(
            id: "msg_1", box: "outbox", instance: "webchat", kind: "message", state: "dead", reason: "gone", attempts: 12, peer: "session:x",
            preview: "From 7.", createdAt: moment, diedAt: moment)
    }

    func letters(_ filter: API.LetterFilter, _ page: API.PageRequest) async throws -> API.Page<API.DeadLetter> {
        note("letters box=\(filter.box?.rawValue ?? "-") instance=\(filter.instance ?? "-") limit=\(page.limit)")
        return API.Page([letter])
    }
    func retry(letter id: String, by staff: String) async throws -> API.DeadLetter {
        guard id != "none" else { throw GatewayError.notFound("dead letter “none”") }
        note("retry \(id) by \(staff)")
        return letter
    }
    func drop(letter id: String, _ drop: API.LetterDrop, by staff: String) async throws -> API.DeadLetter {
        note("drop \(id) \(drop.reason ?? "-") by \(staff)")
        return letter
    }
}
