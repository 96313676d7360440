import Foundation
import PluginAPI

/// A value in a table.
public enum SQLValue: Sendable, Hashable {
    case null
    case int(Int64)
    case double(Double)
    case text(String)
    case blob([UInt8])
}

/// What can be given to a statement.
public protocol SQLConvertible {
    var sql: SQLValue { get }
}

extension String: SQLConvertible { public var sql: SQLValue { .text(self) } }
extension Int: SQLConvertible { public var sql: SQLValue { .int(Int64(self)) } }
extension Int64: SQLConvertible { public var sql: SQLValue { .int(self) } }
extension Double: SQLConvertible { public var sql: SQLValue { .double(self) } }
extension Bool: SQLConvertible { public var sql: SQLValue { .int(self ? 1 : 0) } }
extension Date: SQLConvertible { public var sql: SQLValue { .int(milliseconds) } }
extension [UInt8]: SQLConvertible { public var sql: SQLValue { .blob(self) } }
extension Optional: SQLConvertible where Wrapped: SQLConvertible { public var sql: SQLValue { self?.sql ?? .null } }

extension SQLValue {
    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()
    fileprivate static let decoder = JSONDecoder()

    /// A value as JSON text.
    public static func json(_ value: some Encodable) throws -> SQLValue {
        .text(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

/// One row of a result: columns by name, values by the type that is asked for.
public struct SQLRow: Sendable {
    private let names: [String]
    private let values: [SQLValue]

    public init(names: [String], values: [SQLValue]) {
        self.names = names
        self.values = values
    }

    /// The raw value; nil where there is no such column.
    public subscript(name: String) -> SQLValue? { names.firstIndex(of: name).map { values[$0] } }

    /// - Throws: ``StorageError`` `.unexpectedValue` where the column is missing or of another type.
    public func string(_ name: String) throws -> String { try require(name, stringIfPresent(name)) }
    public func int(_ name: String) throws -> Int { try require(name, intIfPresent(name)) }
    public func double(_ name: String) throws -> Double { try require(name, doubleIfPresent(name)) }
    public func bool(_ name: String) throws -> Bool { try int(name) != 0 }
    public func date(_ name: String) throws -> Date { try require(name, dateIfPresent(name)) }
    public func blob(_ name: String) throws -> [UInt8] { try require(name, blobIfPresent(name)) }
    public func json<T: Decodable>(_ name: String, as type: T.Type) throws -> T {
        try SQLValue.decoder.decode(type, from: Data(string(name).utf8))
    }

    public func stringIfPresent(_ name: String) -> String? { if case .text(let value)? = self[name] { value } else { nil } }
    public func intIfPresent(_ name: String) -> Int? { if case .int(let value)? = self[name] { Int(value) } else { nil } }
    public func dateIfPresent(_ name: String) -> Date? { if case .int(let value)? = self[name] { Date(milliseconds: value) } else { nil } }
    public func blobIfPresent(_ name: String) -> [UInt8]? { if case .blob(let value)? = self[name] { value } else { nil } }
    public func doubleIfPresent(_ name: String) -> Double? {
        switch self[name] {
        case .double(let value)?: value
        case .int(let value)?: Double(value)
        default: nil
        }
    }

    private func require<T>(_ name: String, _ value: T?) throws -> T {
        guard let value else { throw StorageError.unexpectedValue(column: name) }
        return value
    }
}
