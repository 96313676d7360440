import Foundation
import HTTPTypes
import PluginAPI

/// A request as the vendor's document shows it: what a plugin sends is compared with it, part by part.
///
/// ```swift
/// let golden = try GoldenRequest(
///     """
///     POST /v1/messages?draft=false
///     Authorization: Bearer a-token
///     Content-Type: application/json
///
///     { "to": "+49151", "text": { "body": "Hello" }, "id": "<any>" }
///     """)
/// #expect(golden.mismatches(server.requests[0]) == [])
/// ```
/// In a header's value or a JSON text `<any>` stands for whatever is there. Header fields that the golden request does not name are not looked at, those
/// written as `Name: <none>` must be missing. JSON is compared by its structure; the order of keys and the way of writing do not matter.
public struct GoldenRequest: Sendable {
    public var method: String
    /// Path and query; the order of the query's parameters does not matter.
    public var target: String
    public var headers: [(name: String, value: String)]
    /// What the body must be: JSON, a text, or nothing.
    public var body: String

    public init(_ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: String = "") {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
    }

    /// A text that is no request.
    public struct Malformed: Error, CustomStringConvertible {
        public let description: String
    }

    /// Reads a request from a text: the line of the request, header fields, an empty line, the body.
    /// - Throws: ``Malformed``.
    public init(_ text: String) throws {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        let first = lines.popFirst()?.split(separator: " ") ?? []
        guard first.count >= 2 else { throw Malformed(description: "the first line must be a method and a target") }
        method = String(first[0])
        target = String(first[1])
        headers = []
        while let line = lines.popFirst(), !line.allSatisfy(\.isWhitespace) {
            guard let colon = line.firstIndex(of: ":") else { throw Malformed(description: "“\(line)” is no header field") }
            headers.append((String(line[..<colon]), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)))
        }
        body = lines.joined(separator: "\n").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Each difference in a line; empty where the request is as it should be.
    public func mismatches(_ request: LoopbackServer.Request) -> [String] {
        mismatches(method: request.method, target: request.target, header: request.header, body: request.body)
    }

    /// The same for a request that a ``ScriptedHTTPClient`` took.
    public func mismatches(_ request: ClientRequest) -> [String] {
        let rest = request.url.range(of: "://").map { request.url[$0.upperBound...] } ?? request.url[...]
        let target = rest.firstIndex { "/?".contains($0) }.map { String(rest[$0...]) } ?? "/"
        let fields = request.headers
        return mismatches(
            method: request.method.rawValue, target: target,
            header: { name in fields.first { $0.name.rawName.lowercased() == name.lowercased() }?.value }, body: request.body)
    }

    private func mismatches(method: String, target: String, header: (String) -> String?, body: [UInt8]) -> [String] {
        var found: [String] = []
        if method != self.method { found.append("method: expected \(self.method), found \(method)") }
        let wanted = Self.split(self.target), given = Self.split(target)
        if wanted.path != given.path { found.append("path: expected \(wanted.path), found \(given.path)") }
        if wanted.query != given.query { found.append("query: expected \(wanted.query), found \(given.query)") }
        for (name, value) in headers {
            let there = header(name)
            if value == "<none>" {
                if let there { found.append("header \(name): expected none, found “\(there)”") }
            } else if let there {
                if !Self.fits(there, value) { found.append("header \(name): expected “\(value)”, found “\(there)”") }
            } else {
                found.append("header \(name): expected “\(value)”, found none")
            }
        }
        if let json = JSONValue(json: Array(self.body.utf8)) {
            guard let given = JSONValue(json: body) else {
                return found + ["body: expected JSON, found “\(String(decoding: body.prefix(200), as: UTF8.self))”"]
            }
            found += Self.differences(json, given, at: "$")
        } else if !Self.fits(String(decoding: body, as: UTF8.self), self.body) {
            found.append("body: expected “\(self.body)”, found “\(String(decoding: body.prefix(400), as: UTF8.self))”")
        }
        return found
    }

    private static func split(_ target: String) -> (path: String, query: [String]) {
        let mark = target.firstIndex(of: "?") ?? target.endIndex
        return (String(target[..<mark]), target[mark...].dropFirst().split(separator: "&").map(String.init).sorted())
    }

    /// Whether a text is as a pattern in which `<any>` stands for whatever is there.
    private static func fits(_ text: String, _ pattern: String) -> Bool {
        let parts = pattern.components(separatedBy: "<any>")
        guard parts.count > 1 else { return text == pattern }
        var rest = text[...]
        for (index, part) in parts.enumerated() where !part.isEmpty {
            if index == 0 {
                guard rest.hasPrefix(part) else { return false }
                rest = rest.dropFirst(part.count)
            } else if index == parts.count - 1 {
                return rest.hasSuffix(part)
            } else {
                guard let range = rest.range(of: part) else { return false }
                rest = rest[range.upperBound...]
            }
        }
        return true
    }

    /// Where two JSON values differ, one line each.
    static func differences(_ wanted: JSONValue, _ given: JSONValue, at path: String) -> [String] {
        if wanted == "<any>" { return [] }
        switch (wanted, given) {
        case (.object(let left), .object(let right)):
            return Set(left.keys).union(right.keys).sorted().flatMap { key -> [String] in
                switch (left[key], right[key]) {
                case (let wanted?, let given?): differences(wanted, given, at: "\(path).\(key)")
                case (let wanted?, nil): ["\(path).\(key): expected \(text(wanted)), found nothing"]
                case (nil, let given?): ["\(path).\(key): expected nothing, found \(text(given))"]
                case (nil, nil): []
                }
            }
        case (.array(let left), .array(let right)):
            let count = left.count == right.count ? [] : ["\(path): expected \(left.count) elements, found \(right.count)"]
            return count + zip(left, right).enumerated().flatMap { differences($1.0, $1.1, at: "\(path)[\($0)]") }
        case (.string(let pattern), .string(let text)) where fits(text, pattern): return []
        case (let left, let right) where left.doubleValue != nil && left.doubleValue == right.doubleValue: return []
        default: return wanted == given ? [] : ["\(path): expected \(text(wanted)), found \(text(given))"]
        }
    }

    private static func text(_ value: JSONValue) -> String { String(decoding: value.jsonBytes, as: UTF8.self) }
}
