import Foundation
import PluginAPI
import Synchronization

/// A ``FileReader`` whose files a test writes. A file that is written gets the clock's time and a number of its own.
public final class MemoryFiles: FileReader {
    public typealias YAML = @Sendable (_ bytes: [UInt8], _ file: String) -> (document: ConfigNode?, diagnostics: Diagnostics)

    private struct State {
        var files: [String: (bytes: [UInt8], stamp: FileStamp)] = [:]
        var writes: UInt64 = 0
        var reads = 0
        var looks = 0
        var failure: PluginFailure?
        var yaml: YAML = { NoFiles().yaml($0, file: $1) }
    }

    private let state = Mutex(State())
    private let clock: any TimeSource

    public init(clock: any TimeSource) { self.clock = clock }

    /// Writes a file, or takes it away where `bytes` is nil.
    public func write(_ path: String, _ bytes: [UInt8]?) {
        let now = clock.now
        state.withLock { state in
            state.writes += 1
            let number = state.writes
            state.files[path] = bytes.map { ($0, FileStamp(size: Int64($0.count), modified: now, number: number)) }
        }
    }

    /// Writes a text file.
    public func write(_ path: String, text: String) { write(path, Array(text.utf8)) }

    /// Reading fails with this until it is nil again; looking does not.
    public func fail(with failure: PluginFailure?) { state.withLock { $0.failure = failure } }

    /// What reads YAML; by default nothing does, and each document is a diagnostic.
    public func setYAML(_ reader: @escaping YAML) { state.withLock { $0.yaml = reader } }

    /// How often a file was read.
    public var reads: Int { state.withLock { $0.reads } }

    /// How often a file's stamp was asked for.
    public var looks: Int { state.withLock { $0.looks } }

    public func stamp(of path: String) async throws -> FileStamp? {
        state.withLock { state in
            state.looks += 1
            return state.files[path]?.stamp
        }
    }

    public func read(_ path: String, maximumBytes: Int) async throws -> [UInt8] {
        try state.withLock { state throws -> [UInt8] in
            state.reads += 1
            if let failure = state.failure { throw failure }
            guard let file = state.files[path] else { throw PluginFailure.notReady(.notFound, "\(path) is not there") }
            guard file.bytes.count <= maximumBytes else {
                throw PluginFailure.notReady(.configuration, "\(path) is longer than \(maximumBytes) bytes")
            }
            return file.bytes
        }
    }

    public func yaml(_ bytes: [UInt8], file: String) -> (document: ConfigNode?, diagnostics: Diagnostics) {
        state.withLock { $0.yaml }(bytes, file)
    }
}
