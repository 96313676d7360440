import PluginAPI

/// Reads a plan in Alertmanager's format: `alertmanager.yml` as it stands, or the same sections of a document that holds more.
///
/// All mistakes are found in one run, each with its place and what to do. Receivers are not read beyond their names: see ``Routing/receivers``.
///
/// https://prometheus.io/docs/alerting/latest/configuration/
public struct RoutingReader {
    /// The keys at the top of Alertmanager's format.
    public static let keys = [
        "global", "route", "inhibit_rules", "receivers", "templates", "mute_time_intervals", "time_intervals", "tracing", "event_recorder",
    ]

    /// Which other keys at the document's top are somebody else's.
    public var isOther: (String) -> Bool
    /// Receivers that routes may name although no entry of `receivers` does, such as teams and policies of the same document.
    public var otherReceivers: [String]

    public init(otherReceivers: [String] = [], isOther: @escaping (String) -> Bool = { _ in false }) {
        self.otherReceivers = otherReceivers
        self.isOther = isOther
    }

    /// The routing; nil where there is an error.
    /// - Parameter root: the document, with what it interpolates already in its place.
    public func read(_ root: ConfigNode, _ diagnostics: inout Diagnostics) -> Routing? {
        var found = Diagnostics()
        defer { diagnostics.add(contentsOf: found) }
        let document = root.isNull ? ConfigNode(.mapping([]), mark: root.mark) : root
        guard let fields = Fields(document, "a routing plan", known: Self.keys, isOther: isOther, &found) else { return nil }
        let resolveTimeout = readGlobal(fields, &found)
        for key in ["tracing", "event_recorder"] where fields[key] != nil {
            found.add(Diagnostic(.note, .invalidValue, "\(key) means nothing to Jack", remedy: "you may leave it", at: fields.mark(of: key)))
        }
        let templates = fields.texts("templates", &found)?.map(\.text) ?? []
        if !templates.isEmpty {
            found.add(
                Diagnostic(
                    .note, .invalidValue, "Jack writes its own texts and reads no templates", remedy: "you may leave it",
                    at: fields.mark(of: "templates")))
        }
        let receivers = readReceivers(fields, &found)
        var intervals = IntervalReader()
        intervals.read("mute_time_intervals", fields, &found)
        intervals.read("time_intervals", fields, &found)
        let rules = readRules(fields, &found)

        var routes = RouteReader(receivers: Set(receivers.map(\.name) + otherReceivers), intervals: intervals.intervals)
        if let route = fields["route"] {
            routes.read(route, &found)
        } else {
            found.error(
                .missing, "there is no route", remedy: "add route: with the receiver of all alerts that no other route takes",
                at: fields.mark(of: "route"))
        }
        for receiver in receivers where !routes.used.contains(receiver.name) && fields["route"] != nil {
            found.warning(
                .unknownReference, "no route leads to the receiver “\(receiver.name)”", remedy: "name it in a route, or remove it", at: receiver.mark)
        }
        guard !found.hasErrors else { return nil }
        return Routing(
            receivers: receivers, intervals: intervals.intervals, inhibitRules: rules,
            resolveTimeout: resolveTimeout ?? Routing.defaultResolveTimeout,
            global: fields["global"], templates: templates, tree: routes.tree, table: routes.table)
    }

    // MARK: Sections

    private func readGlobal(_ root: Fields, _ diagnostics: inout Diagnostics) -> Duration? {
        guard let node = root["global"], let fields = Fields(node, "global", known: Self.globalKeys, &diagnostics) else { return nil }
        return fields.duration("resolve_timeout", &diagnostics)
    }

    private static let globalKeys = [
        "resolve_timeout", "http_config", "jira_api_url", "smtp_from", "smtp_hello", "smtp_smarthost", "smtp_auth_username", "smtp_auth_password",
        "smtp_auth_password_file", "smtp_auth_secret", "smtp_auth_secret_file", "smtp_auth_identity", "smtp_require_tls", "smtp_tls_config",
        "smtp_force_implicit_tls", "slack_api_url", "slack_api_url_file", "slack_app_token", "slack_app_token_file", "slack_app_url", "pagerduty_url",
        "opsgenie_api_url", "opsgenie_api_key", "opsgenie_api_key_file", "wechat_api_url", "wechat_api_secret", "wechat_api_secret_file",
        "wechat_api_corp_id", "victorops_api_url", "victorops_api_key", "victorops_api_key_file", "telegram_api_url", "telegram_bot_token",
        "telegram_bot_token_file", "webex_api_url", "rocketchat_api_url", "rocketchat_token", "rocketchat_token_file", "rocketchat_token_id",
        "rocketchat_token_id_file", "mattermost_webhook_url", "mattermost_webhook_url_file",
    ]

    private func readReceivers(_ root: Fields, _ diagnostics: inout Diagnostics) -> [ReceiverDefinition] {
        var receivers: [ReceiverDefinition] = []
        for node in root.list("receivers", &diagnostics) ?? [] {
            guard node.entries != nil else {
                diagnostics.error(
                    .wrongType, "expected a receiver, found \(node.kindDescription)", remedy: "write - name: and under it how it is reached",
                    at: node.mark)
                continue
            }
            guard let name = node["name"], let text = Fields.text(name, &diagnostics), !text.isEmpty else {
                diagnostics.error(.missing, "a receiver has no name", remedy: "add name:, by which routes call it", at: node.mark)
                continue
            }
            if let first = receivers.first(where: { $0.name == text }) {
                diagnostics.error(
                    .duplicateKey, "there is another receiver “\(text)”, at \(first.mark)",
                    remedy: "give one of them another name, or make one of the two",
                    at: name.mark)
                continue
            }
            receivers.append(ReceiverDefinition(name: text, node: node, mark: name.mark))
        }
        return receivers
    }

    private func readRules(_ root: Fields, _ diagnostics: inout Diagnostics) -> [InhibitRule] {
        (root.list("inhibit_rules", &diagnostics) ?? []).compactMap { node in
            let known = ["name", "equal"] + MatcherReader.source.keys + MatcherReader.target.keys
            guard let fields = Fields(node, "an inhibit rule", known: known, &diagnostics) else { return nil }
            let source = MatcherReader.source.read(fields, &diagnostics), target = MatcherReader.target.read(fields, &diagnostics)
            for (side, matchers, keys) in [("source", source, MatcherReader.source.keys), ("target", target, MatcherReader.target.keys)]
            where matchers.isEmpty && keys.allSatisfy({ fields[$0] == nil }) {
                diagnostics.warning(
                    .missing, "this rule has no \(side)_matchers, so every alert is its \(side)", remedy: "add \(side)_matchers:", at: node.mark)
            }
            var equal: [String] = []
            for (name, mark) in fields.texts("equal", &diagnostics) ?? [] {
                if name.isEmpty {
                    diagnostics.error(.invalidValue, "a label's name is empty", remedy: "write it, or remove it from the list", at: mark)
                } else if !equal.contains(name) {
                    equal.append(name)
                }
            }
            return InhibitRule(name: fields.text("name", &diagnostics) ?? "", source: source, target: target, equal: equal, mark: node.mark)
        }
    }
}
