/// A reply taken apart, so that a suite can spoil it in one place.
struct ReplyParts: Sendable {
    var status: Int
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    /// Nil where the reply is no HTTP response.
    init?(_ reply: LoopbackReply) {
        let bytes = reply.steps.flatMap { step -> [UInt8] in if case .send(let bytes) = step { bytes } else { [] } }
        guard let end = bytes.firstRange(of: [13, 10, 13, 10]) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        self.status = status
        headers = lines.dropFirst().compactMap { line in
            line.firstIndex(of: ":").map { (String(line[..<$0]), String(line[line.index(after: $0)...].drop { $0 == " " })) }
        }
        body = Array(bytes[end.upperBound...])
        if headers.contains(where: { $0.name.lowercased() == "transfer-encoding" }) { body = Self.joined(chunks: body) }
        headers.removeAll { ["transfer-encoding", "content-length", "connection"].contains($0.name.lowercased()) }
    }

    private static func joined(chunks: [UInt8]) -> [UInt8] {
        var rest = chunks[...], body: [UInt8] = []
        while let end = rest.firstRange(of: [13, 10]) {
            guard let count = Int(String(decoding: rest[..<end.lowerBound], as: UTF8.self), radix: 16), count > 0 else { break }
            body += rest[end.upperBound...].prefix(count)
            rest = rest[end.upperBound...].dropFirst(count + 2)
        }
        return body
    }

    /// The reply with its length.
    var reply: LoopbackReply { .status(status, headers: headers.map { ($0.name, $0.value) }, body: body) }

    /// The reply in chunks of a few bytes, each on its own way.
    func dripping(_ piece: Int) -> LoopbackReply {
        var steps: [LoopbackReply.Step] = [
            .send(LoopbackReply.head(status, headers.map { ($0.name, $0.value) } + [("Content-Length", "\(body.count)")]))
        ]
        for start in stride(from: 0, to: body.count, by: piece) {
            steps += [.send(Array(body[start..<min(body.count, start + piece)])), .pause(.microseconds(50))]
        }
        return LoopbackReply(steps)
    }

    /// The first half of the body, and then an end of the connection that the protocol allows: only the content tells that there is more.
    var halved: LoopbackReply {
        LoopbackReply([
            .send(LoopbackReply.head(status, headers.map { ($0.name, $0.value) } + [("Connection", "close")]) + body.prefix(body.count / 2)), .close,
        ])
    }

    /// The first half, under the length of the whole.
    var cut: LoopbackReply {
        LoopbackReply([
            .send(
                LoopbackReply.head(status, headers.map { ($0.name, $0.value) } + [("Content-Length", "\(body.count)")]) + body.prefix(body.count / 2)),
            .close,
        ])
    }

    func with(status: Int) -> ReplyParts {
        var parts = self
        parts.status = status
        return parts
    }

    func with(body: [UInt8]) -> ReplyParts {
        var parts = self
        parts.body = body
        return parts
    }
}

extension Collection<UInt8> {
    fileprivate func firstRange(of pattern: [UInt8]) -> Range<Index>? {
        var start = startIndex
        while start != endIndex {
            if self[start...].starts(with: pattern) { return start..<index(start, offsetBy: pattern.count) }
            formIndex(after: &start)
        }
        return nil
    }
}
