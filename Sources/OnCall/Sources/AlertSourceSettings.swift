import Foundation
import Kernel
import PluginAPI

/// Something outside that raises alerts: one entry of `oncall.sources` in `jack.yaml`.
public struct AlertSourceSettings: PluginSettings {
    /// How it reaches Jack.
    public enum Kind: String, SettingChoice, Sendable { case webhook, email }

    /// What the body of a webhook is.
    public enum Format: String, SettingChoice, Sendable {
        /// JSON of any kind, which `map` explains.
        case map
        /// What another Jack's webhook sink posts.
        case jack
        /// What Alertmanager's webhooks post, and what copies them, such as Grafana.
        case alertmanager
    }

    @Setting(help: "Its name: the end of its address, and the label `source` of its alerts.", .notEmpty) public var name: String
    @Setting(help: "How it reaches Jack: webhook (`POST /api/v1/alerts/<name>`) or email.") public var kind: Kind = .webhook
    @Setting(
        help: "The key of the sender's signatures (`X-Jack-Signature: t=<unix seconds>,v1=<hex of HMAC-SHA256 over \"<t>.<body>\">`).",
        .ifSet(.minimumLength(16)), example: "${BOILER_SECRET}")
    public var secret: Secret?
    @Setting(help: "A token for a sender that cannot sign (`Authorization: Bearer …`).", .ifSet(.minimumLength(16)), example: "${BOILER_TOKEN}")
    public var token: Secret?
    @Setting(
        help: "How far the time of a signature may be off; a request that is sent again within it is known again.",
        .range(.seconds(5)...(.seconds(3600))))
    public var tolerance: Duration = .seconds(300)
    @Setting(help: "What is posted: JSON that `map` explains, the pages of another Jack, or an Alertmanager's webhook (Grafana's too).")
    public var format: Format = .map
    @Setting(help: "What stands where in the JSON.") public var map: SourceMapSettings = .init()
    @Setting(help: "The alerts' name, where neither `map.name` nor a mail's subject is to say it.") public var alertname: String?
    @Setting(help: "How bad it is where the sender does not say.") public var severity: AlertSeverityChoice = .error
    @Setting(
        help:
            "What the sender's words mean, beside the usual ones. Of a mail the words of the subject; a key that begins with ~ is a regular expression for a part of the subject."
    )
    public var severities: [String: AlertSeverityChoice] = [:]
    @Setting(help: "Words of the status, or of a mail's subject, that say that it is over; not set for the usual ones.") public var resolved:
        [String]?
    @Setting(help: "Values of the status that say nothing, such as a test's; they are taken and passed over.") public var ignored: [String] = []
    @Setting(help: "Labels that all its alerts have.") public var labels: [String: String] = [:]
    @Setting(help: "How long an alert lasts of which nothing more is heard.", .range(.seconds(60)...(.seconds(90 * 86_400))))
    public var lasts: Duration = .seconds(86_400)
    @Setting(help: "How many alerts of it may stand open at once; more are refused, which is an alert of its own.", .range(1...10_000))
    public var maximumOpen: Int = 500
    @Setting(help: "Of a source of the kind email: the channel instance that receives its mails.") public var channel: String?
    @Setting(
        help: "The addresses to which its mails are sent; none where all mails of the channel are its.",
        example: "[frontdesk+alerts-7c1f@hotel.example]")
    public var addresses: [String] = []
    @Setting(help: "Whose mails are believed: addresses, or domains as `@example.com`. Who writes from others is neither believed nor answered.")
    public var senders: [String] = []

    public init() {}

    /// What the declarations cannot say. Pure.
    func check(_ report: inout ValidationReport) {
        if name.utf8.count > 60
            || !name.utf8.allSatisfy({ $0 == 0x2D || $0 == 0x5F || Character(UnicodeScalar($0)).isLetter || Character(UnicodeScalar($0)).isNumber })
        {
            report.error("name", "“\(name.clipped)” cannot stand in an address", remedy: "write a short name of letters, digits, - and _")
        }
        for label in labels.keys.sorted() where ["source", "property", "alertname", "severity", "emergency"].contains(label) {
            report.error("labels.\(label)", "Jack sets the label \(label) itself", remedy: "leave it out")
        }
        for key in severities.keys.sorted() where key.hasPrefix("~") {
            do {
                _ = try SourceWords.pattern(key)
            } catch {
                report.error("severities", "“\(key.clipped)” is not a regular expression: \(error)", remedy: "correct it")
            }
        }
        switch kind {
        case .webhook: checkWebhook(&report)
        case .email: checkMail(&report)
        }
    }

    private func checkWebhook(_ report: inout ValidationReport) {
        if secret == nil, token == nil {
            report.error(
                "secret", "anybody could raise alerts as \(name.clipped)", remedy: "add secret: ${…}, or token: ${…} where the sender cannot sign",
                code: .missing)
        }
        for (key, isSet) in [("channel", channel != nil), ("addresses", !addresses.isEmpty), ("senders", !senders.isEmpty)] where isSet {
            report.error(key, "\(key) is for sources of the kind email", remedy: "leave it out, or write kind: email")
        }
        map.check(&report)
        if format == .map, map.isEmpty {
            report.warning(
                "map", "nothing says what stands where: every request is the same alert", remedy: "add map: with summary: and status: at least")
        } else if format != .map, !map.isEmpty {
            report.error("map", "the format \(format.rawValue) says what stands where", remedy: "leave map: out, or write format: map")
        }
    }

    private func checkMail(_ report: inout ValidationReport) {
        if channel == nil {
            report.error("channel", "which mailbox it is about is not said", remedy: "add channel: with a mail channel's name", code: .missing)
        }
        if senders.isEmpty {
            report.error(
                "senders", "anybody could raise alerts by writing a mail", remedy: "add senders: with the addresses that alerts come from",
                code: .missing)
        }
        for address in addresses where address.split(separator: "@", omittingEmptySubsequences: false).count != 2 {
            report.error("addresses", "“\(address.clipped)” is no mail address", remedy: "write for example alerts@hotel.example")
        }
        for sender in senders where sender.split(separator: "@", omittingEmptySubsequences: false).count != 2 || sender.hasSuffix("@") {
            report.error("senders", "“\(sender.clipped)” is neither an address nor a domain", remedy: "write alarm@example.com, or @example.com")
        }
        for (key, isSet) in [("secret", secret != nil), ("token", token != nil)] where isSet {
            report.error(key, "a mail has no \(key)", remedy: "leave it out; let addresses: hold one that nobody guesses")
        }
    }

    /// What all sources together must keep to. Pure.
    static func check(_ sources: [AlertSourceSettings], _ report: inout ValidationReport) {
        for (index, source) in sources.enumerated() {
            report.nested("\(index)") { source.check(&$0) }
            let earlier = sources[..<index]
            if earlier.contains(where: { $0.name == source.name }) {
                report.error(
                    "\(index).name", "there is a source “\(source.name.clipped)” already", remedy: "give it another name", code: .duplicateKey)
            }
            if let secret = source.secret, earlier.contains(where: { $0.secret == secret }) {
                report.warning(
                    "\(index).secret", "another source has the same secret: what is signed for one could be sent to the other",
                    remedy: "give each its own")
            }
        }
    }
}

/// What stands where in a source's JSON: paths of keys and list positions, joined by dots. A path is looked for in each alert; one that begins with `$.` in the
/// whole document. What begins with `=` is the text itself.
public struct SourceMapSettings: PluginSettings {
    @Setting(help: "The list that holds an alert in each of its elements; not set where the document is one alert.", example: "alerts") public
        var each: String?
    @Setting(help: "The alert's name.", example: "labels.alertname") public var name: String?
    @Setting(help: "One line: what a person woken at night reads first.", example: "message") public var summary: String?
    @Setting(help: "More of it.") public var description: String?
    @Setting(help: "How bad it is.", example: "level") public var severity: String?
    @Setting(help: "Whether it is over: a word, a number, true or false.", example: "status") public var status: String?
    @Setting(help: "A time since when it is over, in ISO 8601.") public var endsAt: String?
    @Setting(help: "What is the same in every telling of one alert; not set: its name and its labels.", example: "id") public var key: String?
    @Setting(help: "A page about it.") public var link: String?
    @Setting(help: "Labels, by what they are called in Jack.", example: "{room: tags.room}") public var labels: [String: String] = [:]
    @Setting(help: "An object all of whose members become labels.") public var labelsFrom: String?
    @Setting(help: "An object all of whose members become annotations.") public var annotationsFrom: String?

    public init() {}

    var paths: [(key: String, text: String)] {
        let named = [
            ("each", each), ("name", name), ("summary", summary), ("description", description), ("severity", severity), ("status", status),
            ("ends_at", endsAt), ("key", key), ("link", link), ("labels_from", labelsFrom), ("annotations_from", annotationsFrom),
        ].compactMap { name, text in text.map { (name, $0) } }
        return named + labels.sorted { $0.key < $1.key }.map { ("labels.\($0.key)", $0.value) }
    }

    var isEmpty: Bool { paths.isEmpty }

    func check(_ report: inout ValidationReport) {
        for (key, text) in paths where SourcePath(text) == nil {
            report.error("map.\(key)", "“\(text.clipped)” is no path", remedy: "write keys joined by dots, such as monitor.name, or =a text")
        }
    }
}
