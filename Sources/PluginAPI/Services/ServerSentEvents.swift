/// One event of an event stream.
public struct ServerSentEvent: Sendable, Hashable {
    /// The event's type; `message` where the stream names none.
    public var event: String
    /// The data's lines, joined by line feeds.
    public var data: String
    /// The last id that the stream has named, which may be an earlier event's; empty where it named none.
    public var id: String

    public init(event: String = "message", data: String, id: String = "") {
        self.event = event
        self.data = data
        self.id = id
    }
}

/// Reads an event stream (`text/event-stream`) as WHATWG's HTML standard says in 9.2.6, from pieces that may end anywhere, also inside a character.
///
/// What follows the last empty line is no event: a stream that breaks off inside one has not sent it.
public struct ServerSentEventParser: BodyParser {
    private let maximumEventBytes: Int
    private var line: [UInt8] = []
    /// Each line of data with a line feed after it.
    private var data: [UInt8] = []
    private var event = ""
    private var lastID = ""
    private var isFirstLine = true
    private var followsCarriageReturn = false
    /// What is wrong with the stream, once the events before it were given out.
    private var fault: PluginFailure?

    /// How long the sender asks to wait before connecting again, where it does.
    public private(set) var retry: Duration?

    /// - Parameter maximumEventBytes: an event longer than this is a failure.
    public init(maximumEventBytes: Int = 1 << 20) { self.maximumEventBytes = maximumEventBytes }

    /// Takes the next piece and returns the events that it completes.
    /// - Throws: ``PluginFailure`` not ready where an event is longer than is allowed; where others stand before it in the same piece, they are returned
    ///   first, and the next call throws.
    public mutating func feed(_ bytes: some Sequence<UInt8>) throws -> [ServerSentEvent] {
        try check()
        var events: [ServerSentEvent] = []
        for byte in bytes {
            let isSecondHalf = followsCarriageReturn && byte == 0x0A
            followsCarriageReturn = byte == 0x0D
            if isSecondHalf { continue }
            if byte == 0x0A || byte == 0x0D {
                if let event = endLine() { events.append(event) }
            } else {
                guard line.count + data.count < maximumEventBytes else {
                    fault = .notReady(.malformedReply, "the stream has an event longer than \(maximumEventBytes) bytes")
                    if events.isEmpty { try check() }
                    return events
                }
                line.append(byte)
            }
        }
        return events
    }

    /// Throws what is wrong with the stream so far.
    public func check() throws { if let fault { throw fault } }

    /// Nil: what no empty line has ended was not sent.
    public mutating func finish() throws -> ServerSentEvent? {
        try check()
        return nil
    }

    private mutating func endLine() -> ServerSentEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        }
        if line.isEmpty { return dispatch() }
        let colon = line.firstIndex(of: 0x3A)
        // A line that begins with a colon is a comment.
        if colon == line.startIndex { return nil }
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == 0x20 { value = value.dropFirst() }
        switch String(decoding: line[..<(colon ?? line.endIndex)], as: UTF8.self) {
        case "data":
            data += value
            data.append(0x0A)
        case "event": event = String(decoding: value, as: UTF8.self)
        case "id" where !value.contains(0): lastID = String(decoding: value, as: UTF8.self)
        case "retry" where !value.isEmpty && value.count < 10 && value.allSatisfy { (0x30...0x39).contains($0) }:
            retry = Int64(String(decoding: value, as: UTF8.self)).map { .milliseconds($0) }
        default: break
        }
        return nil
    }

    private mutating func dispatch() -> ServerSentEvent? {
        defer {
            data.removeAll(keepingCapacity: true)
            event = ""
        }
        if data.isEmpty { return nil }
        return ServerSentEvent(event: event.isEmpty ? "message" : event, data: String(decoding: data.dropLast(), as: UTF8.self), id: lastID)
    }
}

/// The events of a response's body, as they come.
///
/// Ends where the body ends; whether that was the stream's own end, the sender's protocol must say.
public typealias ServerSentEvents = ParsedBody<ServerSentEventParser>

extension ParsedBody<ServerSentEventParser> {
    /// - Parameter maximumEventBytes: an event longer than this is a failure.
    public init(_ response: StreamedResponse, maximumEventBytes: Int = 1 << 20) {
        self.init(response, ServerSentEventParser(maximumEventBytes: maximumEventBytes))
    }
}
