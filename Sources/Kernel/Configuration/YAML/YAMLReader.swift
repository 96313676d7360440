import PluginAPI

/// Reads one YAML document into a tree that keeps its marks.
///
/// Strict where YAML is generous: one document, keys that are texts, no key twice, no tags. Anchors, aliases and merge keys (`<<`) work, and are
/// counted as what they expand to.
public struct YAMLReader: Sendable {
    public var limits: YAMLLimits

    public init(limits: YAMLLimits = YAMLLimits()) { self.limits = limits }

    /// The document's tree; nil where it could not be read to its end, for which there is then an error.
    ///
    /// A tree may come with errors too (a duplicate key, a tag): so that what else is wrong is found in the same run.
    /// - Parameter file: the name that the marks carry.
    public func read(_ bytes: [UInt8], file: String, _ diagnostics: inout Diagnostics) -> ConfigNode? {
        let start = SourceMark(file: file, line: 1, column: 1)
        guard bytes.count <= limits.bytes else {
            let problem = ConfigurationFiles.Problem.tooLarge(bytes.count)
            diagnostics.error(.limit, problem.message("the file", limit: limits.bytes), remedy: problem.remedy, at: start)
            return nil
        }
        return bytes.withUnsafeBufferPointer { buffer in
            let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
            let bytes = UnsafeBufferPointer(rebasing: buffer.starts(with: mark) ? buffer.dropFirst(mark.count) : buffer[...])
            if let offset = UTF8Check.firstInvalid(bytes) {
                diagnostics.error(
                    .syntax, "this is not valid UTF-8", remedy: "save the file as UTF-8", at: YAMLSyntax.mark(of: offset, in: bytes, file: file))
                return nil
            }
            do {
                var builder = YAMLTreeBuilder(events: try YAMLEvents(bytes, file: file), limits: limits, start: start)
                defer { diagnostics.add(contentsOf: builder.diagnostics) }
                return try builder.document()
            } catch let refusal as YAMLRefusal {
                diagnostics.add(refusal.diagnostic)
            } catch {
                diagnostics.error(.syntax, "\(error)", at: start)
            }
            return nil
        }
    }
}

/// Finds where a text stops being UTF-8.
enum UTF8Check {
    static func firstInvalid(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        if String(validating: bytes, as: UTF8.self) != nil { return nil }
        var decoder = Unicode.UTF8.ForwardParser()
        var rest = bytes.makeIterator()
        var offset = 0
        while true {
            switch decoder.parseScalar(from: &rest) {
            case .valid(let scalar): offset += scalar.count
            case .emptyInput: return nil
            case .error: return offset
            }
        }
    }
}
