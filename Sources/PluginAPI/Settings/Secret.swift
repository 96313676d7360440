/// A text that must not be seen: it prints, logs and encodes as a placeholder wherever it ends up.
public struct Secret: SettingValue, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    public init(_ value: String) { self.value = value }

    /// The text itself, for the one place that sends or checks it.
    public func reveal() -> String { value }

    public var isEmpty: Bool { value.isEmpty }

    /// The length in characters.
    public var count: Int { value.count }

    public static var shape: SettingShape { .secret }

    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Secret? {
        guard let text = node.text, !text.isEmpty, !node.isNull else {
            // Never the text itself, not even of a node that is no secret.
            diagnostics.error(
                .wrongType, "expected a secret, found \(node.text == nil ? node.kindDescription : "nothing")",
                remedy: "write ${NAME} to take it from the environment, or ${file:/run/secrets/name}", at: node.mark)
            return nil
        }
        return Secret(text)
    }

    public var description: String { "•••" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
    public var printed: JSONValue { .string(description) }
}
