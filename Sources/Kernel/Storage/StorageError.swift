/// Why storage could not do what it was asked.
public struct StorageError: Error, Sendable, CustomStringConvertible {
    /// The kind of fault; may grow.
    public struct Code: Sendable, Hashable {
        private enum Base { case busy, corrupt, readOnly, full, newerSchema, constraint, unexpectedValue, closed, unreadable, wrongKey, other }
        private let base: Base

        /// Another process holds the file.
        public static let busy = Code(base: .busy)
        public static let corrupt = Code(base: .corrupt)
        public static let readOnly = Code(base: .readOnly)
        /// The disk is full.
        public static let full = Code(base: .full)
        /// The file was written by a newer program.
        public static let newerSchema = Code(base: .newerSchema)
        /// A unique, foreign-key, not-null or check constraint.
        public static let constraint = Code(base: .constraint)
        public static let unexpectedValue = Code(base: .unexpectedValue)
        public static let closed = Code(base: .closed)
        /// The file cannot be opened at all.
        public static let unreadable = Code(base: .unreadable)
        /// A secret was sealed with a key that was not given, or does not belong where it was found.
        public static let wrongKey = Code(base: .wrongKey)
        public static let other = Code(base: .other)
    }

    public let code: Code
    /// What happened and what to do.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public static func unexpectedValue(column: String) -> StorageError {
        StorageError(.unexpectedValue, "the column “\(column)” is missing or of another type than expected")
    }

    public var description: String { message }
}
