import Foundation
import PluginAPI

/// Reads one row and says what is wrong with it. What it says names the line, the column and, where it is no guest's data, the value.
struct RowReader {
    let file: String
    let row: Sheet.Row
    /// Digits of a country code, for numbers that are written without one.
    let countryCode: String?
    private(set) var problems: [String] = []
    /// False where the row as a whole cannot be used.
    private(set) var isSound = true

    static let reservationColumns = [
        "confirmation", "first_name", "last_name", "email", "phone", "language", "room", "room_type", "arrival", "departure", "status", "adults",
        "children", "vip", "notes",
    ]
    static let roomColumns = ["number", "type", "floor", "status"]

    init(file: String, row: Sheet.Row, countryCode: String?) {
        self.file = file
        self.row = row
        self.countryCode = countryCode
    }

    mutating func reservation() -> PMSReservation? {
        let confirmation = required("confirmation"), lastName = required("last_name")
        let arrival = date("arrival"), departure = date("departure")
        if let arrival, let departure, departure < arrival { reject("departure \(departure) is before arrival \(arrival)") }
        let status = choice("status", PMSReservation.Status.self, or: .confirmed)
        let adults = count("adults", or: 1), children = count("children", or: 0)
        let email = email(), phone = phone()
        guard isSound, let confirmation, let lastName, let arrival, let departure, let status, let adults, let children else { return nil }
        let guest = PMSGuest(
            id: GuestIdentity.id(email: email, phone: phone, confirmation: confirmation), firstName: row.values["first_name"] ?? "",
            lastName: lastName, email: email, phone: phone, language: text("language"), vip: vip())
        return PMSReservation(
            id: confirmation, confirmation: confirmation, guest: guest, room: text("room"), roomType: text("room_type"), arrival: arrival,
            departure: departure, status: status, adults: adults, children: children, notes: notes())
    }

    mutating func room() -> PMSRoom? {
        guard let number = required("number"), let status = choice("status", PMSRoom.Status.self, or: .vacant) else { return nil }
        return PMSRoom(number: number, type: text("type"), floor: text("floor"), status: status)
    }

    private func text(_ column: String) -> String? { row.values[column].flatMap { $0.isEmpty ? nil : $0 } }

    private func place(_ message: String) -> String { "\(file):\(row.line): \(message)" }

    mutating func reject(_ message: String) {
        problems.append(place(message))
        isSound = false
    }

    private mutating func required(_ column: String) -> String? {
        guard let text = text(column) else {
            reject("\(column) is empty")
            return nil
        }
        return text
    }

    private mutating func date(_ column: String) -> String? {
        guard let text = required(column) else { return nil }
        guard CalendarDay.isValid(text) else {
            reject("\(column) \(text) is not a date" + (text.wholeMatch(of: /\d{4}-\d\d-\d\d/) == nil ? " of the form 2026-07-31" : ""))
            return nil
        }
        return text
    }

    private mutating func choice<T: RawRepresentable<String> & CaseIterable>(_ column: String, _ type: T.Type, or initial: T) -> T? {
        guard let text = text(column) else { return initial }
        let name = text.lowercased().replacing("-", with: "_").replacing(" ", with: "_")
        if let value = T(rawValue: name) { return value }
        reject("\(column) “\(text)” is not one of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
        return nil
    }

    private mutating func count(_ column: String, or initial: Int) -> Int? {
        guard let text = text(column) else { return initial }
        if let value = Int(text), (0...99).contains(value) { return value }
        reject("\(column) “\(text)” is not a number from 0 to 99")
        return nil
    }

    /// A wrong address costs the guest no reservation: it is left out, and said.
    private mutating func email() -> String? {
        guard let text = text("email") else { return nil }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        if parts.count == 2, !parts[0].isEmpty, parts[1].contains("."), !text.contains(where: \.isWhitespace) { return text }
        problems.append(place("email is not a mail address, and is left out"))
        return nil
    }

    private mutating func phone() -> String? {
        guard let text = text("phone") else { return nil }
        if let number = PhoneNumber(text, countryCode: countryCode) { return number.e164 }
        problems.append(place("phone is not in the international form (+49 30 1234567), and is left out"))
        return nil
    }

    private func vip() -> String? {
        guard let text = text("vip") else { return nil }
        return switch text.lowercased() {
        case "false", "no", "0", "n": nil
        case "true", "yes", "1", "y", "x": "VIP"
        default: text
        }
    }

    private func notes() -> [String] {
        (text("notes") ?? "").split(separator: ";").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }.filter { !$0.isEmpty }
    }
}
