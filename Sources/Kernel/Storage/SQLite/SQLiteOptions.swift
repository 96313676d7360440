extension SQLiteEngine {
    /// How a file is opened.
    public struct Options: Sendable {
        public enum Access: Sendable {
            case readWrite
            /// Nothing on disk is changed; every write throws ``StorageError`` `.readOnly`. For looking at a file, also one that is in use.
            case readOnly
        }

        public var access: Access
        /// The steps that this program knows. A file with other steps is refused before anything is written to it.
        public var migrations: [Migration]
        /// Whether the file is looked through for damage before it is used. Takes about a second for every gigabyte.
        public var checksAtOpen: Bool
        /// How long to wait for another process that holds the file.
        public var busyTimeout: Duration
        /// How many reads may run at once.
        public var readers: Int
        /// How many waiting writes are committed together at most.
        public var groupLimit: Int
        /// The file may not grow beyond so many pages of 4,096 bytes; nil sets no limit.
        public var maximumPages: Int?

        public init(
            access: Access = .readWrite, migrations: [Migration] = [], checksAtOpen: Bool = true, busyTimeout: Duration = .seconds(5),
            readers: Int = 4,
            groupLimit: Int = 256, maximumPages: Int? = nil
        ) {
            self.access = access
            self.migrations = migrations
            self.checksAtOpen = checksAtOpen
            self.busyTimeout = busyTimeout
            self.readers = max(1, readers)
            self.groupLimit = max(1, groupLimit)
            self.maximumPages = maximumPages
        }
    }
}
