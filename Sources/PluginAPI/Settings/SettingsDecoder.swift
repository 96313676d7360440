/// Hands values that the schema has already read to the `init(from:)` that the compiler writes for a settings type: so a settings type is an
/// ordinary immutable struct, and no reflection ever writes to one.
struct SettingsDecoder: Decoder {
    let values: [String: any Sendable]
    var codingPath: [any CodingKey] = []
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(SettingsContainer<Key>(values: values, codingPath: codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw unsupported }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { throw unsupported }
    private var unsupported: DecodingError { .undeclared(codingPath) }
}

extension Setting: Decodable {
    public init(from decoder: any Decoder) throws { throw DecodingError.undeclared(decoder.codingPath) }

    static func restored(_ value: any Sendable) -> Setting? { (value as? Value).map(Setting.init(decoded:)) }
}

private protocol RestorableSetting { static func restored(_ value: any Sendable) -> Self? }
extension Setting: RestorableSetting {}

extension DecodingError {
    fileprivate static func undeclared(_ path: [any CodingKey]) -> DecodingError {
        .dataCorrupted(Context(codingPath: path, debugDescription: "every stored property of a settings type is declared with @Setting"))
    }
}

private struct SettingsContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let values: [String: any Sendable]
    let codingPath: [any CodingKey]
    var allKeys: [Key] { values.keys.compactMap(Key.init(stringValue:)) }

    func contains(_ key: Key) -> Bool { values[key.stringValue] != nil }
    func decodeNil(forKey key: Key) throws -> Bool { !contains(key) }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        guard let value = values[key.stringValue], let setting = type as? any RestorableSetting.Type, let restored = setting.restored(value) as? T
        else { throw DecodingError.undeclared(codingPath + [key]) }
        return restored
    }

    func nestedContainer<N: CodingKey>(keyedBy type: N.Type, forKey key: Key) throws -> KeyedDecodingContainer<N> {
        throw DecodingError.undeclared(codingPath + [key])
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { throw DecodingError.undeclared(codingPath + [key]) }
    func superDecoder() throws -> any Decoder { throw DecodingError.undeclared(codingPath) }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw DecodingError.undeclared(codingPath + [key]) }
}
