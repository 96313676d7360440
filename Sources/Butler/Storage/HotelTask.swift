import Foundation
import Kernel
import PluginAPI

/// Something that staff must do.
public struct HotelTask: Sendable, Hashable, Codable {
    public enum State: String, Sendable, Codable, CaseIterable {
        case open, claimed
        case inProgress = "in_progress"
        case done, cancelled

        var successors: Set<State> {
            switch self {
            case .open: [.claimed, .inProgress, .done, .cancelled]
            case .claimed: [.open, .inProgress, .done, .cancelled]
            case .inProgress: [.open, .done, .cancelled]
            case .done, .cancelled: [.open]
            }
        }
    }

    /// The intent of an emergency's task.
    static let emergency = "emergency"

    public var id: String
    public var conversationID: String?
    public var messageID: String?
    public var intent: String?
    public var department: String
    public var room: String?
    /// What it is, in the hotel's words.
    public var title: String
    /// What the guest wrote.
    public var description: String
    public var priority: TaskPriority
    public var state: State
    public var assignedTo: String?
    public var notes: String?
    public var dueAt: Date
    public var createdAt: Date
    public var updatedAt: Date
    public var completedAt: Date?

    public init(
        id: String, conversationID: String? = nil, messageID: String? = nil, intent: String? = nil, department: String, room: String?, title: String,
        description: String, priority: TaskPriority, dueAt: Date, createdAt: Date
    ) {
        self.id = id
        self.conversationID = conversationID
        self.messageID = messageID
        self.intent = intent
        self.department = department
        self.room = room
        self.title = title
        self.description = description
        self.priority = priority
        state = .open
        self.dueAt = dueAt
        self.createdAt = createdAt
        updatedAt = createdAt
    }

    init(_ row: SQLRow) throws {
        id = try row.string("id")
        conversationID = row.stringIfPresent("conversation_id")
        messageID = row.stringIfPresent("message_id")
        intent = row.stringIfPresent("intent")
        department = try row.string("department")
        room = row.stringIfPresent("room")
        title = try row.string("title")
        description = try row.string("description")
        priority = TaskPriority(rawValue: try row.string("priority")) ?? .standard
        state = State(rawValue: try row.string("state")) ?? .open
        assignedTo = row.stringIfPresent("assigned_to")
        notes = row.stringIfPresent("notes")
        dueAt = try row.date("due_at")
        createdAt = try row.date("created_at")
        updatedAt = try row.date("updated_at")
        completedAt = row.dateIfPresent("completed_at")
    }

    /// Moves to another state.
    /// - Throws: ``ButlerError`` `.illegalTransition`; `.conflict` where another person has the task.
    public mutating func move(to next: State, by person: String? = nil, at date: Date) throws {
        // Two people who claim one task must not both believe that it is theirs.
        if next == state, next == .claimed || next == .inProgress, let person, let assignedTo, person != assignedTo {
            throw ButlerError(.conflict, "\(assignedTo) has the task already")
        }
        guard next != state else { return }
        guard state.successors.contains(next) else {
            throw ButlerError(.illegalTransition, "a task that is \(state.rawValue) cannot become \(next.rawValue)")
        }
        state = next
        completedAt = next == .done ? date : nil
        if next == .open { assignedTo = nil }
        if let person, next == .claimed || next == .inProgress { assignedTo = person }
    }
}

/// Reads and writes tasks.
public struct TaskRepository: Sendable {
    let property: String

    public init(property: String) { self.property = property }

    public func save(_ task: HotelTask, at date: Date, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            INSERT INTO task (id, property, conversation_id, message_id, intent, department, room, title, description, priority, state, assigned_to, notes,
                due_at, created_at, updated_at, completed_at)
            VALUES (:id, :property, :conversation, :message, :intent, :department, :room, :title, :description, :priority, :state, :assigned, :notes,
                :due, :created, :updated, :completed)
            ON CONFLICT (id) DO UPDATE SET department = excluded.department, room = excluded.room, title = excluded.title, priority = excluded.priority,
                state = excluded.state, assigned_to = excluded.assigned_to, notes = excluded.notes, due_at = excluded.due_at, updated_at = excluded.updated_at,
                completed_at = excluded.completed_at
            """,
            [
                "id": task.id.sql, "property": property.sql, "conversation": task.conversationID.sql, "message": task.messageID.sql,
                "intent": task.intent.sql,
                "department": task.department.sql, "room": task.room.sql, "title": task.title.sql, "description": task.description.sql,
                "priority": task.priority.rawValue.sql, "state": task.state.rawValue.sql, "assigned": task.assignedTo.sql, "notes": task.notes.sql,
                "due": task.dueAt.sql, "created": task.createdAt.sql, "updated": date.sql, "completed": task.completedAt.sql,
            ])
    }

    public func get(_ id: String, in reader: any StorageReader) throws -> HotelTask? {
        try reader.row("SELECT * FROM task WHERE id = :id AND property = :property", ["id": id.sql, "property": property.sql]).map(HotelTask.init)
    }

    /// All tasks of a conversation, whatever became of them.
    func list(of conversation: String, in reader: any StorageReader) throws -> [HotelTask] {
        try reader.rows(
            "SELECT * FROM task WHERE conversation_id = :id AND property = :property ORDER BY id", ["id": conversation.sql, "property": property.sql]
        ).map(HotelTask.init)
    }

    /// Leaves of a conversation's tasks what is to be done where, and takes away what the guest wrote and what was noted of it.
    func forgetWords(of conversation: String, in transaction: any StorageTransaction) throws {
        try transaction.run(
            "UPDATE task SET description = '', notes = NULL WHERE conversation_id = :id AND property = :property",
            ["id": conversation.sql, "property": property.sql])
    }

    /// How many tasks of a conversation were made since a moment and are not finished.
    func open(in conversation: String, since date: Date, _ reader: any StorageReader) throws -> Int {
        try reader.row(
            """
            SELECT COUNT(*) AS n FROM task
            WHERE conversation_id = :id AND property = :property AND state NOT IN ('done', 'cancelled') AND created_at > :since
            """, ["id": conversation.sql, "property": property.sql, "since": date.sql])?.int("n") ?? 0
    }

    /// Which tasks are meant; every condition that is set must hold.
    public struct Filter: Sendable {
        public var states: Set<HotelTask.State>?
        public var department: String?
        public var assignedTo: String?
        public var conversationID: String?

        public init(states: Set<HotelTask.State>? = nil, department: String? = nil, assignedTo: String? = nil, conversationID: String? = nil) {
            self.states = states
            self.department = department
            self.assignedTo = assignedTo
            self.conversationID = conversationID
        }
    }

    /// What is due first comes first.
    /// - Parameter after: only tasks after this one in that order: the cursor of the next page.
    public func list(_ filter: Filter = Filter(), after: (due: Date, id: String)? = nil, limit: Int, in reader: any StorageReader) throws
        -> [HotelTask]
    {
        // The states are this program's own words, never a caller's.
        let states = filter.states.map { " AND state IN (" + $0.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ") + ")" } ?? ""
        return try reader.rows(
            """
            SELECT * FROM task WHERE property = :property\(states) AND (:department IS NULL OR department = :department)
                AND (:assigned IS NULL OR assigned_to = :assigned) AND (:conversation IS NULL OR conversation_id = :conversation)
                AND (due_at > :due OR (due_at = :due AND id > :id))
            ORDER BY due_at, id LIMIT :limit
            """,
            [
                "property": property.sql, "department": filter.department.sql, "assigned": filter.assignedTo.sql,
                "conversation": filter.conversationID.sql,
                "due": (after?.due.milliseconds ?? Int64.min).sql, "id": (after?.id ?? "").sql, "limit": limit.sql,
            ]
        ).map(HotelTask.init)
    }
}
