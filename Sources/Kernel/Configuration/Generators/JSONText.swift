import Foundation
import PluginAPI

/// Writes JSON for people: indented, keys sorted, slashes as they are.
public enum JSONText {
    public static func pretty(_ value: JSONValue) -> String { text(value, [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]) }

    /// On one line.
    public static func compact(_ value: JSONValue) -> String { text(value, [.sortedKeys, .withoutEscapingSlashes]) }

    private static func text(_ value: JSONValue, _ formatting: JSONEncoder.OutputFormatting) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting
        encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        // No value of this type can fail to encode once the three floats that JSON lacks have names.
        return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }
}

extension Diagnostics {
    /// As `jack check --json` prints them: in reading order, with stable codes.
    public var json: JSONValue {
        .array(
            sorted.map { diagnostic in
                var members: [String: JSONValue] = [
                    "severity": .string(diagnostic.severity.rawValue), "code": .string(diagnostic.code.rawValue),
                    "message": .string(diagnostic.message),
                ]
                if let remedy = diagnostic.remedy { members["remedy"] = .string(remedy) }
                if let mark = diagnostic.mark {
                    members["file"] = .string(mark.file)
                    members["line"] = .int(mark.line)
                    members["column"] = .int(mark.column)
                }
                return .object(members)
            })
    }
}
