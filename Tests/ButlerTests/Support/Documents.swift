import Butler
import Foundation
import Kernel
import PluginAPI
import Synchronization

/// Documents in memory, which a test changes as staff would change files.
final class Documents: DocumentSource {
    private struct File {
        var text: String
        var stamp: DocumentStamp
    }

    private let files = Mutex<(byPath: [String: File], edits: Int)>(([:], 0))
    private let reader = YAMLReader(limits: YAMLLimits(bytes: 4 << 20))

    subscript(path: String) -> String? {
        get { files.withLock { $0.byPath[path]?.text } }
        set {
            files.withLock { files in
                files.edits += 1
                files.byPath[path] = newValue.map {
                    File(text: $0, stamp: DocumentStamp(modified: Date(timeIntervalSince1970: Double(files.edits)), size: $0.utf8.count))
                }
            }
        }
    }

    /// Puts in the sample hotel's own knowledge.
    func addSampleKnowledge() throws {
        for file in try FileManager.default.contentsOfDirectory(at: SampleHotel.folder.appending(path: "knowledge"), includingPropertiesForKeys: nil)
        {
            self["knowledge/\(file.lastPathComponent)"] = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        }
    }

    func document(_ path: String, _ diagnostics: inout Diagnostics) -> ConfigNode? {
        text(path, &diagnostics).flatMap { reader.read(Array($0.utf8), file: path, &diagnostics) }
    }

    func document(text: String, file: String, firstLine: Int, _ diagnostics: inout Diagnostics) -> ConfigNode? {
        reader.read(Array((String(repeating: "\n", count: firstLine - 1) + text).utf8), file: file, &diagnostics)
    }

    func text(_ path: String, _ diagnostics: inout Diagnostics) -> String? {
        let text = self[path]
        if text == nil { diagnostics.error(.unreadable, "there is no such file", at: SourceMark(file: path, line: 1, column: 1)) }
        return text
    }

    func files(in folder: String) throws -> [String: DocumentStamp] {
        files.withLock { files in
            let all = files.byPath.filter { $0.key.hasPrefix(folder + "/") }.map { (String($0.key.dropFirst(folder.count + 1)), $0.value.stamp) }
            return Dictionary(all) { first, _ in first }
        }
    }
}

/// The sample hotel's files.
enum SampleHotel {
    struct Unreadable: Error { var what: String }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../config/hotel").standardizedFileURL

    static func node(_ name: String) throws -> ConfigNode {
        var diagnostics = Diagnostics()
        let bytes = Array(try Data(contentsOf: folder.appending(path: name)))
        guard let node = YAMLReader(limits: YAMLLimits(bytes: 4 << 20)).read(bytes, file: name, &diagnostics), !diagnostics.hasErrors else {
            throw Unreadable(what: diagnostics.sorted.map(\.description).joined(separator: "\n"))
        }
        return node
    }

    static func read<T: PluginSettings>(_ name: String, as type: T.Type = T.self) throws -> T {
        var diagnostics = Diagnostics()
        guard let value = T.decode(try node(name), &diagnostics), !diagnostics.hasErrors else {
            throw Unreadable(what: diagnostics.sorted.map(\.description).joined(separator: "\n"))
        }
        return value
    }

    /// Read once: the intents alone are some thousand lines.
    static func catalogs() throws -> ButlerCatalogs { try cached.get() }

    private static let cached = Result { try readCatalogs() }

    private static func readCatalogs() throws -> ButlerCatalogs {
        let documents = Documents()
        for name in ["intents.yaml", "safety.yaml", "replies.yaml"] {
            documents["hotel/\(name)"] = String(decoding: try Data(contentsOf: folder.appending(path: name)), as: UTF8.self)
        }
        var diagnostics = Diagnostics()
        // A folder that begins with no slash, as the configuration's own does.
        guard let catalogs = ButlerCatalogs.read(ButlerSettings(), directory: ".", language: "en", documents: Below(documents), &diagnostics) else {
            throw Unreadable(what: diagnostics.sorted.map(\.description).joined(separator: "\n"))
        }
        return catalogs
    }

    /// Takes away the leading `./`.
    private struct Below: DocumentSource {
        let documents: Documents
        init(_ documents: Documents) { self.documents = documents }
        func document(_ path: String, _ diagnostics: inout Diagnostics) -> ConfigNode? { documents.document(String(path.dropFirst(2)), &diagnostics) }
        func document(text: String, file: String, firstLine: Int, _ diagnostics: inout Diagnostics) -> ConfigNode? { nil }
        func text(_ path: String, _ diagnostics: inout Diagnostics) -> String? { nil }
        func files(in folder: String) throws -> [String: DocumentStamp] { [:] }
    }
}
