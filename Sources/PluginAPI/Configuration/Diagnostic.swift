/// Something that the operator should know about a configuration: what is wrong, where, and what to do.
public struct Diagnostic: Sendable, Hashable, CustomStringConvertible {
    public enum Severity: String, Sendable, Hashable, Codable {
        case error, warning, note
    }

    /// A stable name for the kind of mistake, for tools that read `jack check --json`. New codes may appear in any release.
    public struct Code: RawRepresentable, Sendable, Hashable, ExpressibleByStringLiteral {
        public var rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public init(stringLiteral value: String) { rawValue = value }

        public static let syntax: Code = "syntax"
        public static let unknownKey: Code = "unknown-key"
        public static let duplicateKey: Code = "duplicate-key"
        public static let missing: Code = "missing"
        public static let wrongType: Code = "wrong-type"
        public static let invalidValue: Code = "invalid-value"
        public static let missingVariable: Code = "missing-variable"
        public static let unknownPlugin: Code = "unknown-plugin"
        public static let duplicateInstance: Code = "duplicate-instance"
        public static let unknownReference: Code = "unknown-reference"
        public static let deprecated: Code = "deprecated"
        public static let limit: Code = "limit"
        public static let unreadable: Code = "unreadable"
        public static let insecure: Code = "insecure"
    }

    public var severity: Severity
    public var code: Code
    /// What is wrong, in lower case and without a full stop.
    public var message: String
    /// What to do about it.
    public var remedy: String?
    /// Where; nil only for what no file says.
    public var mark: SourceMark?

    public init(_ severity: Severity, _ code: Code, _ message: String, remedy: String? = nil, at mark: SourceMark?) {
        self.severity = severity
        self.code = code
        self.message = message
        self.remedy = remedy
        self.mark = mark
    }

    /// `file:line:column: error: message; remedy`, the form that editors and CI systems parse.
    public var description: String {
        let place = mark.map { "\($0): " } ?? ""
        let mend = remedy.map { "; \($0)" } ?? ""
        return "\(place)\(severity.rawValue): \(message)\(mend)"
    }
}

/// Collects diagnostics: a reader adds what it finds and goes on, so that one run shows every mistake.
public struct Diagnostics: Sendable {
    public private(set) var all: [Diagnostic] = []
    private var seen: Set<Diagnostic> = []

    public init() {}

    public var hasErrors: Bool { all.contains { $0.severity == .error } }

    public mutating func add(_ diagnostic: Diagnostic) {
        if seen.insert(diagnostic).inserted { all.append(diagnostic) }
    }

    public mutating func add(contentsOf others: Diagnostics) { others.all.forEach { add($0) } }

    public mutating func error(_ code: Diagnostic.Code, _ message: String, remedy: String? = nil, at mark: SourceMark?) {
        add(Diagnostic(.error, code, message, remedy: remedy, at: mark))
    }

    public mutating func warning(_ code: Diagnostic.Code, _ message: String, remedy: String? = nil, at mark: SourceMark?) {
        add(Diagnostic(.warning, code, message, remedy: remedy, at: mark))
    }

    /// All diagnostics in reading order: by file, line and column.
    public var sorted: [Diagnostic] {
        all.enumerated().sorted { left, right in
            let a = left.element.mark, b = right.element.mark
            let keyA = (a?.file ?? "", a?.line ?? 0, a?.column ?? 0), keyB = (b?.file ?? "", b?.line ?? 0, b?.column ?? 0)
            return keyA == keyB ? left.offset < right.offset : keyA < keyB
        }.map(\.element)
    }
}
