/// One node of a configuration document, with the place where it stands.
///
/// The tree is what remains of YAML once anchors, aliases and `${…}` have been resolved. It keeps its marks to the end, so that whoever finds a
/// mistake, however late, can say where it is.
public struct ConfigNode: Sendable, Hashable {
    /// What a node holds.
    public enum Content: Sendable, Hashable {
        /// A scalar's text. `plain` is true where it was written without quotes, so that `no` can be told from `"no"`.
        case scalar(String, plain: Bool)
        case sequence([ConfigNode])
        case mapping([Entry])
    }

    /// One key of a mapping and its value.
    public struct Entry: Sendable, Hashable {
        public var key: String
        public var keyMark: SourceMark
        public var value: ConfigNode

        public init(key: String, keyMark: SourceMark, value: ConfigNode) {
            self.key = key
            self.keyMark = keyMark
            self.value = value
        }
    }

    public var content: Content
    public var mark: SourceMark

    public init(_ content: Content, mark: SourceMark) {
        self.content = content
        self.mark = mark
    }

    /// The value under `key`, if this is a mapping that has it.
    public subscript(key: String) -> ConfigNode? { entries?.first { $0.key == key }?.value }

    /// The entries in the order they were written, if this is a mapping.
    public var entries: [Entry]? {
        if case .mapping(let entries) = content { entries } else { nil }
    }

    /// The elements, if this is a sequence.
    public var elements: [ConfigNode]? {
        if case .sequence(let elements) = content { elements } else { nil }
    }

    /// The text, if this is a scalar.
    public var text: String? {
        if case .scalar(let text, _) = content { text } else { nil }
    }

    /// True for a plain empty scalar, `~` and `null`.
    public var isNull: Bool {
        if case .scalar(let text, plain: true) = content { ["", "~", "null", "Null", "NULL"].contains(text) } else { false }
    }

    /// What the node is, in the words of a diagnostic.
    public var kindDescription: String {
        switch content {
        case _ where isNull: "nothing"
        case .scalar(let text, _): "“\(text.count > 40 ? text.prefix(40) + "…" : text)”"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
