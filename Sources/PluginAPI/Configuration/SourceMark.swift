/// A place in a configuration file, as an editor counts it.
public struct SourceMark: Sendable, Hashable, CustomStringConvertible {
    /// The file as the operator named it, or a pseudo file such as `--set` or `environment`.
    public var file: String
    /// The line, counted from 1.
    public var line: Int
    /// The column in characters, counted from 1.
    public var column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line:column`.
    public var description: String { "\(file):\(line):\(column)" }
}
