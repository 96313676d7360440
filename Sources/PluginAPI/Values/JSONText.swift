import Foundation

extension JSONValue {
    /// Reads JSON text in UTF-8; half a surrogate pair is U+FFFD.
    /// - Throws: ``PluginFailure`` not ready, malformed reply, which quotes nothing of the text.
    public init(json bytes: some Sequence<UInt8>) throws {
        do {
            self = try JSONDecoder().decode(JSONValue.self, from: Data(bytes.withoutLoneSurrogates))
        } catch {
            // The decoder's own error quotes what it read.
            throw PluginFailure.notReady(.malformedReply, "the reply is not JSON")
        }
    }

    /// The value as JSON text with its keys in order: the same value always gives the same bytes.
    /// - Throws: ``PluginFailure`` permanent where a number is none that JSON knows.
    public func jsonBytes() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return try [UInt8](encoder.encode(self))
        } catch {
            throw PluginFailure.permanent(.invalidRequest, "a value cannot be written as JSON")
        }
    }

    /// ``jsonBytes()`` as text.
    public func jsonText() throws -> String { try String(decoding: jsonBytes(), as: UTF8.self) }
}
