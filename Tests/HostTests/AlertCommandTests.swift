import ArgumentParser
import PluginAPI
import Testing

@testable import Host

@Suite struct AlertCommandTests {
    @Test func whatIsTypedIsWhatIsSent() throws {
        let command = try AlertCommand.Send.parse([
            "--name", "BackupFailed", "--severity", "error", "--summary", "no backup", "--annotation", "run book=a=b", "job=backup", "empty=",
        ])
        #expect(
            command.body == [
                "name": "BackupFailed", "severity": "error", "summary": "no backup", "resolved": false, "annotations": ["run book": "a=b"],
                "labels": ["job": "backup", "empty": ""],
            ])
        #expect(try AlertCommand.Send.parse(["--name", "A", "--resolved"]).body == ["name": "A", "severity": "warning", "resolved": true])
    }

    @Test(arguments: [
        ["x=y"], ["--name", "A", "job"], ["--name", "A", "=x"], ["--name", "A", "a=1", "a=2"], ["--name", "A", "--severity", "bad"],
    ])
    func whatCannotBeSentIsRefused(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try AlertCommand.Send.parse(arguments) }
    }
}
