import Butler
import Foundation
import Kernel
import PluginAPI

/// Reads the hotel's catalogs and knowledge from disk.
struct HostDocuments: DocumentSource {
    /// A hotel's knowledge file may be long; a mistake such as a log in the folder must not fill the memory.
    static let maximumBytes = 4 << 20

    private let reader = YAMLReader(limits: YAMLLimits(bytes: maximumBytes))

    func document(_ path: String, _ diagnostics: inout Diagnostics) -> ConfigNode? {
        bytes(path, &diagnostics).flatMap { reader.read($0, file: path, &diagnostics) }
    }

    func document(text: String, file: String, firstLine: Int, _ diagnostics: inout Diagnostics) -> ConfigNode? {
        // Empty lines before it keep the line numbers of the file that it stands in.
        reader.read(Array((String(repeating: "\n", count: firstLine - 1) + text).utf8), file: file, &diagnostics)
    }

    func text(_ path: String, _ diagnostics: inout Diagnostics) -> String? {
        guard let bytes = bytes(path, &diagnostics) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            diagnostics.error(.syntax, "the file is not valid UTF-8", remedy: "save it as UTF-8", at: SourceMark(file: path, line: 1, column: 1))
            return nil
        }
        return text
    }

    func files(in folder: String) throws -> [String: DocumentStamp] {
        var stamps: [String: DocumentStamp] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            // Editors leave hidden and half-written files beside the real ones.
            guard !path.split(separator: "/").contains(where: { $0.hasPrefix(".") }), !path.hasSuffix("~") else { continue }
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(path)")
            guard attributes[.type] as? FileAttributeType == .typeRegular, let modified = attributes[.modificationDate] as? Date,
                let size = attributes[.size] as? Int
            else { continue }
            stamps[path] = DocumentStamp(modified: modified, size: size)
        }
        return stamps
    }

    private func bytes(_ path: String, _ diagnostics: inout Diagnostics) -> [UInt8]? {
        do {
            return try ConfigurationFiles.system.read(path, Self.maximumBytes)
        } catch {
            diagnostics.error(
                .unreadable, error.message("the file", limit: Self.maximumBytes), remedy: error.remedy, at: SourceMark(file: path, line: 1, column: 1)
            )
            return nil
        }
    }
}
