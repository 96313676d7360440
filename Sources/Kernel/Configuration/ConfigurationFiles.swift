import Foundation
import PluginAPI

/// How configuration reads files; tests inject their own.
public struct ConfigurationFiles: Sendable {
    /// Why a file was not read.
    public enum Problem: Error, Sendable, Equatable {
        case missing
        case notPermitted
        case isDirectory
        /// Its size in bytes; known without reading it, where the system knows it.
        case tooLarge(Int)
        case failed(String)
    }

    /// Reads at most `limit` bytes of the file at `path`, or says why not.
    public var read: @Sendable (_ path: String, _ limit: Int) throws(Problem) -> [UInt8]

    public init(read: @escaping @Sendable (_ path: String, _ limit: Int) throws(Problem) -> [UInt8]) { self.read = read }

    /// The machine's files.
    public static let system = ConfigurationFiles { (path, limit) throws(Problem) in
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw problem(errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw problem(errno) }
        if status.st_mode & S_IFMT == S_IFDIR { throw .isDirectory }
        if status.st_mode & S_IFMT == S_IFREG, status.st_size > limit { throw .tooLarge(Int(status.st_size)) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = buffer.withUnsafeMutableBytes { Foundation.read(file, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw problem(errno) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            // A pipe or a device has no size to ask for beforehand.
            if bytes.count > limit { throw .tooLarge(bytes.count) }
        }
    }

    /// The path to open for one that is written in `file`: a relative one counts from the folder of that file, or from the working directory where it
    /// comes from the command line or the environment.
    static func path(_ written: String, in file: String) -> String {
        let isReal = !file.hasPrefix("--set") && !file.hasPrefix("environment")
        guard !written.hasPrefix("/"), isReal, let slash = file.lastIndex(of: "/") else { return written }
        return file[...slash] + written
    }

    private static func problem(_ code: Int32) -> Problem {
        switch code {
        case ENOENT, ENOTDIR: .missing
        case EACCES, EPERM: .notPermitted
        default: .failed(String(cString: strerror(code)))
        }
    }
}

extension ConfigurationFiles.Problem {
    /// The message of a diagnostic about the file called `name`.
    public func message(_ name: String, limit: Int) -> String {
        switch self {
        case .missing: "\(name) does not exist"
        case .notPermitted: "\(name) may not be read"
        case .isDirectory: "\(name) is a folder"
        case .tooLarge(let size): "\(name) has \(ByteCount(bytes: ((size + 1023) >> 10) << 10)), and no more than \(ByteCount(bytes: limit)) is read"
        case .failed(let reason): "\(name) could not be read: \(reason)"
        }
    }

    /// What to do about it.
    public var remedy: String? {
        switch self {
        case .missing: "check the path"
        case .notPermitted: "give Jack's user the right to read it"
        case .isDirectory: "name a file"
        case .tooLarge: "look whether it is the file that you mean"
        case .failed: nil
        }
    }
}
