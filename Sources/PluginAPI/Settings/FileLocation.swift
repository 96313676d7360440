/// A file or folder that a setting names.
///
/// A relative path counts from the folder of the configuration file in which it is written, wherever Jack was started; one from the command line or
/// the environment counts from the working directory, as a shell would read it. Reading it is up to the plugin: decoding touches no disk.
public struct FileLocation: SettingValue, Hashable, CustomStringConvertible {
    /// The path to open: absolute, or relative to the working directory.
    public let path: String
    /// The path as the operator wrote it.
    public let written: String

    /// A location that no configuration file names, relative to the working directory.
    public init(path: String) {
        self.path = path
        written = path
    }

    /// A path that is written in `file`.
    public init(_ written: String, in file: String) {
        self.written = written
        let isReal = !file.hasPrefix("--set") && !file.hasPrefix("environment")
        guard !written.hasPrefix("/"), isReal, let slash = file.lastIndex(of: "/") else {
            path = written
            return
        }
        path = String(file[...slash]) + (written.hasPrefix("./") ? String(written.dropFirst(2)) : written)
    }

    public static var shape: SettingShape { .string(format: "a path") }

    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> FileLocation? {
        guard let text = node.text, !node.isNull, !text.isEmpty, !text.contains("\0") else { return mismatch(node, &diagnostics) }
        return FileLocation(text, in: node.mark.file)
    }

    public var description: String { path }
    public var printed: JSONValue { .string(written) }
}
