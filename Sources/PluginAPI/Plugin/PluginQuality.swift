/// How good a plugin is, as data: which rules it meets, and why a rule does not apply.
///
/// Claimed in the manifest, shown by `jack plugins list`, and verified by tests as far as a program can.
public struct PluginQuality: Sendable, ExpressibleByDictionaryLiteral {
    /// Something that a good plugin does.
    public struct Rule: Sendable, Hashable {
        public let name: String
        /// What is asked, in a sentence.
        public let meaning: String
        /// The level that asks it first.
        public let level: Level

        private init(_ name: String, _ level: Level, _ meaning: String) {
            self.name = name
            self.meaning = meaning
            self.level = level
        }

        public static let documentedSettings = Rule("documented-settings", .basic, "Every setting has a help, and stands in the README.")
        public static let contractSuite = Rule("contract-suite", .basic, "Its tests run the contract suite of its kind.")
        public static let noSecretsShown = Rule("no-secrets-shown", .basic, "No secret and no guest's word gets into logs, errors or metrics.")
        public static let typedFailures = Rule("typed-failures", .basic, "Whatever fails says whether to try again, to ask a human, or to stop.")
        public static let probe = Rule("probe", .solid, "A probe says whether the vendor is there and takes the credentials, and changes nothing.")
        public static let dataDestinations = Rule("data-destinations", .solid, "The manifest says where data goes.")
        public static let documentedLimits = Rule("documented-limits", .solid, "The README has sections on limits and on security.")
        public static let reconnects = Rule("reconnects", .solid, "After an outage it is well again by itself, and says so once.")
        public static let idempotency = Rule("idempotency", .excellent, "What is sent twice is told apart: the idempotency key goes to the vendor.")
        public static let receipts = Rule("receipts", .excellent, "It reports how far a message or a page has come.")
        public static let vendorDocument = Rule("vendor-document", .excellent, "The manifest names the vendor's document that it follows.")

        /// All rules, those of the lowest level first.
        public static let all = [
            documentedSettings, contractSuite, noSecretsShown, typedFailures, probe, dataDestinations, documentedLimits, reconnects, idempotency,
            receipts, vendorDocument,
        ]

        public static func == (left: Rule, right: Rule) -> Bool { left.name == right.name }
        public func hash(into hasher: inout Hasher) { hasher.combine(name) }
    }

    /// What a plugin says of a rule.
    public enum Claim: Sendable, Hashable {
        case met
        /// It does not apply, and why.
        case exempt(String)
    }

    /// The levels; each asks for all that those below it do.
    public enum Level: Int, Sendable, Comparable, CaseIterable, CustomStringConvertible {
        /// Not even the basic rules.
        case none, basic, solid, excellent

        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

        public var description: String {
            switch self {
            case .none: "none"
            case .basic: "basic"
            case .solid: "solid"
            case .excellent: "excellent"
            }
        }
    }

    /// What is claimed; a rule that is not named is not met.
    public let claims: [Rule: Claim]

    public init(dictionaryLiteral elements: (Rule, Claim)...) { claims = Dictionary(elements) { _, last in last } }

    /// The highest level whose every rule, and every rule below, is met or exempted.
    public var level: Level {
        Level.allCases.reversed().first { level in Rule.all.allSatisfy { $0.level > level || claims[$0] != nil } } ?? .none
    }
}
