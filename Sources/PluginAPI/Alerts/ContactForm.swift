/// A way in which plans write down whom an alert sink reaches, in `oncall.yaml` or in an Alertmanager's `receivers`.
///
/// A form is data, so that a plan is checked without any plugin being constructed, and no vendor's word stands outside of its plugin.
public struct ContactForm: Sendable, Hashable {
    /// What a recipient looks like, and so what a plan is checked for.
    public enum Shape: String, Sendable, Hashable {
        /// A number in the form of E.164: `+` and 8 to 15 digits.
        case phoneNumber
        case emailAddress
        /// An http or https URL.
        case url
        /// Any text that is not empty: a key, a channel's name.
        case text
    }

    /// Where the form is used.
    public enum Use: Sendable, Hashable {
        /// `type:` of a contact: `phone`.
        case contact(type: String)
        /// The key of a list within an Alertmanager's receiver: `slack_configs`.
        case receiver(key: String)
    }

    public var use: Use
    /// The keys that may hold the recipient; the first that is there counts.
    public var recipientKeys: [String]
    public var shape: Shape
    /// Of a receiver's form: the keys of Alertmanager's `global` that stand for a recipient's key where it is not written, by that key:
    /// `slack_api_url` for `api_url`.
    public var inherits: [String: String]
    /// Values of such keys that name nobody, as the vendor's own address would: the next key counts.
    public var placeholders: Set<String>
    /// Settings without which the instance cannot write to a recipient that stands under a key, by that key: `bot_token` for `channel`.
    public var needs: [String: String]
    /// True where the recipient must not be shown: a key that lets its holder send.
    public var isSecret: Bool
    /// True where a program reads what is sent, and wants every page: no limit spares it any, as limits spare people who sleep.
    public var isProgram: Bool

    public init(
        _ use: Use, recipientKeys: [String], _ shape: Shape, inherits: [String: String] = [:], placeholders: Set<String> = [],
        needs: [String: String] = [:], isSecret: Bool = false, isProgram: Bool = false
    ) {
        self.use = use
        self.recipientKeys = recipientKeys
        self.shape = shape
        self.inherits = inherits
        self.placeholders = placeholders
        self.needs = needs
        self.isSecret = isSecret
        self.isProgram = isProgram
    }
}
