import Foundation
import Testing

/// A WebSocket client that can also break the rules.
struct WebSocketClient {
    struct Frame: Equatable {
        var opcode: UInt8
        var payload: [UInt8]
        var text: String { String(decoding: payload, as: UTF8.self) }
        /// Of a close frame.
        var closeCode: Int? { opcode == 8 && payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil }
    }

    let raw: RawClient

    static func handshake(_ path: String, headers: [String] = []) -> String {
        ([
            "GET \(path) HTTP/1.1", "Host: jack.test", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ] + headers).joined(separator: "\r\n") + "\r\n\r\n"
    }

    static func open(_ port: Int, _ path: String, headers: [String] = []) async throws -> WebSocketClient {
        let raw = try await RawClient.connect(port)
        try await raw.send(handshake(path, headers: headers))
        let answer = try await raw.until("\r\n\r\n")
        try #require(answer.hasPrefix("HTTP/1.1 101 "), "\(answer)")
        // RFC 6455, 1.3, has this key and this answer.
        try #require(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "\(answer)")
        let head = try #require(answer.range(of: "\r\n\r\n"))
        _ = raw.take(answer[..<head.upperBound].utf8.count)
        return WebSocketClient(raw: raw)
    }

    static func frame(_ opcode: UInt8, _ payload: [UInt8], fin: Bool = true, masked: Bool = true, rsv: UInt8 = 0) -> [UInt8] {
        var bytes: [UInt8] = [(fin ? 0x80 : 0) | rsv << 4 | opcode]
        let mask: UInt8 = masked ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(mask | UInt8(payload.count))
        case ..<65536: bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default: bytes += [mask | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        let key: [UInt8] = [1, 2, 3, 4]
        if masked { bytes += key }
        return bytes + (masked ? payload.enumerated().map { $1 ^ key[$0 % 4] } : payload)
    }

    func send(_ text: String) async throws { try await raw.send(Self.frame(1, Array(text.utf8))) }

    /// The next frame that is no ping.
    func next(pings: Bool = false) async throws -> Frame {
        while true {
            var size: (header: Int, payload: Int)?
            try await raw.wait(for: "a frame") { state in
                size = Self.size(state.bytes)
                guard let size else { return state.isClosed }
                return state.bytes.count >= size.header + size.payload
            }
            let (header, payload) = try #require(size, "the connection closed without a frame")
            let bytes = raw.take(header + payload)
            try #require(bytes[1] & 0x80 == 0, "a server does not mask")
            let frame = Frame(opcode: bytes[0] & 0x0F, payload: Array(bytes[header...]))
            if frame.opcode != 9 || pings { return frame }
        }
    }

    private static func size(_ bytes: [UInt8]) -> (header: Int, payload: Int)? {
        guard bytes.count >= 2 else { return nil }
        switch bytes[1] & 0x7F {
        case 126: return bytes.count >= 4 ? (4, Int(bytes[2]) << 8 | Int(bytes[3])) : nil
        case 127: return bytes.count >= 10 ? (10, bytes[2..<10].reduce(0) { $0 << 8 | Int($1) }) : nil
        default: return (2, Int(bytes[1] & 0x7F))
        }
    }
}
