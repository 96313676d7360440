import Butler
import Foundation
import Kernel
import OnCall
import PluginAPI
import Synchronization

/// The files of a configuration, as they stood when it was read: what maintenance takes back when it has gone wrong.
struct ConfigurationCopy: Codable, Sendable, Hashable {
    struct File: Codable, Sendable, Hashable {
        var path: String
        var bytes: [UInt8]
    }

    var files: [File]

    /// The most that is kept of one file.
    private static let maximumBytes = 4 << 20

    init(_ loaded: Configurator.Loaded) {
        let configuration = loaded.configuration, settings = loaded.butler
        let folder = configuration.directory.isEmpty ? "." : configuration.directory
        let named = ([loaded.onCall.watch.rules, settings.intents, settings.safety, settings.replies] as [String?]).compactMap { $0 }
        let paths = [configuration.file] + (loaded.plan?.texts.map(\.file) ?? []) + named.map { $0.hasPrefix("/") ? $0 : "\(folder)/\($0)" }
        files = []
        for path in paths where !files.contains(where: { $0.path == path }) {
            // What cannot be read now was read a moment ago, or is not there: it is not touched when the rest is taken back.
            if let bytes = try? ConfigurationFiles.system.read(path, Self.maximumBytes) { files.append(File(path: path, bytes: bytes)) }
        }
    }

    init(_ secret: Secret) throws { self = try JSONDecoder().decode(ConfigurationCopy.self, from: Data(secret.reveal().utf8)) }

    /// Sealed where it is stored: a configuration may hold what nobody should read.
    func secret() throws -> Secret { Secret(String(decoding: try JSONEncoder().encode(self), as: UTF8.self)) }

    /// Writes back the files that have changed, keeps what stands there now beside them, and reads the configuration anew.
    /// - Returns: what came of it, in words.
    func takeBack(
        at now: Date, reload: @Sendable () async throws -> (applied: Bool, changes: [String], diagnostics: [String])
    ) async throws -> String {
        let changed = files.filter { (try? ConfigurationFiles.system.read($0.path, Self.maximumBytes)) != $0.bytes }
        guard !changed.isEmpty else { return "the configuration had not changed since the begin" }
        for file in changed {
            let aside = "\(file.path).\(now.milliseconds).replaced"
            if FileManager.default.fileExists(atPath: file.path) { try FileManager.default.copyItem(atPath: file.path, toPath: aside) }
            try Data(file.bytes).write(to: URL(fileURLWithPath: file.path), options: .atomic)
        }
        let names = changed.map { URL(fileURLWithPath: $0.path).lastPathComponent }.joined(separator: ", ")
        let report = try await reload()
        guard report.applied else {
            return "\(names) taken back, but not taken up: \(report.diagnostics.first { $0.contains(": error: ") } ?? "the configuration is refused")"
        }
        return "\(names) taken back and taken up"
    }
}

extension ConfigurationCopy.File {
    private enum CodingKeys: String, CodingKey { case path, bytes }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        path = try values.decode(String.self, forKey: .path)
        bytes = [UInt8](try values.decode(Data.self, forKey: .bytes))
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(path, forKey: .path)
        // As base64, not as a list of numbers.
        try values.encode(Data(bytes), forKey: .bytes)
    }
}

/// The copy of the configuration that is in force now.
final class ConfigurationInForce: Sendable {
    private let state: Mutex<ConfigurationCopy>

    init(_ copy: ConfigurationCopy) { state = Mutex(copy) }

    var copy: ConfigurationCopy { state.withLock { $0 } }
    func replace(_ copy: ConfigurationCopy) { state.withLock { $0 = copy } }
}
