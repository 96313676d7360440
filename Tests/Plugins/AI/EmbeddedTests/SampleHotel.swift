import Foundation
import Kernel
import PluginAPI

@testable import EmbeddedAI

/// The sample hotel's files, as the tests of quality read them.
enum SampleHotel {
    struct Phrase {
        var text: String
        var intent: String
        var language: String
    }

    struct Entry {
        var id: String
        var language: String
        var title: String
        var answer: String
    }

    struct Question {
        var text: String
        var language: String
        var entries: Set<String>
    }

    struct Unreadable: Error {
        var what: String
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../../config/hotel").standardizedFileURL

    static func yaml(_ bytes: [UInt8], _ name: String) throws -> ConfigNode {
        var diagnostics = Diagnostics()
        guard let node = YAMLReader().read(bytes, file: name, &diagnostics), !diagnostics.hasErrors else {
            throw Unreadable(what: diagnostics.sorted.map(\.description).joined(separator: "\n"))
        }
        return node
    }

    static func yaml(_ name: String) throws -> ConfigNode { try yaml(Array(Data(contentsOf: folder.appending(path: name))), name) }

    static func labels() throws -> [ClassificationRequest.Label] {
        try (yaml("intents.yaml")["intents"]?.elements ?? []).map { node in
            var examples: [String: [String]] = [:]
            for entry in node["examples"]?.entries ?? [] { examples[entry.key] = entry.value.elements?.compactMap(\.text) ?? [] }
            return ClassificationRequest.Label(id: node["id"]?.text ?? "", description: node["description"]?.text ?? "", examples: examples)
        }
    }

    static func phrases() throws -> [Phrase] {
        try (yaml("intents-test.yaml")["tests"]?.elements ?? []).map {
            Phrase(text: $0["text"]?.text ?? "", intent: $0["intent"]?.text ?? "", language: $0["lang"]?.text ?? "")
        }
    }

    static func questions() throws -> [Question] {
        try (yaml("knowledge-test.yaml")["tests"]?.elements ?? []).map { node in
            let also = node["also"]?.elements?.compactMap(\.text) ?? [node["also"]?.text].compactMap { $0 }
            return Question(text: node["question"]?.text ?? "", language: node["lang"]?.text ?? "", entries: Set([node["entry"]?.text ?? ""] + also))
        }
    }

    static func knowledge() throws -> [Entry] {
        let files = try FileManager.default.contentsOfDirectory(at: folder.appending(path: "knowledge"), includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.flatMap { file -> [Entry] in
            let name = file.lastPathComponent, bytes = Array(try Data(contentsOf: file))
            if name.hasSuffix(".yaml") {
                let document = try yaml(bytes, name)
                return (document["entries"]?.elements ?? []).map {
                    Entry(
                        id: $0["id"]?.text ?? "", language: document["language"]?.text ?? "",
                        title: $0["title"]?.text ?? "", answer: $0["answer"]?.text ?? "")
                }
            }
            guard name.hasSuffix(".md") else { return [] }
            let parts = String(decoding: bytes, as: UTF8.self).components(separatedBy: "---\n")
            let front = try yaml(Array(parts[1].utf8), name)
            return parts[2...].joined(separator: "---\n").components(separatedBy: "\n## ").dropFirst().map { section in
                let lines = section.split(separator: "\n", maxSplits: 1)
                let title = String(lines[0])
                let slug = title.lowercased().replacing("'", with: "").split { !$0.isLetter && !$0.isNumber }.joined(separator: "-")
                return Entry(
                    id: "\(name)#\(slug)", language: front["language"]?.text ?? "", title: title,
                    answer: lines.count > 1 ? lines[1].trimmingCharacters(in: .whitespacesAndNewlines) : "")
            }
        }
    }

    static func lexicon() throws -> Lexicon {
        var lexicon = Lexicon.builtIn, diagnostics = Diagnostics()
        lexicon.add(try yaml("synonyms.yaml"), &diagnostics)
        if diagnostics.hasErrors { throw Unreadable(what: diagnostics.sorted.map(\.description).joined(separator: "\n")) }
        return lexicon
    }
}
