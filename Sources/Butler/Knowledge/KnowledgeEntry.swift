import Foundation
import Kernel
import PluginAPI

/// One thing that the hotel knows.
public struct KnowledgeEntry: Sendable, Hashable {
    /// `breakfast-hours`, or `rooms.md#sea-view` for a section of a Markdown file.
    public var id: String
    public var file: String
    public var title: String
    public var category: String
    /// A BCP 47 tag.
    public var language: String
    /// How guests ask for it.
    public var questions: [String]
    public var text: String
    public var keywords: [String]

    public init(
        id: String, file: String, title: String, category: String, language: String, questions: [String] = [], text: String, keywords: [String] = []
    ) {
        self.id = id
        self.file = file
        self.title = title
        self.category = category
        self.language = language
        self.questions = questions
        self.text = text
        self.keywords = keywords
    }
}

/// A YAML file of knowledge.
struct KnowledgeFile: PluginSettings {
    struct Entry: PluginSettings {
        @Setting(help: "The entry's name, unique over all files.") var id: String
        @Setting(help: "What it is about.") var title: String
        @Setting(help: "How guests ask for it.") var questions: [String] = []
        @Setting(help: "What the hotel says; every sentence must stand alone.") var answer: String
        @Setting(help: "Words that lead to it.") var keywords: [String] = []
        @Setting(help: "Its category, where it differs from the file's.") var category: String?
        @Setting(help: "Its language, where it differs from the file's.") var language: String?
        init() {}
    }

    @Setting(help: "The entries' language.") var language: String = "en"
    @Setting(help: "The entries' category.") var category: String = "other"
    @Setting(help: "The entries.") var entries: [Entry]
    init() {}
}

/// The front matter of a Markdown file of knowledge.
struct KnowledgeFrontMatter: PluginSettings {
    @Setting(help: "The file's title.") var title: String?
    @Setting(help: "The file's language.") var language: String = "en"
    @Setting(help: "The file's category.") var category: String = "other"
    @Setting(help: "Words that lead to any of its sections.") var keywords: [String] = []
    init() {}
}

/// Reads a folder of Markdown and YAML.
public struct KnowledgeReader: Sendable {
    private let documents: any DocumentSource

    public init(documents: any DocumentSource) { self.documents = documents }

    /// True for the names of files that hold knowledge.
    public static func reads(_ name: String) -> Bool { [".md", ".yaml", ".yml"].contains(where: name.hasSuffix) }

    /// The entries of one file; what is wrong with it goes to the diagnostics, and the rest is used.
    public func read(_ path: String, name: String, _ diagnostics: inout Diagnostics) -> [KnowledgeEntry] {
        name.hasSuffix(".md") ? markdown(path, name, &diagnostics) : yaml(path, name, &diagnostics)
    }

    private func yaml(_ path: String, _ name: String, _ diagnostics: inout Diagnostics) -> [KnowledgeEntry] {
        guard let node = documents.document(path, &diagnostics), let file = KnowledgeFile.decode(node, &diagnostics) else { return [] }
        return file.entries.map { entry in
            KnowledgeEntry(
                id: entry.id, file: name, title: entry.title, category: entry.category ?? file.category, language: entry.language ?? file.language,
                questions: entry.questions, text: entry.answer, keywords: entry.keywords)
        }
    }

    /// Every `##` heading begins an entry; what stands before the first belongs to the file's title.
    private func markdown(_ path: String, _ name: String, _ diagnostics: inout Diagnostics) -> [KnowledgeEntry] {
        guard let text = documents.text(path, &diagnostics) else { return [] }
        // Windows ends lines with two characters, which Swift takes for one, and may begin the file with a mark.
        var lines = text.drop { $0 == "\u{FEFF}" }.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)[...]
        var front = KnowledgeFrontMatter()
        if lines.first == "---" {
            guard let end = lines.dropFirst().firstIndex(of: "---") else {
                diagnostics.error(
                    .syntax, "the front matter does not end", remedy: "close it with a line of ---", at: SourceMark(file: path, line: 1, column: 1))
                return []
            }
            let yaml = lines[1..<end].joined(separator: "\n")
            guard let node = documents.document(text: yaml, file: path, firstLine: 2, &diagnostics),
                let read = KnowledgeFrontMatter.decode(node, &diagnostics)
            else { return [] }
            front = read
            lines = lines[(end + 1)...]
        }
        var sections: [(title: String, body: [Substring])] = [(front.title ?? name, [])]
        for line in lines {
            if line.hasPrefix("## ") {
                sections.append((line.dropFirst(3).trimmingCharacters(in: .whitespaces), []))
            } else if !line.hasPrefix("# ") {
                sections[sections.count - 1].body.append(line)
            }
        }
        return sections.compactMap { section in
            let body = Self.plain(section.body)
            guard !body.isEmpty else { return nil }
            return KnowledgeEntry(
                id: "\(name)#\(Self.slug(section.title))", file: name, title: section.title, category: front.category, language: front.language,
                text: body,
                keywords: front.keywords)
        }
    }

    static func slug(_ title: String) -> String { PhraseMatcher.words(title).joined(separator: "-") }

    /// Text without Markdown's marks: a guest's phone shows them as they are. A line of a list and a smaller heading stay lines of their own.
    private static func plain(_ lines: [Substring]) -> String {
        var paragraphs: [String] = [""]
        for line in lines {
            var text = line.trimmingCharacters(in: .whitespaces)
            let isItem = text.hasPrefix("- ") || text.hasPrefix("* "), isHeading = text.hasPrefix("##")
            if isItem { text = String(text.dropFirst(2)) }
            if isHeading { text = text.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces) }
            text = text.replacing("**", with: "").replacing("`", with: "")
            text = text.replacing(#/\[([^\]]*)\]\(([^)]*)\)/#) { "\($0.1) (\($0.2))" }
            if text.isEmpty || isItem || isHeading { paragraphs.append("") }
            paragraphs[paragraphs.count - 1] += (paragraphs[paragraphs.count - 1].isEmpty ? "" : " ") + text
            if isHeading { paragraphs.append("") }
        }
        return paragraphs.filter { !$0.isEmpty }.joined(separator: "\n")
    }
}

/// Where catalogs and knowledge are read from.
public protocol DocumentSource: Sendable {
    /// A YAML file as a node tree; nil with diagnostics where it cannot be read.
    func document(_ path: String, _ diagnostics: inout Diagnostics) -> ConfigNode?

    /// YAML that stands inside another file.
    func document(text: String, file: String, firstLine: Int, _ diagnostics: inout Diagnostics) -> ConfigNode?

    /// A text file.
    func text(_ path: String, _ diagnostics: inout Diagnostics) -> String?

    /// The files below a folder with the moment of their last change and their size, by their paths relative to it.
    func files(in folder: String) throws -> [String: DocumentStamp]
}

/// What tells that a file has changed.
public struct DocumentStamp: Sendable, Hashable {
    public var modified: Date
    public var size: Int

    public init(modified: Date, size: Int) {
        self.modified = modified
        self.size = size
    }
}

/// What a YAML file of knowledge may say, for whoever documents it.
public enum KnowledgeDeclarations {
    public static var schema: SettingsSchema { KnowledgeFile.schema }
}
