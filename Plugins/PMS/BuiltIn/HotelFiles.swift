import Foundation
import Logging
import PluginAPI

/// Keeps what the files say, and reads them again when they change.
actor HotelFiles {
    /// What one reading gave.
    struct Reading: Sendable {
        var data: HotelData
        /// False while a line of the reservations cannot be read: what is missing may then only be misspelt.
        var isComplete: Bool
    }

    static let shortestInterval: Duration = .seconds(2)
    /// A file that was written a moment ago may still be being written.
    static let settling = 1.0

    private let settings: BuiltInPMS.Settings
    private let context: PluginContext
    private var reservations = Part<PMSReservation>()
    private var rooms = Part<PMSRoom>()
    private var lastCheck: Duration?
    private var reported: [String] = []
    private var checking: Task<Void, Never>?

    private struct Part<Value: Sendable> {
        var stamp: FileStamp?
        /// Nil until the file was read once.
        var values: [String: Value]?
        var problems: [String] = []
        /// Why the file as a whole cannot be used; the values are then the last good ones.
        var unreadable: String?
    }

    init(settings: BuiltInPMS.Settings, context: PluginContext) {
        self.settings = settings
        self.context = context
    }

    /// What the files say now; looks at them where that was more than two seconds ago.
    /// - Throws: ``PluginFailure`` not ready where a file was never read.
    func current() async throws -> Reading {
        await check()
        guard let reservations = reservations.values else {
            throw PluginFailure.notReady(.configuration, reservations.unreadable ?? "\(settings.reservations) was not read yet")
        }
        guard let rooms = settings.rooms == nil ? [:] : rooms.values else {
            throw PluginFailure.notReady(.configuration, rooms.unreadable ?? "the rooms were not read yet")
        }
        return Reading(
            data: HotelData(reservations: reservations, rooms: rooms),
            isComplete: self.reservations.problems.isEmpty && self.reservations.unreadable == nil)
    }

    /// What is wrong with the files, one line each.
    var problems: [String] {
        [reservations.unreadable, rooms.unreadable].compactMap { $0 } + reservations.problems + rooms.problems
    }

    /// Looks at the files, unless that was done a moment ago. Who asks meanwhile waits for the same look.
    private func check() async {
        if let checking { return await checking.value }
        if let lastCheck, context.clock.monotonic - lastCheck < Self.shortestInterval { return }
        let task = Task { await look() }
        checking = task
        await task.value
        checking = nil
    }

    private func look() async {
        lastCheck = context.clock.monotonic
        let countryCode = settings.countryCode
        reservations = await updated(
            reservations, settings.reservations, list: "reservations", columns: RowReader.reservationColumns,
            required: ["confirmation", "last_name", "arrival", "departure"], key: { ($0.confirmation, "confirmation") }
        ) { file, row in
            var reader = RowReader(file: file, row: row, countryCode: countryCode)
            let value = reader.reservation()
            return (value, reader.problems)
        }
        if let path = settings.rooms {
            rooms = await updated(
                rooms, path, list: "rooms", columns: RowReader.roomColumns, required: ["number"], key: { ($0.number, "number") }
            ) { file, row in
                var reader = RowReader(file: file, row: row, countryCode: nil)
                let value = reader.room()
                return (value, reader.problems)
            }
        }
        report()
    }

    private func updated<Value>(
        _ part: Part<Value>, _ path: String, list: String, columns: [String], required: [String], key: (Value) -> (String, String),
        read: (String, Sheet.Row) -> (Value?, [String])
    ) async -> Part<Value> {
        var part = part
        let name = path.split(separator: "/").last.map(String.init) ?? path
        do {
            guard let stamp = try await context.files.stamp(of: path) else {
                part.stamp = nil
                part.unreadable = "\(path) is not there"
                return part
            }
            guard stamp != part.stamp else { return part }
            if part.values != nil, (0..<Self.settling).contains(context.clock.now.timeIntervalSince(stamp.modified)) { return part }
            let bytes = try await context.files.read(path, maximumBytes: settings.maximumSize.bytes)
            part.stamp = stamp
            let sheet = try Sheet(bytes, name: name, list: list, columns: columns, required: required, files: context.files)
            var values: [String: Value] = [:], lines: [String: Int] = [:], problems = sheet.problems
            for row in sheet.rows {
                let (value, found) = read(name, row)
                problems += found
                guard let value else { continue }
                let (id, column) = key(value)
                if let line = lines[id] {
                    problems.append("\(name):\(row.line): \(column) \(id) stands on line \(line) too")
                } else {
                    (values[id], lines[id]) = (value, row.line)
                }
            }
            part.values = values
            part.problems = problems
            part.unreadable = nil
        } catch let error as Sheet.Unreadable {
            part.unreadable = error.message
        } catch let failure as PluginFailure {
            part.unreadable = failure.message
        } catch {
            part.unreadable = "\(path) cannot be read: \(error)"
        }
        return part
    }

    /// Says once what is wrong, and once that it no longer is.
    private func report() {
        let problems = problems
        guard problems != reported else { return }
        reported = problems
        if problems.isEmpty { return context.health.recovered() }
        let more = problems.count > 5 ? " (and \(problems.count - 5) more)" : ""
        context.health.degraded(problems.prefix(5).joined(separator: "; ") + more)
        for problem in problems.prefix(50) { context.logger.warning("\(problem)") }
    }
}
