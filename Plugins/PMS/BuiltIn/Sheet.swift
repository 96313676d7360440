import Foundation
import PluginAPI

/// A file as rows of named texts, whichever format it has.
struct Sheet {
    struct Row {
        var line: Int
        var values: [String: String]
    }

    var rows: [Row] = []
    /// What is wrong with single lines: `reservations.csv:17: …`.
    var problems: [String] = []

    /// A whole file that cannot be used.
    struct Unreadable: Error { let message: String }

    /// - Parameters:
    ///   - name: the file's name as messages show it.
    ///   - list: the key under which a YAML mapping holds the rows.
    ///   - columns: those that are known; `required` must be there.
    init(_ bytes: [UInt8], name: String, list: String, columns: [String], required: [String], files: any FileReader) throws(Unreadable) {
        if let line = Self.lineOfInvalidUTF8(bytes) {
            throw Unreadable(message: "\(name):\(line): not UTF-8: save the file as “CSV UTF-8”")
        }
        if [".yaml", ".yml"].contains(where: name.lowercased().hasSuffix) {
            try readYAML(bytes, name, list, columns, files)
        } else {
            try readCSV(bytes, name, columns, required)
        }
    }

    private mutating func readCSV(_ bytes: [UInt8], _ name: String, _ columns: [String], _ required: [String]) throws(Unreadable) {
        let reader = CSVReader(bytes)
        problems += reader.problems.map { "\(name):\($0.line): \($0.message)" }
        guard let head = reader.records.first else { throw Unreadable(message: "\(name): no line with the names of the columns") }
        let names = head.fields.map { $0.trimmingCharacters(in: .whitespaces).lowercased().replacing(" ", with: "_") }
        if let missing = required.first(where: { !names.contains($0) }) {
            let near = Suggestion.nearest(to: missing, among: names.filter { !columns.contains($0) }).map { "; is “\($0)” meant to be it?" } ?? ""
            throw Unreadable(message: "\(name):\(head.line): the column “\(missing)” is missing\(near)")
        }
        if let twice = names.first(where: { name in columns.contains(name) && names.filter { $0 == name }.count > 1 }) {
            throw Unreadable(message: "\(name):\(head.line): the column “\(twice)” is there twice")
        }
        rows = reader.records.dropFirst().compactMap { record in
            let values = Dictionary(zip(names, record.fields.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) })) { first, _ in first }
            return values.values.allSatisfy(\.isEmpty) ? nil : Row(line: record.line, values: values)
        }
    }

    private mutating func readYAML(_ bytes: [UInt8], _ name: String, _ list: String, _ columns: [String], _ files: any FileReader) throws(Unreadable)
    {
        let (document, diagnostics) = files.yaml(bytes, file: name)
        if let error = diagnostics.sorted.first(where: { $0.severity == .error }) {
            throw Unreadable(message: "\(name):\(error.mark?.line ?? 1): \(error.message)")
        }
        guard let document, let elements = document.elements ?? document[list]?.elements else {
            throw Unreadable(message: "\(name): expected a list, or a mapping with a list under “\(list)”")
        }
        for element in elements {
            guard let entries = element.entries else {
                problems.append("\(name):\(element.mark.line): expected a mapping, found \(element.kindDescription)")
                continue
            }
            var values: [String: String] = [:], sound = true
            for entry in entries {
                if !columns.contains(entry.key) {
                    let near = Suggestion.nearest(to: entry.key, among: columns).map { "; did you mean “\($0)”?" } ?? ""
                    problems.append("\(name):\(entry.keyMark.line): unknown key “\(entry.key)”\(near)")
                } else if let text = entry.value.isNull ? "" : entry.value.text {
                    values[entry.key] = text.trimmingCharacters(in: .whitespacesAndNewlines)
                } else if let texts = entry.value.elements?.compactMap(\.text) {
                    values[entry.key] = texts.joined(separator: ";")
                } else {
                    problems.append("\(name):\(entry.value.mark.line): “\(entry.key)” must be a text")
                    sound = false
                }
            }
            if sound { rows.append(Row(line: element.mark.line, values: values)) }
        }
    }

    private static func lineOfInvalidUTF8(_ bytes: [UInt8]) -> Int? {
        if String(validating: bytes, as: UTF8.self) != nil { return nil }
        let lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
        return (lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0) + 1
    }
}
