/// Makes elements of a body's pieces, which may end anywhere.
public protocol BodyParser: Sendable {
    associatedtype Element: Sendable

    /// Takes the next piece and returns the elements that it completes.
    /// - Throws: ``PluginFailure`` where the body is not what it should be; what stands before the fault in the same piece is returned first, and the next call throws.
    mutating func feed(_ piece: some Sequence<UInt8>) throws -> [Element]

    /// Throws what is wrong with the body so far.
    func check() throws

    /// The last element, where the body's end ends one.
    mutating func finish() throws -> Element?
}

/// What a parser makes of a response's body, as it comes.
public struct ParsedBody<Parser: BodyParser>: AsyncSequence, Sendable {
    public typealias Element = Parser.Element

    private let body: AsyncThrowingStream<[UInt8], any Error>
    private let parser: Parser

    public init(_ response: StreamedResponse, _ parser: Parser) {
        body = response.body
        self.parser = parser
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var pieces: AsyncThrowingStream<[UInt8], any Error>.AsyncIterator
        fileprivate var parser: Parser
        /// The last one comes first out.
        fileprivate var ready: [Element] = []

        public mutating func next() async throws -> Parser.Element? {
            while ready.isEmpty {
                try parser.check()
                guard let piece = try await pieces.next() else { return try parser.finish() }
                ready = try parser.feed(piece).reversed()
            }
            return ready.popLast()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pieces: body.makeAsyncIterator(), parser: parser) }
}
