import Foundation

/// Reads the files that an instance's settings name, and no others. A path is the one that the settings hold; relative ones begin where the
/// configuration file is.
public protocol FileReader: Sendable {
    /// What can be known of a file without reading it; nil where there is none.
    /// - Throws: ``PluginFailure`` where it may not be looked at.
    func stamp(of path: String) async throws -> FileStamp?

    /// The whole content.
    /// - Throws: ``PluginFailure``: not ready where there is no such file, it cannot be read or is longer than `maximumBytes`; permanent where the
    ///   settings do not name it.
    func read(_ path: String, maximumBytes: Int) async throws -> [UInt8]

    /// Reads YAML with the kernel's own strict reader. Pure. `${…}` is left as it is.
    /// - Parameter file: the name that the marks carry.
    /// - Returns: the tree, nil where there is none, and what is wrong.
    func yaml(_ bytes: [UInt8], file: String) -> (document: ConfigNode?, diagnostics: Diagnostics)
}

/// Tells whether a file is another than before.
public struct FileStamp: Sendable, Hashable {
    /// In bytes.
    public var size: Int64
    public var modified: Date
    /// The file's number in its file system: another one where a file was replaced by renaming.
    public var number: UInt64

    public init(size: Int64, modified: Date, number: UInt64 = 0) {
        self.size = size
        self.modified = modified
        self.number = number
    }
}

/// A ``FileReader`` of an instance whose settings name no file.
public struct NoFiles: FileReader {
    public init() {}
    public func stamp(of path: String) async throws -> FileStamp? { throw failure }
    public func read(_ path: String, maximumBytes: Int) async throws -> [UInt8] { throw failure }
    public func yaml(_ bytes: [UInt8], file: String) -> (document: ConfigNode?, diagnostics: Diagnostics) {
        var diagnostics = Diagnostics()
        diagnostics.error(.unreadable, "no reader of YAML is at hand", at: SourceMark(file: file, line: 1, column: 1))
        return (nil, diagnostics)
    }
    private var failure: PluginFailure { .permanent(.configuration, "this instance may read no file") }
}
