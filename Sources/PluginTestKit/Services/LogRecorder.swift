import Logging
import Synchronization

/// Keeps every line that is logged, whatever its level: for looking at what was said, and for proving that no secret was.
public final class LogRecorder: Sendable {
    /// One line.
    public struct Line: Sendable, CustomStringConvertible {
        public let level: Logger.Level
        public let message: String
        public let metadata: [String: String]
        /// What was thrown, where the line carries it.
        public let error: String?

        /// The line as it would be printed, metadata included.
        public var description: String {
            ([level.rawValue, message] + metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } + (error.map { [$0] } ?? []))
                .joined(separator: " ")
        }
    }

    private let recorded = Mutex<[Line]>([])

    public init() {}

    public var lines: [Line] { recorded.withLock { $0 } }

    /// All lines as one text.
    public var text: String { lines.map(\.description).joined(separator: "\n") }

    /// True where any line, its metadata or its error holds `text`. A test gives the secret itself and expects false.
    public func contains(_ text: String) -> Bool { lines.contains { $0.description.contains(text) } }

    /// The lines of one level.
    public func lines(_ level: Logger.Level) -> [Line] { lines.filter { $0.level == level } }

    /// A logger that writes here.
    public func logger(label: String = "test") -> Logger { Logger(label: label) { _ in Handler(recorder: self) } }

    fileprivate func record(_ line: Line) { recorded.withLock { $0.append(line) } }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadataProvider: Logger.MetadataProvider?
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
            recorder.record(
                Line(
                    level: event.level, message: event.message.description, metadata: all.mapValues(\.description),
                    error: event.error.map { "\($0)" }))
        }
    }
}
