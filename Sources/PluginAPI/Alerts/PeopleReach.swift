/// Whether whoever an alert sink tells is a person. An on-call plan is proved by it: what ends at a log has reached nobody.
public enum PeopleReach: Sendable, Hashable {
    /// It reaches people: a number, an address, a service that wakes somebody.
    case always
    /// It writes for programs, or for whoever happens to look.
    case never
    /// The operator says it by a setting of this name, which is true or false, and false where nobody says it.
    case setting(String)

    /// Whether it does, with an instance's settings as they print.
    public func holds(for settings: JSONValue) -> Bool {
        switch self {
        case .always: true
        case .never: false
        case .setting(let name): settings[name] == .bool(true)
        }
    }

    /// For the reference: `yes`, `no`, `where reaches_human says so`.
    public var words: String {
        switch self {
        case .always: "yes"
        case .never: "no"
        case .setting(let name): "where `\(name)` says so"
        }
    }
}
