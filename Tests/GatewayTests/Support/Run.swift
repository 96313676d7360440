import Foundation

/// The Python that has the modules which tests need: the one that `JACK_PYTHON` names, as `scripts/test` sets it.
let python = ProcessInfo.processInfo.environment["JACK_PYTHON"] ?? "python3"

/// Runs a program with a text on its standard input; returns its status and all that it printed. Fails where the program is missing.
func run(_ command: [String], input: String = "") throws -> (status: Int32, output: String) {
    let process = Process(), stdin = Pipe(), output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.standardInput = stdin
    process.standardOutput = output
    process.standardError = output
    try process.run()
    try? stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try? stdin.fileHandleForWriting.close()
    let said = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: said, as: UTF8.self))
}

/// As ``run(_:input:)`` for a program that talks to this process meanwhile: nothing here waits on a thread that the server needs.
func runAside(_ command: [String], input: String = "") async throws -> (status: Int32, output: String) {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try run(command, input: input) }) }
    }
}
