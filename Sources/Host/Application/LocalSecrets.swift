import Foundation
import Kernel
import PluginAPI

/// The secrets that Jack makes for itself outside production, in a file beside the database that only its user can read.
enum LocalSecrets {
    /// The environment variables that they stand for.
    static let names = ["LOCAL_TOKEN", "JWT_SECRET", "ENCRYPTION_KEY"]

    /// The file beside a database.
    static func path(beside database: String) -> String {
        URL(fileURLWithPath: database).deletingLastPathComponent().appendingPathComponent("secrets.env").path
    }

    /// The secrets in the file by the names of their environment variables; empty where there is none.
    static func read(_ path: String) -> [String: String] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [:] }
        return EnvironmentFile.parse(text)
    }

    /// The secrets in the file, made where there is none.
    /// - Throws: where the file cannot be made, or others can read it.
    static func readOrMake(_ path: String) throws -> [String: String] {
        if let attributes = try? FileManager.default.attributesOfItem(atPath: path) {
            let permissions = (attributes[.posixPermissions] as? Int) ?? 0
            guard permissions & 0o077 == 0 else {
                throw HostError("others can read \(path); take that from them with: chmod 600 \(path)")
            }
            return read(path)
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let secrets = make()
        let text =
            "# Made by Jack at its first start. Only its user may read this file; keep a copy with the backups.\n"
            + secrets.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined()
        // Made with its rights from the beginning: there is no moment at which another could read it.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw HostError("\(path) cannot be made: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw HostError("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        return secrets
    }

    /// Secrets for one run, where nothing is kept.
    static func make() -> [String: String] {
        Dictionary(uniqueKeysWithValues: names.map { ($0, random()) })
    }

    /// 32 random bytes in hex.
    private static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return Hex.text((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }
}

/// `NAME=value` lines, as systemd and Docker read them.
enum EnvironmentFile {
    static func parse(_ text: String) -> [String: String] {
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.trimmingCharacters(in: .whitespaces)
            guard !line.isEmpty, !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") else { continue }
            var name = line[..<equals].trimmingCharacters(in: .whitespaces)
            if name.hasPrefix("export ") { name = String(name.dropFirst(7)) }
            var value = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
            for quote in ["\"", "'"] where value.count >= 2 && value.hasPrefix(quote) && value.hasSuffix(quote) {
                value = String(value.dropFirst().dropLast())
            }
            values[name] = value
        }
        return values
    }
}

/// What stops a command, in a sentence for the operator.
struct HostError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
