import Foundation
import Logging
import PluginAPI
import Synchronization

/// Writes one JSON object a line, or a line for people, to a file descriptor.
///
/// A line is written whole. Control characters are escaped, so that what a guest wrote can never forge a line.
public struct StructuredLogHandler: LogHandler {
    public enum Format: Sendable { case json, text }

    /// Where lines go, shared by all handlers.
    public final class Output: Sendable {
        private let descriptor: Int32
        private let lock = Mutex(())
        private let least = Mutex(Logger.Level.info)

        /// The least severe level that is written, for all handlers that have none of their own; may change while Jack runs.
        public var level: Logger.Level {
            get { least.withLock { $0 } }
            set { least.withLock { $0 = newValue } }
        }

        public init(descriptor: Int32 = 1) { self.descriptor = descriptor }

        func write(_ line: String) {
            let bytes = Array(line.utf8)
            lock.withLock { _ in
                var offset = 0
                while offset < bytes.count {
                    let count = bytes[offset...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
                    if count < 0, errno == EINTR { continue }
                    // A log that cannot be written must not stop what it tells of.
                    guard count > 0 else { return }
                    offset += count
                }
            }
        }
    }

    private let label: String
    private let format: Format
    private let output: Output
    private let clock: any TimeSource
    private var ownLevel: Logger.Level?
    public var logLevel: Logger.Level {
        get { ownLevel ?? output.level }
        set { ownLevel = newValue }
    }
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?

    public init(label: String, format: Format, output: Output, clock: any TimeSource) {
        self.label = label
        self.format = format
        self.output = output
        self.clock = clock
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let (level, message) = (event.level, event.message)
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let explicit = event.metadata { all.merge(explicit) { $1 } }
        if let error = event.error { all["error"] = "\(error)" }
        let fields = all.sorted { $0.key < $1.key }
        switch format {
        case .json:
            var text =
                "{\"time\":\"\(clock.now.iso8601)\",\"level\":\"\(level.rawValue)\",\"msg\":\(Self.quoted(message.description)),\"logger\":\(Self.quoted(label))"
            // What a plugin adds must not take the place of the line's own fields.
            for (key, value) in fields { text += ",\(Self.quoted(Self.ownFields.contains(key) ? key + "_" : key)):\(Self.quoted(value.description))" }
            output.write(text + "}\n")
        case .text:
            let values = fields.map { " \($0.key)=\(Self.quoted($0.value.description))" }.joined()
            output.write(
                "\(clock.now.iso8601) \(level.rawValue.uppercased().padding(toLength: 8, withPad: " ", startingAt: 0)) \(Self.plain(message.description))\(values)\n"
            )
        }
    }

    private static let ownFields: Set<String> = ["time", "level", "msg", "logger"]

    private static func plain(_ text: String) -> String { String(quoted(text).dropFirst().dropLast()) }

    private static let escaped: [ClosedRange<UInt32>] = [0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF...0xFEFF]

    /// A JSON string.
    static func quoted(_ text: String) -> String {
        // Nearly every value: nothing to escape.
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }) { return "\"" + text + "\"" }
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            // Control characters and line separators, which some readers take for the end of a line, and what turns the direction of the text around.
            case _ where scalar.value < 0x20 || Self.escaped.contains { $0.contains(scalar.value) }:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
