import CLibYAML
import PluginAPI

/// Says in plain words what libyaml found wrong.
enum YAMLSyntax {
    static func refusal(_ parser: yaml_parser_t, _ bytes: UnsafeBufferPointer<UInt8>, file: String) -> YAMLRefusal {
        let problem = parser.problem.map { String(cString: $0) } ?? "it is not YAML"
        let context = parser.context.map { String(cString: $0) } ?? ""
        if parser.error == YAML_READER_ERROR {
            // The reader counts bytes, as it comes before the lines.
            let place = mark(of: parser.problem_offset, in: bytes, file: file)
            return YAMLRefusal(
                .syntax, problem == "control characters are not allowed" ? "a control character stands here" : problem,
                remedy: "remove it, or write it as an escape in double quotes", at: place)
        }
        let place = SourceMark(parser.problem_mark, file: file)
        if let tab = tab(onLineOf: Int(parser.problem_mark.index), bytes) {
            return YAMLRefusal(
                .syntax, "YAML does not allow tabs for indentation", remedy: "use spaces",
                at: SourceMark(file: file, line: place.line, column: tab + 1))
        }
        let began = SourceMark(parser.context_mark, file: file)
        if context.contains("while parsing a flow"), problem.contains("did not find expected ','"), line(of: place, bytes).contains("${") {
            return YAMLRefusal(
                .syntax, "the braces of ${…} are taken for a mapping's", remedy: "within { } and [ ] put it in quotes: \"${NAME}\"", at: place)
        }
        for (fragment, message, remedy, atStart) in words where problem.contains(fragment) || context.contains(fragment) {
            return YAMLRefusal(.syntax, message, remedy: remedy, at: atStart && parser.context != nil ? began : place)
        }
        return YAMLRefusal(.syntax, context.isEmpty ? problem : "\(problem) \(context)", at: place)
    }

    /// libyaml's phrase, the same in plain words, the remedy, and whether the place to look at is where the construct began. The first that fits
    /// is taken.
    private static let words: [(String, String, String, Bool)] = [
        ("found unexpected end of stream", "a quoted text is not closed", "add the closing quote", true),
        ("found unexpected document indicator", "a quoted text is not closed", "add the closing quote", true),
        (
            "mapping values are not allowed", "a “:” stands where none is allowed",
            "put the text in quotes if it holds a colon, or check the indentation of the line above", false
        ),
        ("found unknown escape character", "an unknown escape in double quotes", "use single quotes, or write \\\\ for a backslash", false),
        (
            "could not find expected ':'", "this is not “key: value”", "put a space after the colon, and check the indentation", true
        ),
        ("did not find expected node content", "a value is missing here", "write it, or close the bracket before it", false),
        ("while parsing a flow mapping", "a { is not closed", "add the } or the missing comma", true),
        ("while parsing a flow sequence", "a [ is not closed", "add the ] or the missing comma", true),
        ("did not find expected '-' indicator", "this line does not belong to the list above", "check its indentation", false),
        ("did not find expected key", "this line does not fit the lines above", "check its indentation, and that quotes are closed", false),
        ("block sequence entries are not allowed", "a list's “-” stands where none is allowed", "begin the list on a line of its own", false),
        ("found character that cannot start any token", "this character cannot begin a value", "put the text in quotes", false),
        ("found undefined tag handle", "tags such as !env are not supported", "remove the tag", false),
        ("did not find expected <document start>", "something follows the end of the document", "check its indentation", false),
    ]

    /// The column, from 0, of a tab in the white space at the start of the line of the character at `index`.
    private static func tab(onLineOf index: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        // libyaml counts characters, and the line is wanted: walk to the character, remembering where its line began.
        var start = 0
        var character = 0
        for (offset, byte) in bytes.enumerated() {
            if byte & 0xC0 != 0x80 {
                if character >= index { break }
                character += 1
            }
            if byte == UInt8(ascii: "\n") { start = offset + 1 }
        }
        return bytes[start...].prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.firstIndex(of: UInt8(ascii: "\t")).map { $0 - start }
    }

    private static func line(of mark: SourceMark, _ bytes: UnsafeBufferPointer<UInt8>) -> Substring {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", maxSplits: mark.line, omittingEmptySubsequences: false)
        return lines.count >= mark.line ? lines[mark.line - 1] : ""
    }

    /// The line and column of a byte.
    static func mark(of offset: Int, in bytes: UnsafeBufferPointer<UInt8>, file: String) -> SourceMark {
        var line = 1
        var column = 1
        for byte in bytes.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return SourceMark(file: file, line: line, column: column)
    }
}
