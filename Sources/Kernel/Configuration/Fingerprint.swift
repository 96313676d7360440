import Crypto
import PluginAPI

/// A hash of what a node says. Marks, quotes and the order of keys do not count; no secret can be read from it.
public enum Fingerprint {
    public static func of(_ node: ConfigNode) -> String {
        var hash = SHA256()
        feed(node, &hash)
        return Hex.text(hash.finalize().prefix(16))
    }

    public static func of(_ texts: [String]) -> String {
        var hash = SHA256()
        texts.forEach { feed("s", $0, &hash) }
        return Hex.text(hash.finalize().prefix(16))
    }

    private static func feed(_ node: ConfigNode, _ hash: inout SHA256) {
        switch node.content {
        case .scalar(let text, _):
            feed(node.isNull ? "n" : "s", node.isNull ? "" : text, &hash)
        case .sequence(let elements):
            feed("l", "\(elements.count)", &hash)
            elements.forEach { feed($0, &hash) }
        case .mapping(let entries):
            feed("m", "\(entries.count)", &hash)
            for entry in entries.sorted(by: { $0.key < $1.key }) {
                feed("k", entry.key, &hash)
                feed(entry.value, &hash)
            }
        }
    }

    /// With the length in front, so that no two lists of texts feed the same bytes.
    private static func feed(_ tag: String, _ text: String, _ hash: inout SHA256) {
        hash.update(data: Array("\(tag)\(text.utf8.count):\(text)".utf8))
    }
}
