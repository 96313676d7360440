extension LabelMatcher {
    /// Reads one or more matchers: `severity="critical"`, `foo!~bar`, `{a="b",c=~"d"}`.
    ///
    /// Alertmanager's order: the present form, in which names and values may be any text; where that fails, the older one; and where both read the text
    /// but not alike, the older one.
    /// - Throws: where neither form can read it, with what the present one finds wrong.
    public static func parse(_ text: String) throws(MatcherFault) -> [LabelMatcher] {
        let classic = ClassicMatcherParser.matchers(text)
        do throws(MatcherFault) {
            var parser = try MatcherParser(text)
            let matchers = try parser.matchers()
            return classic ?? matchers
        } catch {
            if let classic { return classic }
            throw error
        }
    }

    /// Reads exactly one matcher, without braces.
    public static func parseOne(_ text: String) throws(MatcherFault) -> LabelMatcher {
        guard !text.hasPrefix("{"), !text.hasSuffix("}") else { throw MatcherFault(message: "one matcher stands without braces", column: 1) }
        let classic = ClassicMatcherParser.matcher(text)
        do throws(MatcherFault) {
            var parser = try MatcherParser(text)
            let matchers = try parser.matchers()
            guard matchers.count == 1 else { throw MatcherFault(message: "expected one matcher, found \(matchers.count)", column: 1) }
            return classic ?? matchers[0]
        } catch {
            if let classic { return classic }
            throw error
        }
    }

    /// Reads a label as `amtool` takes it: `severity=critical`.
    public static func parseLabel(_ text: String) throws(MatcherFault) -> (name: String, value: String) {
        let matcher = try parseOne(text)
        guard matcher.comparison == .equal else { throw MatcherFault(message: "a label is written name=value", column: 1) }
        return (matcher.name, matcher.value)
    }
}
