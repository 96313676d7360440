import Foundation
import PluginAPI

extension JSONValue {
    /// The value of a JSON text; nil where it is none.
    public init?(json bytes: [UInt8]) {
        guard !bytes.isEmpty, let value = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)) else { return nil }
        self = value
    }

    /// The value as JSON, keys sorted.
    public var jsonBytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Only a number that is not finite cannot be encoded, and no JSON text holds one.
        return (try? encoder.encode(self)).map { [UInt8]($0) } ?? []
    }

    /// Every text in it, keys included.
    var texts: [String] {
        switch self {
        case .string(let text): [text]
        case .array(let values): values.flatMap(\.texts)
        case .object(let members): members.flatMap { [$0.key] + $0.value.texts }
        default: []
        }
    }

    /// One step into a value.
    enum Step: Hashable {
        case key(String)
        case index(Int)
    }

    /// The ways to every value in it, itself left out.
    var paths: [[Step]] {
        switch self {
        case .array(let values): values.enumerated().flatMap { index, value in [[.index(index)]] + value.paths.map { [.index(index)] + $0 } }
        case .object(let members):
            members.sorted { $0.key < $1.key }.flatMap { key, value in [[.key(key)]] + value.paths.map { [.key(key)] + $0 } }
        default: []
        }
    }

    /// The value with another at a place; nil takes it out.
    func replacing(_ path: ArraySlice<Step>, with new: JSONValue?) -> JSONValue {
        guard let step = path.first else { return new ?? .null }
        switch (self, step) {
        case (.array(var values), .index(let index)) where values.indices.contains(index):
            if path.count == 1, new == nil {
                values.remove(at: index)
            } else {
                values[index] = values[index].replacing(path.dropFirst(), with: new)
            }
            return .array(values)
        case (.object(var members), .key(let key)):
            members[key] = path.count == 1 && new == nil ? nil : (members[key] ?? .null).replacing(path.dropFirst(), with: new)
            return .object(members)
        default: return self
        }
    }

    /// The value with each part in turn taken out or replaced by one of another type; at most `limit` of them.
    func mutations(limit: Int) -> [JSONValue] {
        let others: [JSONValue?] = [nil, .null, .int(-1), .string("\u{0}☃"), .array([]), .object(["x": .array([.null])])]
        let all = paths.flatMap { path in others.map { replacing(path[...], with: $0) } }.filter { $0 != self }
        guard all.count > limit else { return all }
        // Evenly over the whole, the same each time.
        return (0..<limit).map { all[$0 * all.count / limit] }
    }
}
