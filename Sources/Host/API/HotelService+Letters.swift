import Foundation
import Gateway
import HTTPTypes
import Kernel
import PluginAPI

extension HotelService {
    func letters(_ filter: API.LetterFilter, _ page: API.PageRequest) async throws -> API.Page<API.DeadLetter> {
        try await answer { app in
            let wanted = DeadLetterOffice.Filter(box: filter.box.flatMap { DeadLetter.Box(rawValue: $0.rawValue) }, instance: filter.instance)
            let (office, after) = (app.kernel.letters, try Cursor.moment(page.cursor))
            let found = try await app.storage.read { reader in
                try office.list(wanted, after: after.map { ($0.date, $0.id) }, limit: page.limit + 1, in: reader)
            }
            return API.Page(
                found.prefix(page.limit).map { API.DeadLetter($0) },
                nextCursor: found.count > page.limit ? found.dropLast().last.map { Cursor.text($0.diedAt, $0.id) } : nil)
        }
    }

    func retry(letter id: String, by staff: String) async throws -> API.DeadLetter {
        try await decide { API.DeadLetter(try await $0.kernel.retry(letter: id, by: staff)) }
    }

    func drop(letter id: String, _ drop: API.LetterDrop, by staff: String) async throws -> API.DeadLetter {
        try await decide { API.DeadLetter(try await $0.kernel.drop(letter: id, by: staff, reason: drop.reason)) }
    }

    private func decide(_ body: (JackApplication) async throws -> API.DeadLetter) async throws -> API.DeadLetter {
        do {
            return try await answer(body)
        } catch let failure as PluginFailure where failure.reason == .notFound {
            throw GatewayError(.notFound, "not_found", failure.message)
        } catch let failure as PluginFailure where failure.reason == .invalidRequest {
            throw GatewayError.conflict(failure.message)
        }
    }
}

extension API.DeadLetter {
    init(_ letter: DeadLetter) {
        self.init(
            id: letter.id, box: letter.box.rawValue, instance: letter.instance, kind: letter.kind, state: letter.state.rawValue,
            reason: letter.reason, attempts: letter.attempts, peer: letter.peer?.description, preview: letter.text.map { String($0.prefix(120)) },
            createdAt: letter.createdAt, diedAt: letter.diedAt)
    }
}
