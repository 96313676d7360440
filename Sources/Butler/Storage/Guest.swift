import Foundation
import Kernel
import PluginAPI

/// A guest as Jack keeps them: what the PMS said, when it was last asked.
public struct Guest: Sendable, Hashable, Codable {
    public var id: String
    public var pmsID: String?
    public var firstName: String?
    public var lastName: String?
    public var email: String?
    public var phone: String?
    public var language: String?
    public var vip: String?
    public var createdAt: Date
    public var updatedAt: Date

    init(_ row: SQLRow) throws {
        id = try row.string("id")
        pmsID = row.stringIfPresent("pms_id")
        firstName = row.stringIfPresent("first_name")
        lastName = row.stringIfPresent("last_name")
        email = row.stringIfPresent("email")
        phone = row.stringIfPresent("phone")
        language = row.stringIfPresent("language")
        vip = row.stringIfPresent("vip")
        createdAt = try row.date("created_at")
        updatedAt = try row.date("updated_at")
    }
}

/// Reads and writes guests.
public struct GuestRepository: Sendable {
    let property: String

    public init(property: String) { self.property = property }

    public func get(_ id: String, in reader: any StorageReader) throws -> Guest? {
        try reader.row("SELECT * FROM guest WHERE id = :id AND property = :property", ["id": id.sql, "property": property.sql]).map(Guest.init)
    }

    /// - Parameters:
    ///   - after: only guests whose id follows this one: the cursor of the next page.
    ///   - search: words of the name, the e-mail address or the telephone number.
    public func list(search: String? = nil, after: String? = nil, limit: Int, in reader: any StorageReader) throws -> [Guest] {
        try reader.rows(
            """
            SELECT * FROM guest WHERE property = :property AND id > :after AND (:search IS NULL
                OR LOWER(COALESCE(first_name, '') || ' ' || COALESCE(last_name, '') || ' ' || COALESCE(email, '') || ' ' || COALESCE(phone, '')) LIKE :search ESCAPE '!')
            ORDER BY id LIMIT :limit
            """,
            ["property": property.sql, "after": (after ?? "").sql, "search": search.map(Self.pattern).sql, "limit": limit.sql]
        ).map(Guest.init)
    }

    /// Takes away what is known of a guest.
    func delete(_ id: String, in transaction: any StorageTransaction) throws {
        try transaction.run("DELETE FROM guest WHERE id = :id AND property = :property", ["id": id.sql, "property": property.sql])
    }

    /// Takes away a guest who has no conversation any more and of whom nothing was heard since a moment.
    func deleteIfForgotten(_ id: String?, before date: Date, in transaction: any StorageTransaction) throws {
        guard let id else { return }
        try transaction.run(
            """
            DELETE FROM guest WHERE id = :id AND property = :property AND updated_at < :before
                AND NOT EXISTS (SELECT 1 FROM conversation WHERE guest_id = :id)
            """, ["id": id.sql, "property": property.sql, "before": date.sql])
    }

    private static func pattern(_ search: String) -> String {
        "%" + search.lowercased().reduce(into: "") { $0 += "%_!".contains($1) ? "!\($1)" : String($1) } + "%"
    }

    /// Keeps what the PMS says of a guest; returns Jack's id of them.
    func keep(_ guest: PMSGuest, at date: Date, in transaction: any StorageTransaction) throws -> String {
        let known = try transaction.row(
            "SELECT id FROM guest WHERE property = :property AND pms_id = :pms", ["property": property.sql, "pms": guest.id.sql])
        let id = try known?.string("id") ?? Identifier.make("gst", at: date)
        try transaction.run(
            """
            INSERT INTO guest (id, property, pms_id, first_name, last_name, email, phone, language, vip, created_at, updated_at)
            VALUES (:id, :property, :pms, :first, :last, :email, :phone, :language, :vip, :now, :now)
            ON CONFLICT (id) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name, email = excluded.email, phone = excluded.phone,
                language = excluded.language, vip = excluded.vip, updated_at = excluded.updated_at
            """,
            [
                "id": id.sql, "property": property.sql, "pms": guest.id.sql, "first": guest.firstName.sql, "last": guest.lastName.sql,
                "email": guest.email.sql, "phone": guest.phone.sql, "language": guest.language.sql, "vip": guest.vip.sql, "now": date.sql,
            ])
        return id
    }
}
