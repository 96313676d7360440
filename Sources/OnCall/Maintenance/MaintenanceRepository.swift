import Foundation
import Kernel
import PluginAPI

/// The rows of maintenance.
struct MaintenanceRepository: Sendable {
    let property: String

    func save(_ record: MaintenanceRecord, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            INSERT INTO maintenance (property, id, is_over, began_at, record) VALUES (:property, :id, :over, :began, :record)
            ON CONFLICT (property, id) DO UPDATE SET is_over = excluded.is_over, record = excluded.record
            """,
            [
                "property": property.sql, "id": record.id.sql, "over": (record.state == .over).sql, "began": record.beganAt.sql,
                "record": try .json(record),
            ])
    }

    func get(_ id: String, in reader: any StorageReader) throws -> MaintenanceRecord? {
        try reader.row("SELECT record FROM maintenance WHERE property = :property AND id = :id", ["property": property.sql, "id": id.sql])?
            .json("record", as: MaintenanceRecord.self)
    }

    func open(in reader: any StorageReader) throws -> [MaintenanceRecord] {
        try reader.rows("SELECT record FROM maintenance WHERE property = :property AND is_over = 0 ORDER BY began_at", ["property": property.sql])
            .map { try $0.json("record", as: MaintenanceRecord.self) }
    }
}
