import Foundation
import PluginAPI
import Testing

@testable import OnCall

/// Jack's decisions before Alertmanager's own: generated trees and labels, the same in every run.
///
/// `JACK_ORACLE_TREES` sets how many trees are compared, 250 where it is not set; `JACK_ORACLE_SEED` begins another sequence.
@Suite(.enabled(if: Amtool.isInstalled, "amtool is not installed")) struct AmtoolOracleTests {
    private static func number(_ name: String, or usual: Int) -> Int { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? usual }

    @Test func everyDecisionAndEveryDrawingIsAmtools() async throws {
        let trees = Self.number("JACK_ORACLE_TREES", or: 250), seed = UInt64(Self.number("JACK_ORACLE_SEED", or: 20_261_121))
        let answers: [Comparison] = try await withFolder { folder in
            try await withThrowingTaskGroup(of: [Comparison].self) { group in
                for half in 0..<2 {
                    group.addTask {
                        var all: [Comparison] = []
                        for tree in stride(from: half, to: trees, by: 2) { all += try await Self.compare(seed &+ UInt64(tree), in: folder) }
                        return all
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
        }
        for answer in answers where answer.own != answer.amtool { Issue.record("\(answer)") }
        #expect(answers.count == trees * 4)
        // What decides nothing proves nothing.
        #expect(answers.count { $0.amtool.contains(",") } > trees / 4 && answers.count { $0.amtool.hasSuffix("\nr0\n") } < trees * 3)
        print("amtool and Jack were compared on \(answers.count) decisions of \(trees) trees")
    }

    struct Comparison: Sendable {
        var own: String
        var amtool: String
        var plan: String
        var labels: [String]
    }

    private static func compare(_ seed: UInt64, in folder: URL) async throws -> [Comparison] {
        var generator = TreeGenerator(seed: seed)
        let yaml = generator.plan(), plan = readPlan(yaml)
        let file = folder.appending(path: "\(seed).yml")
        try Data(yaml.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        var comparisons: [Comparison] = []
        for _ in 0..<4 {
            let arguments = generator.labels()
            let (status, output) = try await Amtool.run(["config", "routes", "test", "--config.file=\(file.path)", "--tree"] + arguments)
            var own = plan.said.joined(separator: "\n")
            if let routing = plan.routing {
                let labels = try Dictionary(arguments.map { try LabelMatcher.parseLabel($0) }.map { ($0.name, $0.value) }) { $1 }
                own = "Matching routes:\n\(routing.drawing(for: labels))\n\n\n\(routing.routes(for: labels).map(\.receiver).joined(separator: ","))\n"
            }
            comparisons.append(Comparison(own: own, amtool: status == 0 ? output : "status \(status)", plan: yaml, labels: arguments))
        }
        return comparisons
    }

    /// Many patterns in one plan, each a route of its own that goes on: the receivers are the patterns that fit.
    @Test func everyPatternMeansWhatItMeansThere() async throws {
        var random = SplitMix(5)
        var patterns = [
            "", "a", "a|b", ".*", ".+", "a.*", ".*b", ".*ab.*", "(?s).*", "(?s)a.b", "(?i)AB", "(?i)[^a]", "(?i)k", "(?i)\\W", "\\pL+", "\\p{Lu}+",
            "\\P{L}",
            "\\p{Greek}", "[[:alpha:]]+", "[[:^alpha:]]", "\\w+", "\\W", "\\d\\d", "\\s", "^a$", "a^b", "(?m)a$\n^b", "(?m)^a.*", "a\\b.*", "\\Ba",
            "\\Qa.b\\E", "[a-]",
            "[]a]", "[^]a]", "[\\d-x]", "a{2}", "a{,2}", "a{02}", "x{0}", "(a*)*", "(?:a|ab)(?:c|bcd)", "a)|(?:b", "\\x61", "\\141", "\\x{e9}", "é|x",
            "(?U)a+", "\\z", "\\A",
            "$", "^", "(|a)b", "a||b", "(?i:a)b", "a(?i)b", "[^\\n]+", "[^\\pL]", "(?i)ſ", "(?i)ß", "(?i)σ", "\\.", "[.]", "a?\\?", "(?P<x>a)", "a??",
            "(?:)",
        ]
        for _ in 0..<240 { patterns.append(LabelPatternTests.pattern(&random, depth: 2)) }
        var values = [
            "", "a", "b", "ab", "ba", "a\nb", "\n", "A", "AB", "k", "K", "\u{212A}", "ſ", "S", "s", "ß", "ẞ", "ς", "Σ", "σ", "é", "É", "e\u{301}",
            "🛎", "11", "x", " ", "\t", "\u{A0}", "a.b", "a{,2}", "a{02}", "-", "]", "aa", "abcd", "a?", "xb", "ax",
        ]
        for _ in 0..<20 {
            values.append(
                String((0..<Int.random(in: 1..<6, using: &random)).map { _ in random.pick(["a", "b", "c", "-", "é", "\n", "B"] as [Character]) }))
        }

        let routes = patterns.indices.map {
            "{\"match_re\": {\"v\": \(TreeGenerator.json(patterns[$0]))}, \"receiver\": \"p\($0)\", \"continue\": true}"
        }
        let receivers = (["r"] + patterns.indices.map { "p\($0)" }).map { "{\"name\": \"\($0)\"}" }
        let yaml =
            "{\"route\": {\"receiver\": \"r\", \"routes\": [\n\(routes.joined(separator: ",\n"))\n]},\n\"receivers\": [\n\(receivers.joined(separator: ",\n"))]}"
        let plan = readPlan(yaml), routing = try #require(plan.routing, "\(plan.said)")
        try await withFolder { folder in
            let file = folder.appending(path: "patterns.yml")
            try Data(yaml.utf8).write(to: file)
            for value in values {
                let (status, output) = try await Amtool.run([
                    "config", "routes", "test", "--config.file=\(file.path)", TreeGenerator.label("v", value),
                ])
                let theirs = Set(output.trimmingCharacters(in: .newlines).split(separator: ",").map(String.init)),
                    own = Set(routing.routes(for: ["v": value]).map(\.receiver))
                #expect(status == 0)
                let wrong = theirs.symmetricDifference(own).compactMap { Int($0.dropFirst()) }.map { patterns[$0] }
                #expect(wrong.isEmpty && (theirs == own), "\(value.debugDescription): \(wrong)")
            }
        }
    }

    /// What Jack refuses, or takes, of a pattern or a matcher, amtool does too.
    @Test func whatIsRefusedIsRefusedThere() async throws {
        let matchers = [
            "a=b", "a", "=b", "{a=b", "a=b}", "{a=b}}", "a=\"b", "a=b\"c", "a=~[", "a=b,,c=d", "a=b,", ",a=b", "a = \"b\" ", "a!b",
            "a=~\"\\d\"", "a=\"\\\"\"", "a==b", "a=~~b",
            "a=b c", "a:b=c",
        ]
        let cases =
            LabelPatternTests.refused.map { "{\"match_re\": {\"v\": \(TreeGenerator.json($0))}}" }
            + matchers.map { "{\"matchers\": [\(TreeGenerator.json($0))]}" }
        try await withFolder { folder in
            let file = folder.appending(path: "one.yml")
            for route in cases {
                let yaml = "{\"route\": {\"receiver\": \"r\", \"routes\": [\(route)]}, \"receivers\": [{\"name\": \"r\"}]}"
                try Data(yaml.utf8).write(to: file)
                let status = try await Amtool.run(["check-config", file.path]).status
                #expect((readPlan(yaml).routing == nil) == (status != 0), "\(route)")
            }
        }
    }
}

/// Makes plans that use every form of the tree, and labels that they may be about.
struct TreeGenerator {
    private var random: SplitMix
    private var receivers = 0

    init(seed: UInt64) { random = SplitMix(seed) }

    private static let names = ["a", "b", "severity", "team"]
    private static let values = ["", "x", "y", "xy", "x-1", "critical", "warning", "é", "x\ny", "say \"x\"", "x\\y", "x y", "x,y", "{x}"]
    private static let patterns = [
        "x|y", "crit.*", ".*", ".+", "", "x?", "[xy]+", "(?i)CRITICAL", "x.y", "(?s)x.y", "^x$", "x.*|y", "[^x]", "\\w+", "x-\\d", ".*y", ".*ri.*",
        "(x|y)(-1)?", "\\bx\\b.*", "é|x",
        "\\pL+", "x\\\\y", ".*\".*", "warning|critical|info", "(?:x|xy)", "\\{x\\}",
    ]

    mutating func plan() -> String {
        let root = route(depth: 0)
        let names = (0...9).map { "{\"name\": \"r\($0)\"}" }.joined(separator: ", ")
        let intervals = "{\"name\": \"t\", \"time_intervals\": [{\"weekdays\": [\"monday:friday\"]}]}"
        return "{\"route\": \(root),\n\"receivers\": [\(names)],\n\"time_intervals\": [\(intervals)]}\n"
    }

    private mutating func route(depth: Int) -> String {
        var keys: [String] = []
        if depth == 0 {
            keys.append("\"receiver\": \"r0\"")
        } else if random.chance(75) {
            keys.append("\"receiver\": \"r\(Int.random(in: 0...9, using: &random))\"")
        }
        if depth > 0 {
            if random.chance(60) {
                keys.append("\"matchers\": [\((0..<Int.random(in: 0...3, using: &random)).map { _ in matchers() }.joined(separator: ", "))]")
            }
            if random.chance(30) { keys.append("\"match\": {\(Self.json(random.pick(Self.names))): \(Self.json(random.pick(Self.values)))}") }
            if random.chance(25) { keys.append("\"match_re\": {\(Self.json(random.pick(Self.names))): \(Self.json(random.pick(Self.patterns)))}") }
            if random.chance(45) { keys.append("\"continue\": true") }
            if random.chance(15) { keys.append("\"mute_time_intervals\": [\"t\"]") }
        }
        if random.chance(15) { keys.append("\"group_by\": [\"...\"]") }
        if random.chance(15) { keys.append("\"group_wait\": \"1m30s\"") }
        let count = depth >= 4 ? 0 : Int.random(in: 0...(depth == 0 ? 7 : 3), using: &random)
        if count > 0 { keys.append("\"routes\": [\n\((0..<count).map { _ in route(depth: depth + 1) }.joined(separator: ",\n"))]") }
        return "{\(keys.joined(separator: ", "))}"
    }

    /// One text of `matchers`, in one of its many spellings.
    private mutating func matchers() -> String {
        var texts: [String] = []
        for _ in 0..<(random.chance(20) ? 2 : 1) {
            let comparison = random.pick(LabelMatcher.Operator.allCases)
            let value = random.pick(comparison.takesPattern ? Self.patterns : Self.values)
            let isBare = !value.contains(where: { "\"\\{},\n".contains($0) }) && random.chance(40)
            let keepsBackslash = !value.hasSuffix("\\") && !value.contains("\\\\") && !value.contains("\\y") && random.chance(50)
            let escaped = (keepsBackslash ? value : value.replacing("\\", with: "\\\\")).replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            let space = random.chance(20) ? " " : ""
            texts.append("\(random.pick(Self.names))\(space)\(comparison.rawValue)\(space)\(isBare ? value : "\"\(escaped)\"")")
        }
        let text = texts.joined(separator: random.chance(50) ? "," : ", ")
        return Self.json(random.chance(20) ? "{\(text)}" : text)
    }

    /// Labels as arguments of a command.
    mutating func labels() -> [String] {
        Self.names.compactMap { name in random.chance(75) ? Self.label(name, random.pick(Self.values)) : nil }
    }

    static func label(_ name: String, _ value: String) -> String { "\(name)=\"\(MatcherText.escaped(value))\"" }

    static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            let isPlain = scalar.value >= 0x20 && scalar.value != 0x7F && scalar.value != 0x22 && scalar.value != 0x5C
            result += isPlain ? String(scalar) : "\\x" + String(format: "%02x", scalar.value)
        }
        return result + "\""
    }
}
