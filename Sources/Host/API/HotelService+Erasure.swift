import Butler
import Gateway
import OnCall
import PluginAPI

extension HotelService {
    func delete(conversation id: String, by staff: String) async throws -> API.Erasure {
        try await answer { app in
            API.Erasure(try await app.butler.eraser.erase(conversation: id, by: staff) { try await app.objection(toDeleting: $0) })
        }
    }

    func erase(guest id: String, by staff: String) async throws -> API.Erasure {
        try await answer { app in
            API.Erasure(try await app.butler.eraser.erase(guest: id, by: staff) { try await app.objection(toDeleting: $0) })
        }
    }
}

extension JackApplication {
    /// What on call knows that speaks against deleting a conversation: an emergency that is being paged and that nobody has acknowledged.
    func objection(toDeleting conversation: String) async throws -> String? {
        let service = onCall.service
        let matters = service.openMatters.filter { matter in
            service.alerts(of: matter.id).contains { $0.isEmergency && $0.labels["conversation"] == conversation }
        }
        // It may be told in several places, in some of which nobody answers.
        guard !matters.isEmpty, matters.allSatisfy({ $0.acknowledgedBy == nil }) else { return nil }
        return "people are being paged about its emergency, and nobody has acknowledged it"
    }

    /// Deletes what was kept for as long as `butler.retention` says.
    func deleteOld() async throws {
        _ = try await butler.eraser.keepHouse { [weak self] in try await self?.objection(toDeleting: $0) }
    }
}

extension API.Erasure {
    init(_ report: ErasureReport) {
        self.init(
            conversations: report.conversations, messages: report.messages, attachments: report.attachments, tasksEmptied: report.tasks)
    }
}
