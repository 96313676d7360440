import PluginAPI

/// What a page says in a message. Jack's own words keep to GSM's alphabet, so that a text needs few segments.
struct PageText: Sendable {
    enum Event: Sendable { case page, update, resolve }

    /// A summary's longest part that is written.
    private static let longest = 600

    let headline: String
    let text: String
    private let page: AlertPage

    /// - Throws: ``PluginFailure`` permanent where the page holds no alert.
    init(_ page: AlertPage, _ event: Event) throws {
        // The worst one speaks for the others.
        guard let worst = page.alerts.max(by: { $0.severity < $1.severity }) else {
            throw PluginFailure.permanent(.invalidRequest, "the page holds no alert: there is nothing to write")
        }
        self.page = page
        let more = page.alerts.count > 1 ? " (and \(page.alerts.count - 1) more)" : ""
        headline = TextSplitter.shortened(Self.line(worst.summary), limit: Self.longest) + more
        var lines: [String] = []
        switch event {
        case .page: lines.append("[\(page.severity.rawValue.uppercased())] \(headline)")
        case .update: lines.append("[UPDATE] \(headline)")
        case .resolve: lines.append("[RESOLVED] \(headline)")
        }
        if let note = page.note { lines.append(Self.line(note)) }
        if page.mayRepeat { lines.append("You may have had this message before.") }
        if let url = page.url { lines.append(url) }
        if let code = page.code, event != .resolve {
            lines.append("Answer ACK \(code) to take it, ESCALATE \(code) to pass it on, RESOLVE \(code) when it is done.")
        }
        text = lines.joined(separator: "\n")
    }

    /// What stands in a place of a template; a place is never empty.
    func part(_ part: TemplatePart) -> String {
        switch part {
        case .severity: page.severity.rawValue
        case .summary: headline
        case .code: page.code ?? "-"
        case .url: page.url ?? "-"
        }
    }

    /// On one line: what a guest wrote must not look like a line of Jack's.
    private static func line(_ text: String) -> String { text.split(whereSeparator: \.isNewline).joined(separator: " ") }
}
