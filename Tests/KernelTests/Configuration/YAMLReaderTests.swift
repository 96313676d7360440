import Foundation
import Kernel
import PluginAPI
import Testing

struct YAMLReaderTests {
    private func read(_ bytes: [UInt8], _ limits: YAMLLimits = YAMLLimits()) -> (node: ConfigNode?, said: [String]) {
        var diagnostics = Diagnostics()
        let node = YAMLReader(limits: limits).read(bytes, file: "f", &diagnostics)
        return (node, diagnostics.sorted.map(\.description))
    }
    private func read(_ yaml: String, _ limits: YAMLLimits = YAMLLimits()) -> (node: ConfigNode?, said: [String]) { read(Array(yaml.utf8), limits) }

    @Test func marksCountCharactersFromOne() throws {
        let (node, said) = read("é: [ü, 'ß']\nb:\n  c: |\n    text\n")
        #expect(said == [])
        let root = try #require(node)
        #expect(root.mark == SourceMark(file: "f", line: 1, column: 1))
        #expect(root["é"]?.elements?[1] == ConfigNode(.scalar("ß", plain: false), mark: SourceMark(file: "f", line: 1, column: 8)))
        #expect(root["b"]?["c"]?.text == "text\n")
        #expect(root.entries?[1].keyMark == SourceMark(file: "f", line: 2, column: 1))
        #expect(root["b"]?.entries?[0].keyMark == SourceMark(file: "f", line: 3, column: 3))
    }

    @Test(arguments: ["", "# only a comment\n", "---\n", "---\n...\n"]) func nothingIsNull(yaml: String) {
        let (node, said) = read(yaml)
        #expect(node?.isNull == true && said == [])
    }

    @Test func aByteOrderMarkAndWindowsLinesAreRead() {
        let (node, said) = read([0xEF, 0xBB, 0xBF] + Array("a: 1\r\nb: 2\r\n".utf8))
        #expect(said == [] && node?["a"]?.text == "1" && node?["b"]?.text == "2")
    }

    @Test func textMayHoldANul() { #expect(read("a: \"x\\0y\"").node?["a"]?.text == "x\0y") }

    @Test(arguments: [
        ("a:\n\tb: 1\n", "f:2:1: error: YAML does not allow tabs for indentation; use spaces"),
        ("a:\n  b: 1\n  \tc: 2\n", "f:3:3: error: YAML does not allow tabs for indentation; use spaces"),
        ("é: ü\na:\n  - b\n\t- c\n", "f:4:1: error: YAML does not allow tabs for indentation; use spaces"),
        ("a: \"b\nc: d\n", "f:1:4: error: a quoted text is not closed; add the closing quote"),
        (
            "a: b: c\n",
            "f:1:5: error: a “:” stands where none is allowed; put the text in quotes if it holds a colon, or check the indentation of the line above"
        ),
        ("a: [1, 2\nb: 3\n", "f:1:4: error: a [ is not closed; add the ] or the missing comma"),
        ("a: {b: ${X}, c: d}\n", "f:1:9: error: the braces of ${…} are taken for a mapping's; within { } and [ ] put it in quotes: \"${NAME}\""),
        ("a: {b: 1\n", "f:1:4: error: a { is not closed; add the } or the missing comma"),
        (
            "a: 1\n   b: 2\n",
            "f:2:5: error: a “:” stands where none is allowed; put the text in quotes if it holds a colon, or check the indentation of the line above"
        ),
        ("a:\n  b: 1\n c: 2\n", "f:3:2: error: this line does not fit the lines above; check its indentation, and that quotes are closed"),
        ("a: 1\nb\nc: 2\n", "f:2:1: error: this is not “key: value”; put a space after the colon, and check the indentation"),
        ("a: @x\n", "f:1:4: error: this character cannot begin a value; put the text in quotes"),
        ("a: \"\\q\"\n", "f:1:5: error: an unknown escape in double quotes; use single quotes, or write \\\\ for a backslash"),
        ("a: \u{1}\n", "f:1:4: error: a control character stands here; remove it, or write it as an escape in double quotes"),
        ("a: 1\n---\nb: 2\n", "f:2:1: error: a second document begins here; a file holds one; remove the “---”"),
        ("a: *x\n", "f:1:4: error: the alias *x has no anchor; write &x at a value above it"),
        ("a: &x [*x]\n", "f:1:8: error: the alias *x stands within its own anchor; remove it"),
    ])
    func whatCannotBeReadIsSaidPlainly(yaml: String, line: String) {
        let (node, said) = read(yaml)
        #expect(node == nil)
        #expect(said == [line])
    }

    @Test(arguments: [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: error: “a” is written twice; the first is on line 1; keep one of them"),
        ("a: !env X\n", "f:1:4: error: the tag “!env” is not supported; remove it: a value's type is its setting's"),
        ("a: !!str 5\n", "f:1:4: error: the tag “tag:yaml.org,2002:str” is not supported; remove it: a value's type is its setting's"),
        ("[a]: 1\n", "f:1:1: error: a key must be a text, and this is a list"),
        ("? {a: b}\n: 1\n", "f:1:3: error: a key must be a text, and this is a mapping"),
        ("a: {<<: 5}\n", "f:1:9: error: “<<” merges mappings, and this is “5”; name an anchor: <<: *name"),
    ])
    func whatIsRefusedLeavesTheRestReadable(yaml: String, line: String) {
        let (node, said) = read(yaml + "z: 26\n")
        #expect(said == [line])
        #expect(node?["z"]?.text == "26")
    }

    @Test func invalidUTF8HasAPlace() {
        let (node, said) = read(Array("a: ü\nb: x".utf8) + [0xF4, 0x28] + Array("y\n".utf8))
        #expect(node == nil)
        #expect(said == ["f:2:5: error: this is not valid UTF-8; save the file as UTF-8"])
        #expect(read([0xFF, 0xFE, 0x61, 0x00]).said == ["f:1:1: error: this is not valid UTF-8; save the file as UTF-8"])
    }

    @Test func aliasesAndMergeKeysWork() throws {
        let (node, said) = read(
            """
            base: &base {x: 1, y: 2}
            more: &more {y: 3, z: 4}
            a: {<<: *base, y: 9}
            b: {<<: [*base, *more]}
            c: *base
            "<<": text
            """)
        #expect(said == [])
        let root = try #require(node)
        func pairs(_ key: String) -> [String: String] {
            Dictionary((root[key]?.entries ?? []).map { ($0.key, $0.value.text ?? "") }) { first, _ in first }
        }
        #expect(pairs("a") == ["x": "1", "y": "9"] && pairs("b") == ["x": "1", "y": "2", "z": "4"] && pairs("c") == ["x": "1", "y": "2"])
        // A merged value keeps the place where it is written.
        #expect(root["a"]?["x"]?.mark == SourceMark(file: "f", line: 1, column: 17))
        #expect(root["<<"]?.text == "text")
    }

    @Test func anAnchorBombIsRefusedBeforeItGrows() {
        let names = (0..<30).map { "a\($0)" }
        var yaml = "a0: &a0 [x, x]\n"
        for (last, name) in zip(names, names.dropFirst()) { yaml += "\(name): &\(name) [*\(last), *\(last)]\n" }
        let (node, said) = read(yaml)
        #expect(node == nil)
        #expect(said.count == 1 && said[0].hasPrefix("f:14:") && said[0].contains("grows beyond 50000 values"))
        // The same within a merge.
        #expect(
            read("a: &a {x: [1, 2, 3, 4, 5]}\nb: {<<: [*a, *a, *a]}", YAMLLimits(nodes: 20)).said.first?.contains("grows beyond 20 values") == true)
    }

    @Test func limitsOfSizeDepthAndNumber() {
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        #expect(read(deep).said == ["f:1:65: error: values stand more than 64 deep in one another here; nest less"])
        #expect(read(String(deep.dropFirst().dropLast())).said == [])
        #expect(
            read("a: &a [[[1]]]\nb: [[*a]]", YAMLLimits(depth: 6)).said == [
                "f:2:6: error: values stand more than 6 deep in one another here; nest less"
            ])
        #expect(read(String(repeating: "- a\n", count: 60_000)).said.first?.hasPrefix("f:50000:3: error: the document grows beyond") == true)
        // Rounded up: a file of 1MB is read.
        #expect(
            read([UInt8](repeating: 0x20, count: (1 << 20) + 1)).said == [
                "f:1:1: error: the file has 1025KB, and no more than 1MB is read; look whether it is the file that you mean"
            ])
    }

    /// What libyaml is known to find hard: none of it may take long or end the process.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: ["[", "{", "- ", "? ", "&a ", "a: ", "{a: ", "\"", "|", "%", "!", "*a ", "a\n", "a: b\n", "\u{FEFF}", "<<: "])
    func muchOfOnePieceIsRefusedSoon(piece: String) {
        let (_, said) = read(String(repeating: piece, count: (1 << 17) / piece.utf8.count))
        #expect(piece == "\u{FEFF}" || piece == "a\n" || !said.isEmpty)
    }

    @Test func randomDamageNeverEndsTheProcess() throws {
        let whole = try Array(Data(contentsOf: ConfigurationFixtures.root.appending(path: "config/jack.yaml")))
        var random = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(contentsOf: bytes[..<index].suffix(9), at: index)
                }
            }
            let (node, said) = read(bytes)
            #expect(node != nil || !said.isEmpty)
        }
    }
}
