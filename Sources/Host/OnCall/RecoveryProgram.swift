import Foundation
import PluginAPI
import Synchronization

/// Runs the program that the operator configured for recovery: no shell, little of Jack's environment, and a time limit.
enum RecoveryProgram {
    /// How long a program that was asked to end may take.
    private static let grace = Duration.seconds(5)

    /// - Returns: what came of it, in words.
    static func run(_ command: [String], timeout: Duration) async -> String {
        guard let program = command.first else { return "no program is named" }
        let process = Process(), (ended, end) = AsyncStream<Bool>.makeStream()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = Array(command.dropFirst())
        // Jack's environment holds its secrets; the program has files of its own for what it needs.
        process.environment = ProcessInfo.processInfo.environment.filter { ["PATH", "HOME", "LANG", "TZ", "TMPDIR"].contains($0.key) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.terminationHandler = { _ in
            end.yield(true)
            end.finish()
        }
        do { try process.run() } catch { return "\(program) could not be run: \(error.localizedDescription)" }
        let id = process.processIdentifier, isLate = Mutex(false)
        let timer = Task {
            try await Task.sleep(for: timeout)
            isLate.withLock { $0 = true }
            kill(id, SIGTERM)
            try await Task.sleep(for: grace)
            kill(id, SIGKILL)
        }
        for await _ in ended {}
        timer.cancel()
        if isLate.withLock({ $0 }) { return "\(program) took longer than \(timeout.text) and was ended" }
        return "\(program) ended with status \(process.terminationStatus)"
    }
}
