import Foundation
import PluginAPI

/// Turns what the files say, reading by reading, into numbered changes that can be asked for again.
///
/// Each reading that differs from the one before becomes a numbered snapshot. Its events are stored first and the snapshot after them, so that a
/// crash between the two leaves a record that nobody was told of and that the next reading writes anew.
actor ChangeLog {
    /// The files as the last snapshot had them.
    private struct Snapshot: Codable {
        var number = 0
        var reservations: [String: PMSReservation] = [:]
        var rooms: [String: PMSRoom] = [:]
        /// The snapshot in which each reservation came.
        var since: [String: Int] = [:]
    }

    private struct Entry: Codable {
        var id: String
        var event: PMSEvent
    }

    /// Where a reader stands.
    private enum Cursor {
        /// All of these snapshots were read, and this many events of the next one.
        case after(Int, events: Int)
        /// Reading all reservations from the beginning, as of a snapshot: up to this confirmation.
        case listing(Int, upTo: String)

        init?(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            switch (parts.first, parts.count) {
            case ("after", 3): guard let number = Int(parts[1]), let events = Int(parts[2]) else { return nil }; self = .after(number, events: events)
            case ("list", 3): guard let number = Int(parts[1]) else { return nil }; self = .listing(number, upTo: parts[2])
            default: return nil
            }
        }

        var text: String {
            switch self {
            case .after(let number, let events): "after:\(number):\(events)"
            case .listing(let number, let confirmation): "list:\(number):\(confirmation)"
            }
        }
    }

    /// Older records are dropped; whoever stands before them reads all reservations anew.
    private static let kept = 500

    private let storage: any KeyValueStore
    private var busy: Task<Void, any Error>?

    init(storage: any KeyValueStore) { self.storage = storage }

    func changes(since text: String?, limit: Int, reading: HotelFiles.Reading) async throws -> PMSChanges {
        // One at a time: an actor lets others in while it waits for the storage. Each waits for the one before it, and not for a turn that is free:
        // asking again and again for a task that has ended never lets go of the actor.
        let before = busy
        let task = Task {
            _ = try? await before?.value
            try await record(reading)
        }
        busy = task
        defer { if busy == task { busy = nil } }
        try await task.value
        let snapshot = try await storage.get("snapshot", as: Snapshot.self) ?? Snapshot()
        let limit = max(1, limit)
        switch text.flatMap(Cursor.init) {
        case .listing(let number, let confirmation)? where number <= snapshot.number: return list(snapshot, as: number, after: confirmation, limit)
        case .after(let number, let events)? where number <= snapshot.number:
            return try await read(snapshot, after: number, skipping: max(0, events), limit)
        default: return list(snapshot, as: snapshot.number, after: "", limit)
        }
    }

    private func list(_ snapshot: Snapshot, as number: Int, after confirmation: String, _ limit: Int) -> PMSChanges {
        let rest = snapshot.reservations.keys.filter { $0 > confirmation }.sorted()
        let page = rest.prefix(limit).compactMap { key in snapshot.reservations[key] }
        let events = page.map { reservation in
            (
                id: Self.id(snapshot.since[reservation.id] ?? 1, .reservationCreated, reservation.id),
                event: PMSEvent(kind: .reservationCreated, reservation: reservation)
            )
        }
        guard rest.count > limit, let last = page.last else {
            return PMSChanges(events: events, cursor: Cursor.after(number, events: 0).text, hasMore: number < snapshot.number)
        }
        return PMSChanges(events: events, cursor: Cursor.listing(number, upTo: last.id).text, hasMore: true)
    }

    private func read(_ snapshot: Snapshot, after number: Int, skipping: Int, _ limit: Int) async throws -> PMSChanges {
        var found: [(id: String, event: PMSEvent)] = [], number = number, skipping = skipping
        while number < snapshot.number, found.count < limit {
            guard let entries = try await storage.get(Self.key(number + 1), as: [Entry].self) else {
                // The record was dropped.
                return list(snapshot, as: snapshot.number, after: "", limit)
            }
            let page = entries.dropFirst(skipping).prefix(limit - found.count)
            found += page.map { ($0.id, $0.event) }
            if skipping + page.count < entries.count {
                skipping += page.count
            } else {
                (number, skipping) = (number + 1, 0)
            }
        }
        return PMSChanges(events: found, cursor: Cursor.after(number, events: skipping).text, hasMore: number < snapshot.number)
    }

    /// Makes a snapshot where something has changed.
    private func record(_ reading: HotelFiles.Reading) async throws {
        var snapshot = try await storage.get("snapshot", as: Snapshot.self) ?? Snapshot()
        let number = snapshot.number + 1
        var entries: [Entry] = []
        func add(_ kind: PMSEvent.Kind, _ reservation: PMSReservation) {
            entries.append(Entry(id: Self.id(number, kind, reservation.id), event: PMSEvent(kind: kind, reservation: reservation)))
        }
        var isChanged = false
        for reservation in reading.data.sortedReservations {
            guard let former = snapshot.reservations[reservation.id] else {
                add(.reservationCreated, reservation)
                snapshot.since[reservation.id] = number
                snapshot.reservations[reservation.id] = reservation
                continue
            }
            if former == reservation { continue }
            for kind in Self.kinds(from: former, to: reservation) { add(kind, reservation) }
            snapshot.reservations[reservation.id] = reservation
        }
        if reading.isComplete {
            for (id, former) in snapshot.reservations.sorted(by: { $0.key < $1.key }) where reading.data.reservations[id] == nil {
                if let (kind, reservation) = Self.removal(of: former) { add(kind, reservation) }
                snapshot.reservations[id] = nil
                snapshot.since[id] = nil
                isChanged = true
            }
        }
        for room in reading.data.sortedRooms {
            if let former = snapshot.rooms[room.number], former.status != room.status {
                entries.append(Entry(id: Self.id(number, .roomStatusChanged, room.number), event: PMSEvent(kind: .roomStatusChanged, room: room)))
            }
        }
        isChanged = isChanged || snapshot.rooms != reading.data.rooms
        guard isChanged || !entries.isEmpty else { return }
        snapshot.rooms = reading.data.rooms
        snapshot.number = number
        try await storage.set(Self.key(number), json: entries)
        try await storage.set("snapshot", json: snapshot)
        if number > Self.kept { try await storage.remove(Self.key(number - Self.kept)) }
    }

    private static func kinds(from former: PMSReservation, to new: PMSReservation) -> [PMSEvent.Kind] {
        var kinds: [PMSEvent.Kind] = [], sameStatus = new
        sameStatus.status = former.status
        if sameStatus != former { kinds.append(.reservationUpdated) }
        if former.status != new.status {
            switch new.status {
            case .checkedIn: kinds.append(.checkedIn)
            case .checkedOut: kinds.append(.checkedOut)
            case .cancelled: kinds.append(.reservationCancelled)
            case .confirmed, .noShow: if kinds.isEmpty { kinds.append(.reservationUpdated) }
            }
        }
        return kinds
    }

    /// What it means that a reservation is no longer in the file: one that was to come is off, a guest who was here has left, and what was over is
    /// only tidied up.
    private static func removal(of former: PMSReservation) -> (PMSEvent.Kind, PMSReservation)? {
        var reservation = former
        switch former.status {
        case .confirmed:
            reservation.status = .cancelled
            return (.reservationCancelled, reservation)
        case .checkedIn:
            reservation.status = .checkedOut
            return (.checkedOut, reservation)
        case .checkedOut, .cancelled, .noShow: return nil
        }
    }

    private static func id(_ number: Int, _ kind: PMSEvent.Kind, _ key: String) -> String { "\(number):\(kind.rawValue):\(key)" }
    private static func key(_ number: Int) -> String { "change/" + String(repeating: "0", count: max(0, 12 - "\(number)".count)) + "\(number)" }
}
