import Foundation
import PluginAPI

/// A way to reach somebody.
public struct Contact: Sendable, Hashable, Codable {
    /// The alert instance that carries the page.
    public var instance: String
    /// ``AlertPage/recipient``: a number, an address, a key; nil where the instance's own settings say it.
    public var recipient: String?
    /// What the ledger and people may see of it: `phone of Ana`. Never a key.
    public var label: String
    /// ``PluginAPI/ContactForm/isProgram``.
    public var isProgram: Bool
    /// True where each telling reaches a person as one more message: news of several matters is told in one.
    public var bundlesNews: Bool
    /// False where the plan does not want it told of what is over, as by Alertmanager's `send_resolved: false`.
    public var hearsEnds: Bool

    public init(
        instance: String, recipient: String? = nil, label: String, isProgram: Bool = false, bundlesNews: Bool = false, hearsEnds: Bool = true
    ) {
        self.instance = instance
        self.recipient = recipient
        self.label = label
        self.isProgram = isProgram
        self.bundlesNews = bundlesNews
        self.hearsEnds = hearsEnds
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            instance: try values.decode(String.self, forKey: .instance), recipient: try values.decodeIfPresent(String.self, forKey: .recipient),
            label: try values.decode(String.self, forKey: .label),
            // Rows of before it was known do not have it.
            isProgram: try values.decodeIfPresent(Bool.self, forKey: .isProgram) ?? false,
            bundlesNews: try values.decodeIfPresent(Bool.self, forKey: .bundlesNews) ?? false,
            hearsEnds: try values.decodeIfPresent(Bool.self, forKey: .hearsEnds) ?? true)
    }
}

/// One attempt to reach one person within a level.
public struct PagingStep: Sendable, Hashable, Codable {
    /// Who is meant; nil where a contact is nobody's, such as a team's channel.
    public var person: String?
    public var contact: Contact
    /// What is tried at once where the contact fails, in this order.
    public var fallbacks: [Contact]
    /// Seconds after the level began: a person's own rules may call after they have written.
    public var delay: TimeInterval
    /// Why this person and this contact, in words: `on call in engineering (layer weekdays), oncall.yaml:31:7`.
    public var reason: String

    public init(person: String? = nil, contact: Contact, fallbacks: [Contact] = [], delay: TimeInterval = 0, reason: String) {
        self.person = person
        self.contact = contact
        self.fallbacks = fallbacks
        self.delay = delay
        self.reason = reason
    }
}

/// What an escalation does at one of its levels.
public struct EscalationLevel: Sendable, Hashable, Codable {
    /// Counted from 1, over all rounds of a policy that begins again.
    public var number: Int
    public var name: String
    public var steps: [PagingStep]
    /// Whom the level would have paged, and why it did not: quiet hours, nobody on call.
    public var passedOver: [String]
    /// Seconds until the next level begins; nil at the last. 0 where nobody is paged here: an empty level is not waited for.
    public var wait: TimeInterval?
    /// Where the level stands.
    public var place: String

    public init(number: Int, name: String, steps: [PagingStep], passedOver: [String] = [], wait: TimeInterval?, place: String) {
        self.number = number
        self.name = name
        self.steps = steps
        self.passedOver = passedOver
        self.wait = wait
        self.place = place
    }
}

/// What an escalation's plan may look at, of what it is about.
public struct PagedMatter: Sendable, Hashable, Codable {
    public var receiver: String
    /// The worst among its alerts.
    public var severity: AlertSeverity
    public var isEmergency: Bool
    /// The labels that all its alerts share.
    public var labels: [String: String]
    /// What ordered it, where it is a drill: then it goes where that says.
    public var drill: DrillOrder?

    public init(receiver: String, severity: AlertSeverity, isEmergency: Bool, labels: [String: String], drill: DrillOrder? = nil) {
        self.receiver = receiver
        self.severity = severity
        self.isEmergency = isEmergency
        self.labels = labels
        self.drill = drill
    }
}
