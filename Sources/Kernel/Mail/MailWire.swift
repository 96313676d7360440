import PluginAPI

/// Lines and counted bytes over a ``MailLink``, with bounded memory.
actor MailWire {
    nonisolated let link: MailLink
    private let engine: MailEngine
    private var buffer: [UInt8] = []
    private var start = 0

    /// Connects and logs in.
    init(_ link: MailLink, engine: MailEngine) async throws {
        self.link = link
        self.engine = engine
        try await link.open(on: engine)
    }

    deinit { _ = engine.post(.close(link)) }

    nonisolated func close() { _ = engine.post(.close(link)) }

    nonisolated var timeout: PluginFailure { .notReady(.timeout, "\(link.origin) did not answer within \(link.server.timeout.text)") }

    func send(_ bytes: [UInt8], by deadline: ContinuousClock.Instant) async throws { try await link.send(bytes, by: deadline, on: engine) }

    /// The next line without its end (CRLF, or LF alone); nil where the time is over and nothing of it has come.
    /// - Throws: ``PluginFailure``: not ready where the line is longer than `maximum`, or stops in its middle.
    func line(maximum: Int, by deadline: ContinuousClock.Instant) async throws -> [UInt8]? {
        var looked = start
        while true {
            if let end = buffer[looked...].firstIndex(of: 10) {
                let last = end > start && buffer[end - 1] == 13 ? end - 1 : end
                defer { consume(to: end + 1) }
                guard last - start <= maximum else { throw tooLong }
                return Array(buffer[start..<last])
            }
            let scanned = buffer.count - start
            guard scanned <= maximum else { throw tooLong }
            guard let piece = try await link.receive(by: deadline, on: engine) else {
                if scanned == 0 { return nil }
                throw timeout
            }
            append(piece)
            looked = start + scanned
        }
    }

    /// Exactly `count` bytes.
    func bytes(_ count: Int, by deadline: ContinuousClock.Instant) async throws -> [UInt8] {
        var result = Array(buffer[start..<min(buffer.count, start + count)])
        result.reserveCapacity(count)
        consume(to: start + result.count)
        while result.count < count {
            guard let piece = try await link.receive(by: deadline, on: engine) else { throw timeout }
            let taken = min(piece.count, count - result.count)
            result.append(contentsOf: piece[..<taken])
            if taken < piece.count { append(Array(piece[taken...])) }
        }
        return result
    }

    private var tooLong: PluginFailure { .notReady(.malformedReply, "\(link.origin) answered with a line that is longer than is allowed") }

    private func append(_ piece: [UInt8]) {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer.append(contentsOf: piece)
    }

    private func consume(to index: Int) {
        start = index
        if start >= buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 64 << 10)
            start = 0
        }
    }
}
