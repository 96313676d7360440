import PluginAPI

/// A contact as a plan writes it, with the alert instances that may carry it.
struct PlannedContact: Sendable, Hashable {
    /// What rules call it: its `name`, or else its type.
    var key: String
    /// The ways, the first of which is used; the others where it fails.
    var ways: [Contact]
    var mark: SourceMark
}

/// Knows which alert instance carries which kind of contact, and reads contacts.
struct ContactBook: Sendable {
    /// The instances of the configuration, in its order.
    var sinks: [SinkDescription]
    /// What Jack has beside them: each plugin by its id, whether it is configured or not.
    var plugins: [SinkDescription]

    private func forms(_ use: ContactForm.Use, _ sinks: [SinkDescription]) -> [(sink: SinkDescription, form: ContactForm)] {
        sinks.compactMap { sink in sink.contacts.first { $0.use == use }.map { (sink, $0) } }
    }

    private var types: [String] {
        Set((sinks + plugins).flatMap(\.contacts).compactMap { if case .contact(let type) = $0.use { type } else { nil } }).sorted()
    }

    /// The keys of an Alertmanager's receivers that some plugin knows.
    var receiverKeys: [String] {
        Set((sinks + plugins).flatMap(\.contacts).compactMap { if case .receiver(let key) = $0.use { key } else { nil } }).sorted()
    }

    func sink(_ instance: String) -> SinkDescription? { sinks.first { $0.instance == instance } }

    // MARK: Contacts

    /// Reads `{type: phone, number: …}`.
    /// - Parameter owner: whose it is, in words; nil for nobody's.
    func contact(_ node: ConfigNode, of owner: String?, _ diagnostics: inout Diagnostics) -> PlannedContact? {
        guard let entries = node.entries else {
            diagnostics.error(
                .wrongType, "expected a contact, found \(node.kindDescription)", remedy: "write for example {type: phone, number: \"+351210000000\"}",
                at: node.mark)
            return nil
        }
        guard let typeNode = node["type"], let type = typeNode.text, !typeNode.isNull else {
            diagnostics.error(.missing, "the contact has no type", remedy: "add type: one of \(types.joined(separator: ", "))", at: node.mark)
            return nil
        }
        let use = ContactForm.Use.contact(type: type)
        let configured = forms(use, sinks), known = configured.isEmpty ? forms(use, plugins) : configured
        guard let form = known.first?.form else {
            diagnostics.error(
                .unknownReference, "there is no kind of contact “\(type.clipped)”",
                remedy: Suggestion.mend(for: type, among: types) ?? "no alert plugin carries it: see jack plugins list",
                at: typeNode.mark)
            return nil
        }
        let keys = Set(known.flatMap(\.form.recipientKeys)), allowed = ["type", "name", "through"] + keys.sorted()
        for entry in entries where !allowed.contains(entry.key) {
            diagnostics.error(
                .unknownKey, "unknown key “\(entry.key.clipped)”", remedy: Suggestion.mend(for: entry.key, among: allowed), at: entry.keyMark)
        }
        let name = node["name"]?.text ?? type
        guard let (key, written) = form.recipientKeys.lazy.compactMap({ key in node[key].map { (key, $0) } }).first else {
            guard form.recipientKeys.isEmpty else {
                diagnostics.error(
                    .missing, "the contact of type “\(type.clipped)” has no \(form.recipientKeys.joined(separator: " or "))",
                    remedy: "add \(form.recipientKeys[0]):", at: node.mark)
                return nil
            }
            return planned(name, ways(configured, nil, nil, owner, node, &diagnostics), node.mark)
        }
        guard let recipient = Self.recipient(written, form.shape, &diagnostics) else { return nil }
        if configured.isEmpty {
            diagnostics.warning(
                .unknownReference, "no alert instance carries contacts of type “\(type.clipped)”: this one is not used",
                remedy: remedy(known.map(\.sink)), at: typeNode.mark)
        }
        let able = Self.able(configured, key)
        if able.isEmpty, let (sink, setting) = Self.lack(configured, key) {
            diagnostics.error(
                .missing, "the alert instance “\(sink.instance)” writes to a \(key) only with \(setting), which it does not have",
                remedy: "set \(setting) under alerts: \(sink.instance): in jack.yaml", at: written.mark)
        }
        return planned(name, ways(able, recipient, form, owner, node, &diagnostics), node.mark)
    }

    private typealias Configured = (sink: SinkDescription, form: ContactForm)

    /// Those that can write to a recipient under a key, as they are set up.
    private static func able(_ configured: [Configured], _ key: String) -> [Configured] {
        configured.filter { sink, form in form.needs[key].map(sink.settings.contains) ?? true }
    }

    /// The first that cannot, and what it lacks.
    private static func lack(_ configured: [Configured], _ key: String) -> (SinkDescription, setting: String)? {
        configured.lazy.compactMap { sink, form in form.needs[key].map { (sink, $0) } }.first { !$0.0.settings.contains($0.1) }
    }

    private func remedy(_ plugins: [SinkDescription]) -> String {
        let names = plugins.map { $0.instance == $0.plugin ? "\($0.plugin):" : "an instance with plugin: \($0.plugin)" }
        return "add \(names.joined(separator: " or ")) under alerts: in jack.yaml, with its settings"
    }

    private func planned(_ key: String, _ ways: [Contact], _ mark: SourceMark) -> PlannedContact { PlannedContact(key: key, ways: ways, mark: mark) }

    private func ways(
        _ configured: [(sink: SinkDescription, form: ContactForm)], _ recipient: String?, _ form: ContactForm?, _ owner: String?, _ node: ConfigNode,
        _ diagnostics: inout Diagnostics
    ) -> [Contact] {
        var instances = configured.map(\.sink.instance)
        if let through = node["through"], let wanted = through.text {
            if instances.contains(wanted) {
                instances = [wanted] + instances.filter { $0 != wanted }
            } else {
                diagnostics.error(
                    .unknownReference, "there is no alert instance “\(wanted.clipped)” that carries this kind of contact",
                    remedy: Suggestion.mend(for: wanted, among: instances), at: through.mark)
            }
        }
        let type = node["type"]?.text ?? ""
        let what = owner.map { "\(type) of \($0)" } ?? Self.label(type, recipient, form)
        return instances.map { Contact(instance: $0, recipient: recipient, label: what, bundlesNews: sink($0)?.writesMessages ?? false) }
    }

    // MARK: Alertmanager's receivers

    /// Reads one list of an Alertmanager's receiver, such as the one under `webhook_configs`.
    func contacts(_ entry: ConfigNode.Entry, _ diagnostics: inout Diagnostics) -> [PlannedContact] {
        let use = ContactForm.Use.receiver(key: entry.key), configured = forms(use, sinks)
        guard let form = configured.first?.form else {
            let known = forms(use, plugins).map(\.sink)
            if known.isEmpty {
                diagnostics.warning(
                    .unknownReference, "Jack has no alert plugin for “\(entry.key.clipped)”: nobody is told by it",
                    remedy: "name contacts of Jack's own under notify:, or give the receiver another kind", at: entry.keyMark)
            } else {
                diagnostics.warning(
                    .unknownReference,
                    "“\(entry.key.clipped)” is the plugin \(known.map(\.plugin).joined(separator: ", "))'s, and no instance of it is configured",
                    remedy: remedy(known), at: entry.keyMark)
            }
            return []
        }
        guard let elements = entry.value.isNull ? [] : entry.value.elements else {
            diagnostics.error(
                .wrongType, "expected a list, found \(entry.value.kindDescription): nobody would be told",
                remedy: "write - before the first key of what stands under \(entry.key.clipped)", at: entry.value.mark)
            return []
        }
        let label = entry.key.hasSuffix("_configs") ? String(entry.key.dropLast(8)) : entry.key
        return elements.flatMap { node -> [PlannedContact] in
            guard let entries = node.entries else {
                diagnostics.error(
                    .wrongType, "expected whom to tell, found \(node.kindDescription)",
                    remedy: form.recipientKeys.first.map { "write - \($0): …" }, at: node.mark)
                return []
            }
            let hearsEnds = hearsEnds(node, &diagnostics)
            if let connection = entries.first(where: { $0.key == "http_config" && !($0.value.entries ?? []).isEmpty }) {
                diagnostics.warning(
                    .invalidValue, "http_config means nothing to Jack: what is told here goes out without it",
                    remedy: "set what the receiver asks for on the alert instance \(configured[0].sink.instance) in jack.yaml", at: connection.keyMark
                )
            }
            let given = form.recipientKeys.lazy.compactMap { key in node[key].map { (key, $0) } }
            guard let (key, written) = given.first(where: { !$1.isNull && !form.placeholders.contains($1.text ?? "") }) else {
                // The instance may know whom to tell; whoever wrote a name that is nearly the recipient's meant somebody else.
                for entry in entries {
                    if let key = form.recipientKeys.first(where: { "\($0)_file" == entry.key }) {
                        diagnostics.error(
                            .invalidValue, "whom \(entry.key) means cannot be told: it must be a path without ${…}",
                            remedy: "write \(key): ${file:/path}", at: entry.value.mark)
                    }
                    guard let meant = Suggestion.nearest(to: entry.key, among: form.recipientKeys) else { continue }
                    diagnostics.error(
                        .unknownKey, "unknown key “\(entry.key.clipped)”, and no \(form.recipientKeys.joined(separator: " or "))",
                        remedy: "did you mean “\(meant)”?", at: entry.keyMark)
                }
                return [
                    PlannedContact(key: label, ways: configured.map { Self.way($0.sink, $0.form, nil, label, hearsEnds: hearsEnds) }, mark: node.mark)
                ]
            }
            let able = Self.able(configured, key)
            if able.isEmpty, let (sink, setting) = Self.lack(configured, key) {
                diagnostics.warning(
                    .missing,
                    "nobody is told by this: the alert instance “\(sink.instance)” writes to a \(key) only with \(setting), which it does not have",
                    remedy: "set \(setting) under alerts: \(sink.instance): in jack.yaml", at: written.mark)
                return []
            }
            // Mail goes to several people at once: `a@example.com, b@example.com`.
            let texts =
                form.shape == .emailAddress ? (written.text ?? "").split(separator: ",").map { $0.filter { $0 != " " } } : [written.text ?? ""]
            return texts.compactMap { text in
                let node = ConfigNode(.scalar(text, plain: false), mark: written.mark)
                // A template is the vendor's business, and is not checked here.
                let recipient = text.contains("{{") ? text : Self.recipient(node, form.shape, &diagnostics)
                return recipient.map { recipient in
                    let shown = Self.label(label, recipient, form)
                    return PlannedContact(
                        key: label, ways: able.map { Self.way($0.sink, $0.form, recipient, shown, hearsEnds: hearsEnds) }, mark: node.mark)
                }
            }
        }
    }

    /// What `send_resolved` says. Where it is not written everybody who is told hears the end.
    private func hearsEnds(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Bool {
        guard let written = node["send_resolved"], !written.isNull else { return true }
        return Bool.decode(written, &diagnostics) ?? true
    }

    /// The keys whose value may stand elsewhere, by the lists in which they stand: in a file of its own, as Alertmanager has it (`url_file`), or in
    /// `global`, under the key that is given with it.
    var recipientKeys: [String: [(key: String, global: String?)]] {
        var keys: [String: [(key: String, global: String?)]] = [:]
        for form in sinks.flatMap(\.contacts) {
            guard case .receiver(let list) = form.use else { continue }
            keys[list, default: []] += form.recipientKeys.map { ($0, form.inherits[$0]) }
        }
        return keys
    }

    private static func way(_ sink: SinkDescription, _ form: ContactForm, _ recipient: String?, _ label: String, hearsEnds: Bool) -> Contact {
        Contact(
            instance: sink.instance, recipient: recipient, label: label, isProgram: form.isProgram,
            bundlesNews: sink.writesMessages && !form.isProgram, hearsEnds: hearsEnds)
    }

    // MARK: Recipients

    /// What people may see of a contact that is nobody's.
    private static func label(_ type: String, _ recipient: String?, _ form: ContactForm?) -> String {
        guard let recipient, let form, !form.isSecret else { return type }
        switch form.shape {
        case .phoneNumber: return "\(type) …\(recipient.suffix(3))"
        case .url:
            // What follows the host may be a key.
            let host = recipient.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first ?? ""
            return "\(type) \(host.split(separator: "@").last ?? "")"
        case .emailAddress, .text: return "\(type) \(recipient.prefix(60))"
        }
    }

    /// A recipient in the form that sinks take; on a mistake a diagnostic that does not repeat what may be a key.
    static func recipient(_ node: ConfigNode, _ shape: ContactForm.Shape, _ diagnostics: inout Diagnostics) -> String? {
        guard let text = node.text, !node.isNull, !text.isEmpty else {
            diagnostics.error(.missing, "the recipient is empty", remedy: "write it here, or set the variable that stands for it", at: node.mark)
            return nil
        }
        switch shape {
        case .text: return text
        case .url:
            if SettingConstraint<String>.url.problem(text) == nil { return text }
            diagnostics.error(.invalidValue, "this is not an http or https URL", remedy: "write for example https://example.com/hook", at: node.mark)
        case .emailAddress:
            let parts = text.split(separator: "@", omittingEmptySubsequences: false)
            let isSound = parts.count == 2 && parts.allSatisfy { !$0.isEmpty && !$0.contains(where: \.isWhitespace) } && text.count <= 254
            if isSound { return text }
            diagnostics.error(
                .invalidValue, "“\(text.prefix(60))” is not an e-mail address", remedy: "write for example ana@example.com", at: node.mark)
        case .phoneNumber:
            let digits = text.filter { !" -().".contains($0) }
            let number = digits.dropFirst()
            if digits.first == "+", (8...15).contains(number.count), number.allSatisfy({ $0.isASCII && $0.isNumber }), number.first != "0" {
                return digits
            }
            let remedy = digits.first == "+" ? "write + and 8 to 15 digits" : "write it with + and the country's code, such as \"+351210000000\""
            diagnostics.error(.invalidValue, "“\(text.prefix(40))” is no phone number", remedy: remedy, at: node.mark)
        }
        return nil
    }
}
