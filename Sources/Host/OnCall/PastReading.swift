import Foundation
import Kernel
import OnCall
import PluginAPI

/// The database as it is now, for commands that look back: nothing of it is changed, and a Jack that runs on it is not in the way.
enum PastReading {
    /// Reads from the database of a configuration.
    /// - Returns: nil where there is no database, or none that has a history yet.
    /// - Throws: ``Kernel/StorageError`` where it cannot be read.
    static func read<T: Sendable>(_ loaded: Configurator.Loaded, _ body: @escaping @Sendable (any StorageReader) throws -> T) async throws -> T? {
        let storage = loaded.configuration.settings.storage
        guard storage.persist, FileManager.default.fileExists(atPath: storage.path) else { return nil }
        let engine = try await SQLiteEngine.open(
            path: storage.path, options: .init(access: .readOnly, migrations: JackApplication.migrations, checksAtOpen: false))
        let result: Result<T?, any Error>
        do {
            let status = try await engine.migrationStatus(OnCallSchema.migrations)
            result = .success(status.pending.isEmpty ? try await engine.read(body) : nil)
        } catch { result = .failure(error) }
        await engine.close()
        return try result.get()
    }

    /// The plan that was in force at a moment, as it can still be read.
    /// - Returns: the plan and its time; a plan that cannot be read any more is nil.
    static func plan(at date: Date, _ loaded: Configurator.Loaded) async throws -> (span: OnCallHistory.PlanSpan, plan: (any OnCallPlanning)?)? {
        let history = OnCallHistory(property: loaded.configuration.property.id)
        let found = try await read(loaded) { reader -> (OnCallHistory.PlanSpan, [UInt8]?)? in
            guard let span = try history.plan(at: date, reader) else { return nil }
            return (span, try history.archive(of: span.version, reader))
        }
        guard let (span, archive) = found ?? nil else { return nil }
        return (span, archive.flatMap { try? LoadedPlan.restore(span.version, $0, by: loaded.planReader) })
    }
}
