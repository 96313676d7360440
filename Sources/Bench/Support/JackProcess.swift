import Foundation
import Synchronization

/// Processes that were started, so that none outlives the benchmark.
enum Children {
    private static let running = Mutex<[Int32]>([])

    static func add(_ child: Int32) { running.withLock { $0.append(child) } }
    static func remove(_ child: Int32) { running.withLock { $0.removeAll { $0 == child } } }

    /// Lets SIGINT and SIGTERM end the children before this process.
    static func endAtSignals() {
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            // The handler keeps the source for as long as the process lives.
            source.setEventHandler {
                _ = source
                for child in running.withLock({ $0 }) { kill(child, SIGTERM) }
                exit(128 + number)
            }
            source.resume()
        }
    }
}

/// A `jack serve` of its own: a free port, a temporary database, the hotel that the configuration names.
final class JackProcess: Sendable {
    private let process: Process
    let port: Int
    /// From the start of the process until it said that it is ready, in milliseconds.
    let readyAfter: Double
    var identifier: Int32 { process.processIdentifier }

    /// Starts Jack and returns when it says that it is ready.
    /// - Parameters:
    ///   - folder: where the database and the log go; a second start there finds what the first left.
    ///   - settings: `path=value` over the configuration.
    init(_ options: JackOptions, folder: String, settings: [String] = []) async throws {
        let program =
            options.jack
            ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent("jack").path
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw BenchError("there is no \(program): build it with “swift build -c release --product jack”, or name it with --jack")
        }
        guard FileManager.default.fileExists(atPath: options.config) else {
            throw BenchError("there is no \(options.config): name the configuration with --config")
        }
        let logPath = folder + "/log.json"
        if !FileManager.default.fileExists(atPath: logPath) { _ = FileManager.default.createFile(atPath: logPath, contents: nil) }
        guard let log = FileHandle(forWritingAtPath: logPath) else { throw BenchError("\(logPath) cannot be written") }
        try log.seekToEnd()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        let assignments = ["server.port=0", "server.host=127.0.0.1", "server.rate_limit.requests=0", "storage.path=\(folder)/jack.db"] + settings
        process.arguments = ["serve", "--config", options.config] + assignments.flatMap { ["--set", $0] }
        // Nothing of this shell's settings: the same everywhere.
        process.environment = ProcessInfo.processInfo.environment.filter { ["PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"].contains($0.key) }
        process.standardOutput = log
        let errors = Pipe()
        process.standardError = errors
        let begun = Stopwatch.now
        try process.run()
        Children.add(process.processIdentifier)
        self.process = process
        let said = await Self.readLine(holding: "Jack is ready", from: errors.fileHandleForReading)
        readyAfter = Double(Stopwatch.now - begun) / 1e6
        guard let line = said.line, let port = line.split(separator: ":").last.flatMap({ Int($0.filter(\.isNumber)) }) else {
            process.terminate()
            Children.remove(process.processIdentifier)
            throw BenchError("Jack did not start: \(said.all)")
        }
        self.port = port
    }

    /// Reads until a line comes that holds a text, or the end. Blocks a thread of its own. What comes later is read and dropped, so that nobody waits for a full pipe.
    private static func readLine(holding text: String, from handle: FileHandle) async -> (line: String?, all: String) {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var all = ""
                while true {
                    let data = handle.availableData
                    if data.isEmpty { return continuation.resume(returning: (nil, all)) }
                    all += String(decoding: data, as: UTF8.self)
                    if let line = all.split(separator: "\n").first(where: { $0.contains(text) }) {
                        continuation.resume(returning: (String(line), all))
                        while !handle.availableData.isEmpty {}
                        return
                    }
                }
            }
        }
    }

    /// In KiB.
    func memory() throws -> (resident: Int, anonymous: Int, file: Int, threads: Int) {
        func field(_ name: String) throws -> Int { try ProcessStatus.field(name, of: identifier) }
        return (try field("VmRSS"), try field("RssAnon"), try field("RssFile"), try field("Threads"))
    }

    /// Stops gracefully; kills what has not ended after ten seconds.
    func stop() async {
        process.terminate()
        for _ in 0..<1000 where process.isRunning { try? await Task.sleep(for: .milliseconds(10)) }
        if process.isRunning { kill(identifier, SIGKILL) }
        Children.remove(identifier)
    }
}
