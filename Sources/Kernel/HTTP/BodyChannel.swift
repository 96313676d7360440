import Synchronization

/// Carries a body from the engine's thread to the one task that reads it. When the reader is slow it fills up, and the transfer is paused.
final class BodyChannel: Sendable {
    private struct State {
        var pieces: [[UInt8]] = []
        var first = 0
        var bytes = 0
        var isPaused = false
        var end: Result<Void, any Error>?
        var reader: CheckedContinuation<([UInt8]?, Bool), any Error>?

        mutating func pop() -> [UInt8]? {
            guard first < pieces.count else { return nil }
            let piece = pieces[first]
            pieces[first] = []
            first += 1
            bytes -= piece.count
            if first == pieces.count { (pieces, first) = ([], 0) }
            return piece
        }
    }

    private let state = Mutex(State())
    /// A transfer is paused while more than this is unread.
    private let high: Int
    /// And goes on once no more than this is.
    private let low: Int

    init(high: Int = 256 << 10, low: Int = 64 << 10) {
        self.high = high
        self.low = low
    }

    /// Offers a piece; false where the channel is full, and the piece must be offered again once the reader asks to resume.
    func offer(_ piece: [UInt8]) -> Bool {
        let (taken, reader) = state.withLock { state -> (Bool, CheckedContinuation<([UInt8]?, Bool), any Error>?) in
            if let reader = state.reader {
                state.reader = nil
                return (true, reader)
            }
            if state.bytes > high {
                state.isPaused = true
                return (false, nil)
            }
            state.pieces.append(piece)
            state.bytes += piece.count
            return (true, nil)
        }
        reader?.resume(returning: (piece, false))
        return taken
    }

    /// Says that nothing more comes: what is unread is still read before the end.
    func finish(_ end: Result<Void, any Error>) {
        let reader = state.withLock { state in
            if state.end == nil { state.end = end }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(with: end.map { (nil, false) })
    }

    /// The next piece, or nil at the end; with it, whether the transfer must be resumed.
    func next() async throws -> ([UInt8]?, Bool) {
        try await withCheckedThrowingContinuation { continuation in
            let result = state.withLock { state -> Result<([UInt8]?, Bool), any Error>? in
                if let piece = state.pop() {
                    let resumes = state.isPaused && state.bytes <= low
                    if resumes { state.isPaused = false }
                    return .success((piece, resumes))
                }
                if let end = state.end { return end.map { (nil, false) } }
                state.reader = continuation
                return nil
            }
            if let result { continuation.resume(with: result) }
        }
    }
}
