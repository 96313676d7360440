import ArgumentParser
import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization
import UnixSignals

/// `jack serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run Jack.",
        discussion: """
            Logs to standard output, one JSON object a line. SIGTERM and SIGINT stop gracefully: no new input, what is under way ends, then the process. A second signal ends it at once.
            SIGHUP reads the configuration again, as `jack reload` does.

            Outside production, the first start makes its own secrets in secrets.env beside the database.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        await (try? options.configurator)?.fetchCalendars()
        let (loaded, configurator) = try options.load(makingSecrets: true)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let settings = loaded.configuration.settings
        // Two processes on one database would each answer every guest.
        let mark = ProcessMark(database: settings.storage.persist ? settings.storage.path : nil)
        guard mark.take() else {
            let process = mark.read().map { " (process \($0))" } ?? ""
            Terminal.error(
                "jack: the database \(settings.storage.path) is in use by another Jack\(process); stop that one, or give this one a DATABASE_PATH of its own"
            )
            throw ExitCode(2)
        }
        let application: JackApplication
        do {
            application = try await JackApplication(loaded, configurator: configurator)
            try await application.start()
        } catch {
            Terminal.error("jack: \(Self.words(error))")
            mark.remove()
            throw ExitCode(2)
        }
        let host = settings.server.host == "0.0.0.0" || settings.server.host == "::" ? "localhost" : settings.server.host
        Terminal.error("Jack is ready: open http://\(host):\(application.port ?? settings.server.port)/")
        let listener = Task {
            var stops = 0
            for await signal in signals {
                if signal == .sighup {
                    await Self.reload(application)
                } else {
                    stops += 1
                    if stops > 1 { Foundation.exit(130) }
                    application.requestStop("\(signal)")
                }
            }
        }
        let reason = await application.untilStopRequested()
        application.logger.info("stop requested", metadata: ["by": "\(reason)"])
        await application.stop()
        listener.cancel()
        mark.remove()
    }

    private static func reload(_ application: JackApplication) async {
        do {
            let report = try await application.reload(dryRun: false)
            for line in report.diagnostics { application.logger.warning("configuration", metadata: ["diagnostic": "\(line)"]) }
            application.logger.info(
                report.applied ? "reload done" : "reload refused: everything stays as it was",
                metadata: ["changes": "\(report.changes.joined(separator: "; "))"])
        } catch {
            application.logger.error("reload failed: everything stays as it was", metadata: ["error": "\(words(error))"])
        }
    }

    static func words(_ error: any Error) -> String { (error as? PluginFailure)?.message ?? "\(error)" }
}

/// The process's number in a file beside the database, for `jack stop` where the API cannot be asked.
///
/// The file is locked for as long as the process lives: a number that a killed Jack left behind may be another program's by now, and is nobody's to signal.
final class ProcessMark: Sendable {
    private let path: String?
    private let descriptor = Mutex<Int32>(-1)

    init(database: String?) { path = database.map { $0 + ".pid" } }

    /// - Returns: false where another process has it. Where the file cannot be made, the storage will say why.
    func take() -> Bool {
        guard let path else { return true }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { return true }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            close(file)
            return false
        }
        let text = Array("\(ProcessInfo.processInfo.processIdentifier)\n".utf8)
        _ = ftruncate(file, 0)
        _ = pwrite(file, text, text.count, 0)
        descriptor.withLock { $0 = file }
        return true
    }

    func remove() {
        guard let path else { return }
        descriptor.withLock { file in
            guard file >= 0 else { return }
            unlink(path)
            close(file)
            file = -1
        }
    }

    /// The number of the process that runs; nil where none does.
    func read() -> Int32? {
        guard let path else { return nil }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard flock(file, LOCK_SH | LOCK_NB) != 0 else { return nil }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
