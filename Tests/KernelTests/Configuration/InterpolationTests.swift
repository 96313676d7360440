import Foundation
import Kernel
import PluginAPI
import Testing

struct InterpolationTests {
    private let environment = ["NAME": "Miramar", "EMPTY": "", "TRICKY": "a: [${NAME}] # x\n- y", "_x1": "under"]
    private let files = [
        "/run/secrets/x": "hush\n", "/run/secrets/crlf": "hush\r\n", "conf/near": "close", "/empty": "",
        "/big": String(repeating: "x", count: 70_000),
    ]

    private func expand(_ text: String) -> (text: String?, said: [String]) {
        var diagnostics = Diagnostics()
        let node = ConfigNode(.scalar(text, plain: true), mark: SourceMark(file: "conf/jack.yaml", line: 3, column: 7))
        let result = Interpolation(environment: environment, files: ConfigurationFixtures.files(files)).expand(node, &diagnostics)
        return (result.text, diagnostics.all.map { $0.description.replacing("conf/jack.yaml:3:7: error: ", with: "") })
    }

    @Test(arguments: [
        ("${NAME}", "Miramar"), ("at ${NAME}!", "at Miramar!"), ("${NAME}${NAME}", "MiramarMiramar"), ("${MISSING:-here}", "here"),
        ("${EMPTY:-here}", "here"),
        ("${EMPTY}", ""), ("${MISSING:-}", ""), ("${MISSING:-${NAME}}", "Miramar"), ("${MISSING:-a:-b}", "a:-b"), ("${_x1}", "under"),
        ("$${NAME}", "${NAME}"), ("$$${NAME}", "$${NAME}"), ("${MISSING:-$${x}}", "${x}"), ("$NAME costs $5", "$NAME costs $5"), ("100 $", "100 $"),
        ("{}", "{}"),
        ("${file:/run/secrets/x}", "hush"), ("${file:/run/secrets/crlf}", "hush"), ("${file:near}", "close"), ("${file:/none:-other}", "other"),
        ("${file:/empty}", ""),
        ("${NAME:-${MISSING}}", "Miramar"),
    ])
    func expands(text: String, expected: String) {
        let (result, said) = expand(text)
        #expect(said == [])
        #expect(result == expected)
    }

    @Test(arguments: [
        ("${MISSING}", ["the variable MISSING is not set; set it in Jack's environment, or write ${MISSING:-default}"]),
        ("${NAM}", ["the variable NAM is not set; set it in Jack's environment, or write ${NAM:-default}; did you mean NAME?"]),
        (
            "${AAA} ${BBBB}",
            [
                "the variable AAA is not set; set it in Jack's environment, or write ${AAA:-default}",
                "the variable BBBB is not set; set it in Jack's environment, or write ${BBBB:-default}",
            ]
        ),
        ("${MISSING:-${OTHERS}}", ["the variable OTHERS is not set; set it in Jack's environment, or write ${OTHERS:-default}"]),
        ("${NAME", ["“${NAME” has no closing brace; add a }, or write $${ for a literal ${"]),
        ("${NAME-x}", ["“${NAME-x}” is not understood; write ${NAME}, ${NAME:-default} or ${file:/path}, and $${ for a literal ${"]),
        ("${}", ["“” is no variable's name; write ${NAME} or ${file:/path}"]),
        ("${1A}", ["“1A” is no variable's name; write ${NAME} or ${file:/path}"]),
        ("${file:}", ["${file:} names no file; write ${NAME} or ${file:/path}"]),
        ("${file:/none}", ["the file /none does not exist; check the path"]),
        ("${file:/big:-x}", ["the file /big has 69KB, and no more than 64KB is read; look whether it is the file that you mean"]),
    ])
    func saysWhatIsWrong(text: String, expected: [String]) {
        let (result, said) = expand(text)
        #expect(said == expected)
        // What could not be expanded stays as it was, so that nobody works with half a value.
        #expect(result == text)
    }

    @Test func aValueNeverChangesTheStructure() throws {
        var diagnostics = Diagnostics()
        let node = try #require(YAMLReader().read(Array("a: ${TRICKY}\n${NAME}: b\nc: ['${NAME}']".utf8), file: "f", &diagnostics))
        let result = Interpolation(environment: environment, files: ConfigurationFixtures.files([:])).expand(node, &diagnostics)
        #expect(diagnostics.all.isEmpty)
        #expect(result["a"]?.text == "a: [${NAME}] # x\n- y")
        #expect(result.entries?.map(\.key) == ["a", "${NAME}", "c"])
        #expect(result["c"]?.elements?[0].text == "Miramar")
    }

    @Test func aPasswordThatLooksLikeNothingIsAPassword() {
        var diagnostics = Diagnostics()
        let node = ConfigNode(.scalar("${P}", plain: true), mark: SourceMark(file: "f", line: 1, column: 1))
        let interpolation = Interpolation(environment: ["P": "null", "E": ""], files: ConfigurationFixtures.files([:]))
        #expect(!interpolation.expand(node, &diagnostics).isNull)
        let empty = ConfigNode(.scalar("${E}", plain: true), mark: node.mark)
        let quoted = ConfigNode(.scalar("${E}", plain: false), mark: node.mark)
        #expect(interpolation.expand(empty, &diagnostics).isNull && !interpolation.expand(quoted, &diagnostics).isNull)
    }

    @Test(.timeLimit(.minutes(1))) func deepAndLongNestsAreRefused() {
        let (_, said) = expand(String(repeating: "${A:-", count: 200_000) + String(repeating: "}", count: 200_000))
        #expect(said == ["${…} stand more than 16 deep in one another; nest less"])
    }

    @Test func realFilesAreReadAndRefused() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "jack-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("hush\n".utf8).write(to: folder.appending(path: "secret"))
        let system = ConfigurationFiles.system
        #expect(try system.read(folder.appending(path: "secret").path(), 5) == Array("hush\n".utf8))
        #expect(throws: ConfigurationFiles.Problem.tooLarge(5)) { _ = try system.read(folder.appending(path: "secret").path(), 4) }
        #expect(throws: ConfigurationFiles.Problem.missing) { _ = try system.read(folder.appending(path: "none").path(), 5) }
        #expect(throws: ConfigurationFiles.Problem.missing) { _ = try system.read(folder.appending(path: "secret/below").path(), 5) }
        #expect(throws: ConfigurationFiles.Problem.isDirectory) { _ = try system.read(folder.path(), 5) }
        // A device without an end has no size beforehand.
        #expect(throws: ConfigurationFiles.Problem.self) { _ = try system.read("/dev/zero", 1 << 16) }
    }
}
