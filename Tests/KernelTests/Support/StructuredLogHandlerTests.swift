import Dispatch
import Foundation
import Kernel
import Logging
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct StructuredLogHandlerTests {
    private func lines(_ format: StructuredLogHandler.Format, _ log: (Logger) -> Void) async throws -> [String] {
        try await withFolder { folder in
            let path = folder.appendingPathComponent("log").path
            let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            try #require(descriptor >= 0)
            let output = StructuredLogHandler.Output(descriptor: descriptor)
            log(Logger(label: "test") { StructuredLogHandler(label: $0, format: format, output: output, clock: VirtualClock()) })
            close(descriptor)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(text.isEmpty || text.hasSuffix("\n"))
            return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
        }
    }

    private static let nasty = [
        "plain", "two\nlines", "cr\r\nlf", "tab\t", "quote \" and \\", "nul\u{0} bell\u{7} escape \u{1B}[31m", "next line \u{85}",
        "separators \u{2028}\u{2029}",
        "delete \u{7F}", "Zimmer für 2 👩‍👩‍👧 日本語", "{\"level\":\"critical\"}", "", "bom \u{FEFF} \u{202E}turned",
    ]

    @Test(arguments: nasty) func aLineIsOneJSONObjectWhateverItHolds(_ text: String) async throws {
        let lines = try await lines(.json) { logger in logger.warning("\(text)", metadata: ["guest": "\(text)", "\(text)": "key"]) }
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(object["msg"] == text && object["guest"] == text && object["level"] == "warning" && object["logger"] == "test")
        #expect(object["time"] == "2025-09-02T12:00:00.000Z")
        #expect(
            line.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) && $0.value != 0x2028 && $0.value != 0x2029 && $0.value != 0x202E
            })
    }

    @Test(arguments: nasty) func aLineForPeopleIsOneLineToo(_ text: String) async throws {
        let lines = try await lines(.text) { logger in logger.error("\(text)", metadata: ["guest": "\(text)"]) }
        #expect(lines.count == 1 && lines[0].hasPrefix("2025-09-02T12:00:00.000Z ERROR"))
        #expect(lines[0].unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) && $0.value != 0x2028 })
    }

    @Test func metadataCannotTakeTheLinesOwnFields() async throws {
        let lines = try await lines(.json) { $0.error("real", metadata: ["msg": "forged", "level": "info", "time": "never"]) }
        let line = try #require(lines.first)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(object["msg"] == "real" && object["level"] == "error" && object["msg_"] == "forged")
    }

    @Test func linesOfManyTasksStayWhole() async throws {
        let long = String(repeating: "x", count: 9000)
        let lines = try await lines(.json) { logger in
            DispatchQueue.concurrentPerform(iterations: 50) { logger.info("\($0) \(long)") }
        }
        #expect(lines.count == 50 && lines.allSatisfy { $0.hasSuffix("}") && $0.utf8.count > 9000 })
    }

    @Test func whatIsBelowTheLevelIsNotWritten() async throws {
        let lines = try await lines(.json) { logger in
            logger.debug("quiet")
            var own = logger
            own.logLevel = .debug
            own.debug("loud")
        }
        #expect(lines.count == 1 && lines[0].contains("loud"))
    }
}
