import Foundation
import HTTPTypes
import PluginAPI

/// What a ``PMSIntegration`` owes, beside what every plugin does.
public struct PMSContract<P: PMSIntegration>: Sendable {
    public var plugin: PluginContract<P>
    /// A reservation that the system has, for notes and the folio.
    public var reservation: String
    /// A guest's last name that the system has.
    public var lastName: String

    public init(_ plugin: PluginContract<P>, reservation: String, lastName: String) {
        self.plugin = plugin
        self.reservation = reservation
        self.lastName = lastName
    }

    public func violations() async -> [Violation] { await report().violations }

    /// Runs the suite: some hundreds of calls over loopback, a few seconds.
    public func report() async -> ContractReport {
        let features: PMSFeatures
        do {
            features = try TestContext().make(P.self, plugin.settings("http://127.0.0.1:9")).features
        } catch {
            features = PMSFeatures()
        }
        var operations = [
            ContractOperation<P>(name: "reservations", isMain: true) { plugin, _ in
                _ = try await plugin.reservations(matching: PMSReservationQuery(), limit: 10)
            },
            ContractOperation<P>(name: "guests") { plugin, _ in _ = try await plugin.guests(matching: PMSGuestQuery(lastName: lastName), limit: 10) },
            ContractOperation<P>(name: "rooms") { plugin, _ in _ = try await plugin.rooms() },
            ContractOperation<P>(name: "changes") { plugin, _ in _ = try await plugin.changes(since: nil, limit: 10) },
        ]
        if features.folio {
            operations.append(ContractOperation(name: "folio") { plugin, _ in _ = try await plugin.folio(reservation: reservation) })
        }
        if features.notes {
            operations.append(
                ContractOperation(name: "addNote", carriesText: true) { plugin, call in
                    try await plugin.addNote(PMSNote(id: "note-\(call.number)", reservationID: reservation, text: call.text))
                })
        }
        if features.tasks {
            operations.append(
                ContractOperation(name: "createTask", carriesText: true) { plugin, call in
                    _ = try await plugin.createTask(
                        PMSTask(id: "task-\(call.number)", department: "housekeeping", room: nil, description: call.text, dueAt: nil))
                })
        }
        return await ContractRun.perform(plugin, operations: operations, guestWords: [lastName]) { run in
            await checkQueries(run)
            await checkRecords(run)
            await checkChanges(run)
            await checkFeatures(features, run)
        }
    }

    private func checkQueries(_ run: ContractRun<P>) async {
        await run.examine(.queries) {
            try await run.running { room in
                let all = try await room.plugin.reservations(matching: PMSReservationQuery(), limit: 1000)
                run.expect(!all.isEmpty, .queries, "the sample system has no reservation: give it at least two")
                let one = try await room.plugin.reservations(matching: PMSReservationQuery(), limit: 1)
                run.expect(one.count <= 1, .queries, "a limit of 1 gives \(one.count) reservations")
                for known in all.prefix(20) {
                    for (name, query, fits) in [
                        ("id", PMSReservationQuery(id: known.id), { $0.id == known.id }),
                        ("confirmation", PMSReservationQuery(confirmation: known.confirmation), { $0.confirmation == known.confirmation }),
                        ("room", PMSReservationQuery(room: known.room ?? "none"), { $0.room == known.room }),
                        ("status", PMSReservationQuery(statuses: [known.status]), { $0.status == known.status }),
                        ("day", PMSReservationQuery(on: known.arrival), { $0.arrival <= known.arrival && known.arrival <= $0.departure }),
                    ] as [(String, PMSReservationQuery, (PMSReservation) -> Bool)] where name != "room" || known.room != nil {
                        let found = try await room.plugin.reservations(matching: query, limit: 1000)
                        run.expect(found.allSatisfy(fits), .queries, "asked for a \(name), and got a reservation that has another")
                        run.expect(found.contains { $0.id == known.id }, .queries, "a reservation that is there is not found by its \(name)")
                    }
                }
                for query in [
                    PMSReservationQuery(id: "no-such-id"), PMSReservationQuery(confirmation: "NO-SUCH"), PMSReservationQuery(on: "1999-01-01"),
                ] {
                    run.expect(
                        try await room.plugin.reservations(matching: query, limit: 10).isEmpty, .queries,
                        "a query that nothing fits gives reservations")
                }
                let guests = try await room.plugin.guests(matching: PMSGuestQuery(lastName: lastName), limit: 10)
                run.expect(!guests.isEmpty, .queries, "the guest that the author names is not found")
                let strangers = try await room.plugin.guests(matching: PMSGuestQuery(phone: "+19995550100", lastName: lastName), limit: 10)
                run.expect(strangers.isEmpty, .queries, "a guest is found whose telephone number is another: every condition must hold")
                run.expect(
                    try await room.plugin.guests(matching: PMSGuestQuery(lastName: lastName), limit: 1).count <= 1, .queries,
                    "a limit of 1 gives more guests")
            }
        }
    }

    private func checkRecords(_ run: ContractRun<P>) async {
        await run.examine(.records) {
            try await run.running { room in
                for reservation in try await room.plugin.reservations(matching: PMSReservationQuery(), limit: 1000) {
                    run.expect(!reservation.id.isEmpty && !reservation.guest.id.isEmpty, .records, "a reservation or its guest has an empty id")
                    for date in [reservation.arrival, reservation.departure] {
                        run.expect(date.wholeMatch(of: /\d{4}-\d{2}-\d{2}/) != nil, .records, "a date is not written as yyyy-MM-dd")
                    }
                    run.expect(reservation.arrival <= reservation.departure, .records, "a departure lies before its arrival")
                    if let phone = reservation.guest.phone {
                        run.expect(phone.wholeMatch(of: /\+[1-9]\d{5,14}/) != nil, .records, "a telephone number is not in E.164")
                    }
                }
                let numbers = try await room.plugin.rooms().map(\.number)
                run.expect(Set(numbers).count == numbers.count && !numbers.contains(""), .records, "two rooms have one number, or none")
            }
        }
    }

    private func checkChanges(_ run: ContractRun<P>) async {
        await run.examine(.changes) {
            try await run.running { room in
                func readAll(_ limit: Int) async throws -> [String] {
                    var ids: [String] = [], cursor: String?
                    for _ in 0..<500 {
                        let page = try await room.plugin.changes(since: cursor, limit: limit)
                        run.expect(page.events.count <= limit, .changes, "a limit of \(limit) gives \(page.events.count) changes")
                        run.expect(!page.hasMore || page.cursor != cursor, .changes, "the cursor stands still, and says that there is more")
                        ids += page.events.map(\.id)
                        cursor = page.cursor
                        if !page.hasMore { break }
                    }
                    let rest = try await room.plugin.changes(since: cursor, limit: limit)
                    run.expect(rest.events.isEmpty, .changes, "from the last cursor the same changes come again")
                    return ids
                }
                let few = try await readAll(2), many = try await readAll(1000)
                run.expect(Set(few).count == few.count, .changes, "a change comes twice while the cursor goes on")
                run.expect(Set(few) == Set(many), .changes, "reading again gives other ids: a change must keep its own")
            }
        }
    }

    private func checkFeatures(_ features: PMSFeatures, _ run: ContractRun<P>) async {
        await run.examine(.features) {
            try await run.running { room in
                for (name, has, call) in [
                    ("folio", features.folio, { @Sendable in _ = try await room.plugin.folio(reservation: reservation) }),
                    (
                        "addNote", features.notes,
                        { @Sendable in try await room.plugin.addNote(PMSNote(id: "n", reservationID: reservation, text: "a note")) }
                    ),
                    (
                        "createTask", features.tasks,
                        { @Sendable in
                            _ = try await room.plugin.createTask(
                                PMSTask(id: "t", department: "housekeeping", room: nil, description: "a task", dueAt: nil))
                        }
                    ),
                ] as [(String, Bool, @Sendable () async throws -> Void)] {
                    let found = await run.outcome(name, call)
                    let isMissing = found.failure?.disposition == .permanent && found.failure?.reason == .notImplemented
                    run.expect(
                        has ? found.kind == .success : isMissing || found.isUntyped, .features,
                        "features say that \(name) \(has ? "works" : "is missing"), and it came to \(found.words)")
                }
            }
        }
        guard let stage = run.stage, features.notes || features.tasks else { return }
        await run.examine(.idempotency) {
            try await run.running { room in
                let mark = stage.count
                if features.notes { try await room.plugin.addNote(PMSNote(id: "note-key-1", reservationID: reservation, text: "a note")) }
                if features.tasks {
                    _ = try await room.plugin.createTask(
                        PMSTask(id: "task-key-1", department: "housekeeping", room: nil, description: "a task", dueAt: nil))
                }
                let sent = stage.requests(since: mark).flatMap { stage.vendor.texts($0) + $0.headers.map(\.value) }
                for (has, key) in [(features.notes, "note-key-1"), (features.tasks, "task-key-1")] where has {
                    run.expect(sent.contains { $0.contains(key) }, .idempotency, "the idempotency key of what is written does not go to the system")
                }
            }
        }
    }
}
