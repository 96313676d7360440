/// Reads JSON documents that stand on a line each (`application/x-ndjson`, JSON Lines), from pieces that may end anywhere.
public struct JSONLineParser: BodyParser {
    private let maximumLineBytes: Int
    private var line: [UInt8] = []
    /// What is wrong with the stream, once the documents before it were given out.
    private var fault: PluginFailure?

    /// - Parameter maximumLineBytes: a line longer than this is a failure.
    public init(maximumLineBytes: Int = 1 << 20) { self.maximumLineBytes = maximumLineBytes }

    /// Takes the next piece and returns the documents whose lines it ends. Blank lines say nothing.
    /// - Throws: ``PluginFailure`` not ready where a line is no JSON or longer than is allowed; where documents stand before it in the same piece, they
    ///   are returned first, and the next call throws.
    public mutating func feed(_ bytes: some Sequence<UInt8>) throws -> [JSONValue] {
        try check()
        var documents: [JSONValue] = []
        do {
            for byte in bytes {
                if byte == 0x0A {
                    if let document = try finish() { documents.append(document) }
                } else {
                    guard line.count < maximumLineBytes else {
                        throw PluginFailure.notReady(.malformedReply, "the stream has a line longer than \(maximumLineBytes) bytes")
                    }
                    line.append(byte)
                }
            }
        } catch let failure as PluginFailure {
            fault = failure
            if documents.isEmpty { throw failure }
        }
        return documents
    }

    /// Throws what is wrong with the stream so far.
    public func check() throws { if let fault { throw fault } }

    /// The document of a last line that no line feed ends.
    /// - Throws: ``PluginFailure`` not ready where it is no whole JSON.
    public mutating func finish() throws -> JSONValue? {
        try check()
        defer { line.removeAll(keepingCapacity: true) }
        if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return nil }
        return try JSONValue(json: line)
    }
}

/// The JSON documents of a response's body, one a line, as they come.
public typealias JSONLines = ParsedBody<JSONLineParser>

extension ParsedBody<JSONLineParser> {
    /// - Parameter maximumLineBytes: a line longer than this is a failure.
    public init(_ response: StreamedResponse, maximumLineBytes: Int = 1 << 20) {
        self.init(response, JSONLineParser(maximumLineBytes: maximumLineBytes))
    }
}
