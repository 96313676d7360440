import Foundation
import OnCall
import PluginAPI

/// A file with what `GET /api/v2/alerts` answered (api/v2/openapi.yaml of prometheus/alertmanager).
public enum AlertmanagerFile {
    /// An alert of the file.
    public struct Entry: Sendable, Hashable {
        public var alert: PostedAlert
        /// True where it was not over when the list was made: its end is only reckoned.
        public var lasts: Bool
    }

    /// Why a file is not taken, in words.
    public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
        public var description: String
    }

    private struct Times: Decodable { var updatedAt: String? }

    /// Reads it.
    /// - Returns: the alerts, and what is wrong with those that were left out.
    /// - Throws: ``Refusal`` where nothing of it can be used.
    public static func read(_ bytes: [UInt8]) throws -> (alerts: [Entry], problems: [String]) {
        var reading: AlertmanagerIntake.Reading
        do { reading = try AlertmanagerIntake.read(bytes) } catch let error as AlertmanagerError { throw Refusal(description: error.message) }
        let (fitted, unfit) = OnCallLimits().fit(reading.alerts)
        reading.add(unfit)
        let times = (try? JSONDecoder().decode([Times].self, from: Data(bytes))) ?? []
        let made = times.compactMap { $0.updatedAt.flatMap(AlertmanagerText.date) }.max()
        return (
            fitted.map { _, alert in Entry(alert: alert, lasts: alert.endsAt.map { end in made.map { end > $0 } ?? false } ?? true) },
            reading.faults.map(\.error.message)
        )
    }
}
