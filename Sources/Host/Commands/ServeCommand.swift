import ArgumentParser
import Foundation
import Kernel
import Logging
import PluginAPI
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
        let (loaded, configurator) = try options.load(makingSecrets: true)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let application: JackApplication
        do {
            application = try await JackApplication(loaded, configurator: configurator)
            try await application.start()
        } catch {
            Terminal.error("jack: \(Self.words(error))")
            throw ExitCode(2)
        }
        let settings = loaded.configuration.settings
        let mark = ProcessMark(database: settings.storage.persist ? settings.storage.path : nil)
        mark.write()
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
            application.logger.info(report.applied ? "reload done" : "reload refused: everything stays as it was", metadata: ["changes": "\(report.changes.joined(separator: "; "))"])
        } catch {
            application.logger.error("reload failed: everything stays as it was", metadata: ["error": "\(words(error))"])
        }
    }

    static func words(_ error: any Error) -> String { (error as? PluginFailure)?.message ?? "\(error)" }
}

/// The process's number in a file beside the database, for `jack stop` where the API cannot be asked.
struct ProcessMark {
    let path: String?

    init(database: String?) { path = database.map { $0 + ".pid" } }

    func write() { if let path { try? "\(ProcessInfo.processInfo.processIdentifier)\n".write(toFile: path, atomically: true, encoding: .utf8) } }
    func remove() { if let path { try? FileManager.default.removeItem(atPath: path) } }

    func read() -> Int32? {
        guard let path, let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
