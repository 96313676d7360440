import Foundation
import PluginAPI

/// The `notify:` section of `jack.yaml`: an address of the hotel's own that is told of each change of a conversation.
public struct NotifySettings: PluginSettings {
    @Setting(help: "Where each change of a conversation is posted; none for nowhere.", example: "https://hooks.example.com/jack")
    public var url: String?
    @Setting(help: "The key of the signature that each request carries; at least 16 characters.", example: "${NOTIFY_SECRET}")
    public var secret: Secret?
    @Setting(help: "Whether an address without TLS may be used.") public var allowInsecure: Bool = false
    @Setting(help: "Whether the address may be one of a private network; that of this machine may always.") public var allowPrivate: Bool = false

    public init() {}

    /// What the declarations cannot say. Pure.
    public func check(_ report: inout ValidationReport) {
        guard let url else { return }
        let parts = URLComponents(string: url)
        guard ["http", "https"].contains(parts?.scheme ?? ""), parts?.host?.isEmpty == false else {
            return report.error("url", "“\(url)” is no http or https address", remedy: "write it whole, as https://hooks.example.com/jack")
        }
        if parts?.scheme != "https", !allowInsecure {
            report.error("url", "changes name guests, and would go out without encryption", remedy: "use https, or set allow_insecure: true")
        }
        if (secret?.reveal().count ?? 0) < 16 {
            report.error("secret", "the receiver could not tell Jack's requests from others'", remedy: "set a secret of at least 16 characters")
        }
    }
}
