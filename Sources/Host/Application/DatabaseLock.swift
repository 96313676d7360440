import Foundation
import Synchronization

/// Keeps a second Jack off a database. The lock is the system's: it ends with the process, however that ends.
final class DatabaseLock: Sendable {
    private let descriptor: Int32
    private let isHeld = Mutex(true)

    /// - Throws: ``HostError`` where another process has it, or the file beside the database cannot be made.
    init(_ database: String) throws {
        let path = database + ".lock"
        try FileManager.default.createDirectory(
            at: URL(fileURLWithPath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw HostError("\(path) cannot be made: \(String(cString: strerror(errno)))") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw HostError("another Jack uses the database \(database): stop it with `jack stop`, or give this one its own with DATABASE_PATH")
        }
    }

    /// Lets another Jack have the database. Safe twice.
    func release() {
        let wasHeld = isHeld.withLock { isHeld in
            defer { isHeld = false }
            return isHeld
        }
        if wasHeld { close(descriptor) }
    }

    deinit { release() }
}
