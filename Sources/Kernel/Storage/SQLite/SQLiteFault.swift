import Foundation
import GRDB

/// Turns SQLite's result codes into ``StorageError`` with what to do about them.
enum SQLiteFault {
    /// - Parameter file: the file's path, for the message.
    static func translate(_ error: any Error, file: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        return StorageError(code(of: error), message(for: error, file: file))
    }

    /// How to get from a damaged file back to a sound one.
    static func damaged(_ file: String, _ finding: String) -> StorageError {
        StorageError(
            .corrupt,
            """
            the database file \(file) is damaged (\(finding)); Jack has not changed it. To restore: stop Jack, move \(file) and its -wal and -shm \
            files aside, put the latest backup in its place, run `jack db check`, and start again
            """)
    }

    private static func code(of error: DatabaseError) -> StorageError.Code {
        if error.extendedResultCode == .SQLITE_IOERR_SHMSIZE { return .full }
        return switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL: .busy
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .corrupt
        case .SQLITE_READONLY: .readOnly
        case .SQLITE_FULL: .full
        case .SQLITE_CONSTRAINT: .constraint
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH: .unreadable
        case .SQLITE_MISUSE where error.message == "Connection is closed": .closed
        default: .other
        }
    }

    private static func message(for error: DatabaseError, file: String) -> String {
        let cause = error.message ?? "SQLite \(error.extendedResultCode.rawValue)"
        return switch code(of: error) {
        case .busy:
            """
            another process holds the database file \(file) (\(cause)); nothing was stored. End the other process (`fuser \(file)` names it) or wait \
            for it
            """
        case .corrupt: damaged(file, cause).message
        case .readOnly where error.extendedResultCode == .SQLITE_READONLY_DBMOVED:
            "the database file \(file) was moved or deleted while in use; nothing was stored. Stop Jack, put it back with its -wal, and start again"
        case .readOnly:
            """
            the database file \(file) cannot be written (\(cause)); nothing was stored, what is in it can still be read. Give Jack's user the right \
            to write the file and its folder, and mount the disk for writing
            """
        case .full:
            "the disk that holds \(file) is full (\(cause)): free space on it; nothing acknowledged was lost, and writing goes on once there is room"
        case .constraint: cause
        case .unreadable:
            "the database file \(file) cannot be opened (\(cause)): check that its folder exists and that Jack's user may read and write both"
        case .closed: closed.message
        default:
            error.resultCode == .SQLITE_IOERR
                ? "the disk that holds \(file) failed (\(cause)); nothing was stored. Look at the system's log for disk errors"
                : cause + (error.sql.map { " in “\($0)”" } ?? "")
        }
    }

    static let closed = StorageError(.closed, "the database is closed: Jack is stopping")

    static func readOnly(_ file: String) -> StorageError {
        StorageError(.readOnly, "the database file \(file) was opened for reading only; nothing was stored")
    }
}
