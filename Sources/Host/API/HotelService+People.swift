import Butler
import Foundation
import Gateway
import HTTPTypes
import Kernel
import PluginAPI

extension HotelService {
    // MARK: Guests and stays

    func guests(search: String?, _ page: API.PageRequest) async throws -> API.Page<API.Guest> {
        try await answer { app in
            let butler = app.butler
            return try await app.storage.read { reader in
                let found = try butler.guests.list(search: search, after: page.cursor, limit: page.limit + 1, in: reader)
                let items = try found.prefix(page.limit).map { try record($0, butler, reader) }
                return API.Page(items, nextCursor: found.count > page.limit ? found.dropLast().last?.id : nil)
            }
        }
    }

    func guest(_ id: String) async throws -> API.Guest {
        try await answer { app in
            let butler = app.butler
            return try await app.storage.read { reader in
                guard let guest = try butler.guests.get(id, in: reader) else { throw GatewayError.notFound("guest “\(id)”") }
                return try record(guest, butler, reader)
            }
        }
    }

    func reservations(_ filter: API.ReservationFilter, _ page: API.PageRequest) async throws -> API.Page<API.Reservation> {
        let query = PMSReservationQuery(
            confirmation: filter.confirmation, guestID: filter.guestID, room: filter.room, on: filter.on,
            statuses: filter.status.flatMap(PMSReservation.Status.init(rawValue:)).map { [$0] })
        // A PMS has no cursor of its own: what comes after the last id of the page before is the next page.
        let all = try await reservations(query, limit: 10_000).sorted { $0.id < $1.id }
        let rest = page.cursor.map { cursor in all.filter { $0.id > cursor } } ?? all
        let items = rest.prefix(page.limit)
        return API.Page(items.map(record), nextCursor: rest.count > page.limit ? items.last?.id : nil)
    }

    func reservation(_ id: String) async throws -> API.Reservation {
        guard let found = try await reservations(PMSReservationQuery(id: id), limit: 1).first else {
            throw GatewayError.notFound("reservation “\(id)”")
        }
        return record(found)
    }

    private func reservations(_ query: PMSReservationQuery, limit: Int) async throws -> [PMSReservation] {
        try await answer { app in
            guard let pms = app.butler.desk.settings.pms else { return [] }
            return try await app.kernel.dispatcher.call(pms, as: (any PMSIntegration).self, "reservations") {
                try await $0.reservations(matching: query, limit: limit)
            }
        }
    }

    // MARK: Tasks

    func tasks(_ filter: API.TaskFilter, _ page: API.PageRequest) async throws -> API.Page<API.HotelTask> {
        try await answer { app in
            var wanted = TaskRepository.Filter(department: filter.department, assignedTo: filter.assignedTo, conversationID: filter.conversationID)
            if let name = filter.status {
                guard let state = HotelTask.State(rawValue: name) else {
                    throw GatewayError.invalid(parameter: "status", "is none of \(HotelTask.State.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                wanted.states = [state]
            }
            let (butler, query, after) = (app.butler, wanted, try Cursor.moment(page.cursor))
            return try await app.storage.read { reader in
                let found = try butler.tasks.list(query, after: after.map { ($0.date, $0.id) }, limit: page.limit + 1, in: reader)
                return API.Page(
                    found.prefix(page.limit).map(record),
                    nextCursor: found.count > page.limit ? found.dropLast().last.map { Cursor.text($0.dueAt, $0.id) } : nil)
            }
        }
    }

    func task(_ id: String) async throws -> API.HotelTask {
        try await answer { app in
            let butler = app.butler
            return try await app.storage.read { reader in
                guard let task = try butler.tasks.get(id, in: reader) else { throw GatewayError.notFound("task “\(id)”") }
                return record(task)
            }
        }
    }

    func create(task: API.NewTask, by staff: String) async throws -> API.HotelTask {
        try await answer { app in
            record(
                try await app.butler.staff.createTask(
                    department: task.department, room: task.room, title: task.summary, description: task.summary,
                    priority: task.priority.flatMap(TaskPriority.init(rawValue:)) ?? .standard, conversation: task.conversationID, dueAt: task.dueAt,
                    by: staff, clientID: task.clientID))
        }
    }

    func update(task id: String, _ change: API.TaskChange, by staff: String) async throws -> API.HotelTask {
        try await answer { app in
            let next: HotelTask.State =
                switch change.action {
                case .claim: .claimed
                case .start: .inProgress
                case .complete: .done
                case .cancel: .cancelled
                }
            return record(try await app.butler.staff.move(task: id, to: next, by: change.assignedTo ?? staff, notes: change.note))
        }
    }

    // MARK: Approvals

    func approvals(state: API.Approval.State?, _ page: API.PageRequest) async throws -> API.Page<API.Approval> {
        try await answer { app in
            let states: Set<Message.State>? =
                switch state {
                case .pending?: [.held]
                case .approved?: [.released]
                case .rejected?: [.rejected]
                case nil: nil
                }
            let (butler, after, property) = (app.butler, try Cursor.number(page.cursor) ?? 0, app.kernel.parts.property.id)
            return try await app.storage.read { reader in
                let found = try butler.messages.approvals(states: states, after: after, limit: page.limit + 1, in: reader)
                let items = try found.prefix(page.limit).map { try record(approval: $0, butler, property, reader) }
                return API.Page(items, nextCursor: found.count > page.limit ? found.dropLast().last.map { Cursor.text($0.seq) } : nil)
            }
        }
    }

    func approve(_ id: String, _ decision: API.ApproveDecision, by staff: String) async throws -> API.Approval {
        try await answer { app in
            let message = try await app.butler.staff.approve(id, text: decision.text, by: staff)
            let (butler, property) = (app.butler, app.kernel.parts.property.id)
            return try await app.storage.read { try record(approval: message, butler, property, $0) }
        }
    }

    func reject(_ id: String, _ decision: API.RejectDecision, by staff: String) async throws -> API.Approval {
        try await answer { app in
            let message = try await app.butler.staff.reject(id, reason: decision.reason ?? "no reason given", by: staff)
            let (butler, property) = (app.butler, app.kernel.parts.property.id)
            return try await app.storage.read { try record(approval: message, butler, property, $0) }
        }
    }

    // MARK: Records

    private func record(_ guest: Guest, _ butler: Butler, _ reader: any StorageReader) throws -> API.Guest {
        let conversations = try butler.conversations.list(.init(guestID: guest.id), limit: 50, in: reader)
        return API.Guest(
            id: guest.id, name: name(guest), email: guest.email, phone: guest.phone, language: guest.language, vip: guest.vip,
            addresses: conversations.map { "\($0.instance)/\($0.peer.value)" }, createdAt: guest.createdAt)
    }

    private func record(_ stay: PMSReservation) -> API.Reservation {
        API.Reservation(
            id: stay.id, confirmation: stay.confirmation, guestID: stay.guest.id, guestName: "\(stay.guest.firstName) \(stay.guest.lastName)",
            room: stay.room,
            roomType: stay.roomType, arrival: stay.arrival, departure: stay.departure, status: stay.status, adults: stay.adults,
            children: stay.children,
            notes: stay.notes)
    }

    func record(_ task: HotelTask) -> API.HotelTask {
        API.HotelTask(
            id: task.id, department: task.department, summary: task.title, description: task.description, room: task.room,
            priority: task.priority.rawValue,
            status: task.state.rawValue, intent: task.intent, conversationID: task.conversationID, assignedTo: task.assignedTo, dueAt: task.dueAt,
            note: task.notes, createdAt: task.createdAt, updatedAt: task.updatedAt)
    }

    private func record(approval message: Message, _ butler: Butler, _ property: String, _ reader: any StorageReader) throws -> API.Approval {
        let question = try message.inReplyTo.flatMap { try butler.messages.get($0, in: reader) }
        let steps = try message.inReplyTo.map { try Ledger.entries(of: $0, property: property, in: reader) } ?? []
        let confidence = steps.last { $0.step == "answer" }?.details?["confidence"]?.doubleValue
        let state: API.Approval.State =
            switch message.state {
            case .held: .pending
            case .rejected: .rejected
            case .received, .released: .approved
            }
        return API.Approval(
            id: message.id, conversationID: message.conversationID, messageID: message.inReplyTo ?? "", question: question?.text ?? "",
            text: message.text,
            reason: steps.last { $0.step == "autonomy" }?.reason ?? "", confidence: confidence, sources: message.extras.sources,
            order: message.heldOrder.map {
                .init(department: $0.department, summary: $0.title, room: $0.room, priority: $0.priority.rawValue, note: $0.notes)
            },
            state: state,
            decidedBy: message.decidedBy, createdAt: message.createdAt, decidedAt: message.decidedAt)
    }
}
