import Foundation
import Glibc
import PluginAPI

/// The ``FileReader`` of one instance: the machine's files that its settings name.
public struct LocalFiles: FileReader {
    public typealias YAML = @Sendable (_ bytes: [UInt8], _ file: String) -> (document: ConfigNode?, diagnostics: Diagnostics)

    private let base: URL
    private let named: Set<String>
    private let readYAML: YAML

    /// - Parameters:
    ///   - directory: where relative paths begin: that of the configuration file.
    ///   - settings: the instance's settings as they print; each text in them may be a file's name.
    ///   - yaml: the kernel's reader.
    public init(directory: String, settings: JSONValue, yaml: @escaping YAML) {
        base = URL(filePath: directory, directoryHint: .isDirectory)
        named = Self.texts(in: settings)
        readYAML = yaml
    }

    public func stamp(of path: String) async throws -> FileStamp? {
        var status = stat()
        guard stat(try location(of: path), &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw PluginFailure.notReady(.configuration, "\(path) cannot be looked at: \(Self.reason())")
        }
        return FileStamp(status)
    }

    public func read(_ path: String, maximumBytes: Int) async throws -> [UInt8] {
        // Not blocking: opening a named pipe would wait for a writer.
        let descriptor = open(try location(of: path), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw PluginFailure.notReady(.notFound, "\(path) cannot be opened: \(Self.reason())") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw PluginFailure.notReady(.configuration, "\(path) is not a file that can be read to its end")
        }
        var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 64 << 10)
        bytes.reserveCapacity(min(Int(status.st_size), maximumBytes))
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw PluginFailure.notReady(.configuration, "\(path) cannot be read: \(Self.reason())") }
            if count == 0 { return bytes }
            guard bytes.count + count <= maximumBytes else {
                throw PluginFailure.notReady(.configuration, "\(path) is longer than the \(maximumBytes) bytes that are allowed")
            }
            bytes += buffer[..<count]
        }
    }

    public func yaml(_ bytes: [UInt8], file: String) -> (document: ConfigNode?, diagnostics: Diagnostics) { readYAML(bytes, file) }

    private func location(of path: String) throws -> String {
        guard named.contains(path), !path.isEmpty, !path.utf8.contains(0) else {
            throw PluginFailure.permanent(.configuration, "the settings of this instance name no file “\(path)”")
        }
        return path.hasPrefix("/") ? path : base.appending(path: path).path
    }

    private static func texts(in value: JSONValue) -> Set<String> {
        switch value {
        case .string(let text): [text]
        case .array(let values): values.reduce(into: []) { $0.formUnion(texts(in: $1)) }
        case .object(let members): members.values.reduce(into: []) { $0.formUnion(texts(in: $1)) }
        default: []
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}

extension FileStamp {
    fileprivate init(_ status: stat) {
        let modified = Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1e9
        self.init(size: Int64(status.st_size), modified: Date(timeIntervalSince1970: modified), number: UInt64(status.st_ino))
    }
}
