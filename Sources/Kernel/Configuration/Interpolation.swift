import PluginAPI

/// Expands `${…}` in scalars once YAML has been parsed, so that no value can ever change a document's structure.
///
/// - `${NAME}` is the variable; a missing one is an error at the scalar's place.
/// - `${NAME:-default}` is the default where the variable is missing or empty. A default may hold `${…}` again.
/// - `${file:/run/secrets/x}` is a file's text without its line ends at the end; a relative path counts from the configuration file's folder.
/// - `$${` is a literal `${`.
///
/// What was expanded is not expanded again. Keys are left alone.
public struct Interpolation: Sendable {
    /// The most that is read of a file.
    public static let fileLimit = 64 << 10

    private let environment: [String: String]
    private let files: ConfigurationFiles

    public init(environment: [String: String], files: ConfigurationFiles) {
        self.environment = environment
        self.files = files
    }

    /// The tree with every scalar expanded. A scalar that cannot be expanded keeps its text, and there is an error for each of its faults.
    public func expand(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> ConfigNode {
        var result = node
        switch node.content {
        case .scalar(let text, let plain):
            guard text.contains("${") else { return node }
            var scanner = Scanner(environment: environment, files: files, mark: node.mark, rest: text[...])
            let expanded = scanner.text(inDefault: false)
            diagnostics.add(contentsOf: scanner.diagnostics)
            // Only an empty expansion counts as "nothing": a password of `~` or `null` is a password.
            if !scanner.diagnostics.hasErrors { result.content = .scalar(expanded, plain: plain && expanded.isEmpty) }
        case .sequence(let elements):
            result.content = .sequence(elements.map { expand($0, &diagnostics) })
        case .mapping(let entries):
            result.content = .mapping(
                entries.map { entry in
                    var entry = entry
                    entry.value = expand(entry.value, &diagnostics)
                    return entry
                })
        }
        return result
    }

    /// A text that expands to `text` itself.
    static func escape(_ text: String) -> String { text.replacing("${", with: "$${") }
}

private struct Scanner {
    let environment: [String: String]
    let files: ConfigurationFiles
    let mark: SourceMark
    var rest: Substring
    var diagnostics = Diagnostics()
    private var depth = 0
    /// True once the text made no sense: what is left of it is not read.
    private var isBroken = false

    init(environment: [String: String], files: ConfigurationFiles, mark: SourceMark, rest: Substring) {
        self.environment = environment
        self.files = files
        self.mark = mark
        self.rest = rest
    }

    /// Reads to the end, or in a default to the brace that closes it.
    mutating func text(inDefault: Bool) -> String {
        var text = ""
        var literalBraces = 0
        while !isBroken, let character = rest.first {
            if take("$${") {
                text += "${"
                literalBraces += 1
            } else if take("${") {
                text += reference()
            } else if inDefault, character == "}", literalBraces == 0 {
                return text
            } else {
                if character == "}", literalBraces > 0 { literalBraces -= 1 }
                text.append(character)
                rest.removeFirst()
            }
        }
        return text
    }

    /// Reads what follows `${`, its closing brace included.
    private mutating func reference() -> String {
        let isFile = take("file:")
        let whole = rest
        let name = isFile ? path() : String(rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
        if !isFile { rest.removeFirst(name.count) }
        let fallback = take(":-") ? fallback() : nil
        guard !isBroken else { return "" }
        guard take("}") else {
            let written = "${" + (isFile ? "file:" : "") + whole.prefix(40)
            if whole.contains("}") {
                fail(.syntax, "“\(written)” is not understood", "write ${NAME}, ${NAME:-default} or ${file:/path}, and $${ for a literal ${")
            } else {
                fail(.syntax, "“\(written)” has no closing brace", "add a }, or write $${ for a literal ${")
            }
            isBroken = true
            return ""
        }
        guard !name.isEmpty, isFile || name.first?.isNumber == false else {
            fail(.syntax, isFile ? "${file:} names no file" : "“\(name)” is no variable's name", "write ${NAME} or ${file:/path}")
            return ""
        }
        return isFile ? contents(name, fallback) : variable(name, fallback)
    }

    /// A default, whose own faults count only where it is used.
    private mutating func fallback() -> (text: String, diagnostics: Diagnostics)? {
        let before = diagnostics
        depth += 1
        defer { depth -= 1 }
        guard depth <= 16 else {
            fail(.limit, "${…} stand more than 16 deep in one another", "nest less")
            isBroken = true
            return nil
        }
        let text = text(inDefault: true)
        let after = diagnostics
        if !isBroken { diagnostics = before }
        return (text, after)
    }

    private mutating func use(_ fallback: (text: String, diagnostics: Diagnostics)) -> String {
        diagnostics.add(contentsOf: fallback.diagnostics)
        return fallback.text
    }

    /// A path reaches to `}` or `:-`.
    private mutating func path() -> String {
        var path = ""
        while let character = rest.first, character != "}", !rest.hasPrefix(":-") {
            path.append(character)
            rest.removeFirst()
        }
        return path
    }

    private mutating func variable(_ name: String, _ fallback: (text: String, diagnostics: Diagnostics)?) -> String {
        if let value = environment[name], fallback == nil || !value.isEmpty { return value }
        if let fallback { return use(fallback) }
        let similar = diagnostics.all.count < 20 ? Suggestion.nearest(to: name, among: environment.keys.sorted()) : nil
        fail(
            .missingVariable, "the variable \(name) is not set",
            "set it in Jack's environment, or write ${\(name):-default}" + (similar.map { "; did you mean \($0)?" } ?? ""))
        return ""
    }

    private mutating func contents(_ written: String, _ fallback: (text: String, diagnostics: Diagnostics)?) -> String {
        do {
            let bytes = try files.read(ConfigurationFiles.path(written, in: mark.file), Interpolation.fileLimit)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                fail(.unreadable, "the file \(written) is not UTF-8 text", "save it as UTF-8")
                return ""
            }
            let end = text.unicodeScalars.reversed().prefix { $0 == "\n" || $0 == "\r" }.count
            return String(text.unicodeScalars.dropLast(end))
        } catch {
            if let fallback, error == .missing { return use(fallback) }
            fail(.unreadable, error.message("the file \(written)", limit: Interpolation.fileLimit), error.remedy)
            return ""
        }
    }

    private mutating func take(_ prefix: String) -> Bool {
        guard rest.hasPrefix(prefix) else { return false }
        rest.removeFirst(prefix.count)
        return true
    }

    private mutating func fail(_ code: Diagnostic.Code, _ message: String, _ remedy: String?) {
        diagnostics.error(code, message, remedy: remedy, at: mark)
    }
}
