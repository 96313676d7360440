import Crypto
import Foundation
import PluginAPI
import Synchronization

/// The last good copies of calendars behind addresses: files beside the database, so that a check reads them also while Jack runs. Where nothing is kept on
/// disk, they last as long as the process.
public struct CalendarCache: Sendable {
    /// What is known of a calendar.
    public struct Entry: Sendable, Codable, Hashable {
        /// Nil where it was never fetched.
        public var body: [UInt8]?
        public var etag: String?
        public var lastModified: String?
        /// When the copy came.
        public var fetchedAt: Date?
        /// Since when it could not be fetched; nil where it could.
        public var failingSince: Date?

        enum CodingKeys: String, CodingKey { case etag, lastModified, fetchedAt, failingSince }

        public init() {}
    }

    private static let memory = Mutex<[String: Entry]>([:])

    private let folder: String?

    /// - Parameter folder: where the copies are; nil keeps them in memory.
    public init(folder: String?) { self.folder = folder }

    /// What is known of the calendar at an address; nil where nothing is.
    public func entry(_ url: String) -> Entry? {
        let name = Self.name(of: url)
        guard let folder else { return Self.memory.withLock { $0[name] } }
        guard let data = try? Data(contentsOf: URL(filePath: "\(folder)/\(name).json")),
            var entry = try? JSONDecoder().decode(Entry.self, from: data)
        else { return nil }
        entry.body = (try? Data(contentsOf: URL(filePath: "\(folder)/\(name).ics"))).map { [UInt8]($0) }
        return entry
    }

    /// Keeps what is known of a calendar.
    /// - Throws: where the folder cannot be written.
    public func keep(_ entry: Entry, of url: String) throws {
        let name = Self.name(of: url)
        guard let folder else { return Self.memory.withLock { $0[name] = entry } }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        // The copy first: what is said of it must not be younger than itself.
        if let body = entry.body { try Data(body).write(to: URL(filePath: "\(folder)/\(name).ics"), options: .atomic) }
        try JSONEncoder().encode(entry).write(to: URL(filePath: "\(folder)/\(name).json"), options: .atomic)
    }

    /// An address may hold a key: a digest of it names the files, and the calendar in alerts.
    public static func name(of url: String) -> String { Hex.text(SHA256.hash(data: Data(url.utf8)).prefix(16)) }

    /// Whether a calendar's name is an address.
    public static func isAddress(_ source: String) -> Bool { source.contains("://") }
}
