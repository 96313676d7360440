import CVector

/// Vectors of one length in memory, each scaled to length 1, in blocks of contiguous numbers.
///
/// Each row is kept twice: exactly, and rounded to bytes (``ByteRow``). A search reads the bytes, a quarter of the memory, and turns to the exact
/// numbers only where the rounding leaves open whether a row is among the nearest. What it finds is exact.
///
/// A value: a search holds a copy, and a change made meanwhile copies only the block it touches.
struct VectorMatrix: Sendable {
    struct Block: Sendable {
        var keys: [String] = []
        var values: [Float] = []
        var bytes: [Int8] = []
        var scales: [Float] = []
        var errors: [Float] = []
    }

    private static let rowsPerBlock = 2_048
    /// Rows are padded with zeros to a multiple of what one step of a dot product takes.
    private static let lane = 32
    /// More than all the rounding that 32-bit arithmetic does to a score.
    private static let tolerance: Float = 1e-5

    let dimensions: Int
    private let stride: Int
    private(set) var blocks: [Block] = []
    private var places: [String: Int] = [:]

    init(dimensions: Int) {
        self.dimensions = dimensions
        stride = (dimensions + Self.lane - 1) / Self.lane * Self.lane
    }

    var count: Int { places.count }

    /// - Parameter vector: has ``dimensions`` numbers; it is scaled to length 1, save that zero stays zero.
    mutating func put(_ key: String, _ vector: [Float]) {
        let row = padded(vector)
        let rounded = ByteRow(row)
        if let place = places[key] { return set(place, key, row, rounded) }
        places[key] = count
        if blocks.last.map({ $0.keys.count == Self.rowsPerBlock }) ?? true { blocks.append(Block()) }
        let last = blocks.count - 1
        blocks[last].keys.append(key)
        blocks[last].values.append(contentsOf: row)
        blocks[last].bytes.append(contentsOf: rounded.bytes)
        blocks[last].scales.append(rounded.scale)
        blocks[last].errors.append(rounded.error)
    }

    /// The last vector takes the place of the one that leaves.
    mutating func remove(_ key: String) {
        guard let place = places.removeValue(forKey: key) else { return }
        let last = blocks.count - 1
        let lastKey = blocks[last].keys.removeLast()
        let row = Array(blocks[last].values.suffix(stride))
        let rounded = ByteRow(
            bytes: Array(blocks[last].bytes.suffix(stride)), scale: blocks[last].scales.removeLast(), error: blocks[last].errors.removeLast())
        blocks[last].values.removeLast(stride)
        blocks[last].bytes.removeLast(stride)
        if blocks[last].keys.isEmpty { blocks.removeLast() }
        guard lastKey != key else { return }
        set(place, lastKey, row, rounded)
        places[lastKey] = place
    }

    private mutating func set(_ place: Int, _ key: String, _ row: [Float], _ rounded: ByteRow) {
        let (block, at) = place.quotientAndRemainder(dividingBy: Self.rowsPerBlock)
        let range = at * stride..<(at + 1) * stride
        blocks[block].keys[at] = key
        blocks[block].values.replaceSubrange(range, with: row)
        blocks[block].bytes.replaceSubrange(range, with: rounded.bytes)
        blocks[block].scales[at] = rounded.scale
        blocks[block].errors[at] = rounded.error
    }

    /// The nearest rows, exactly; equal scores in the order of their keys.
    /// - Parameter sharedFrom: with fewer numbers than these, a second task costs more than it saves.
    func nearest(to vector: [Float], limit: Int, workers: Int, sharedFrom: Int = 1 << 22) async -> [NearestRows.Hit] {
        let query = padded(vector)
        let stride = stride
        guard workers > 1, count * stride >= sharedFrom else { return Self.scan(blocks, query, stride, limit).sorted }
        return await withTaskGroup(of: NearestRows.self) { group in
            let share = (blocks.count + workers - 1) / workers
            for start in Swift.stride(from: 0, to: blocks.count, by: share) {
                let part = blocks[start..<min(start + share, blocks.count)]
                group.addTask { Self.scan(part, query, stride, limit) }
            }
            var all = NearestRows(limit: limit)
            for await part in group { all.add(part) }
            return all.sorted
        }
    }

    private func padded(_ vector: [Float]) -> [Float] {
        let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let scale = length > 0 ? 1 / length : 0
        return vector.map { Float(Double($0) * scale) } + repeatElement(0, count: stride - vector.count)
    }

    /// A row v stands as s·q with an error e, the query u as t·r with an error f. Then u·v = s·t·(q·r) + s·(q·f) + u·e, and by Cauchy and Schwarz the
    /// last two are at most (1 + |e|)·|f| and |e|, both being of length 1 or 0. A row that cannot reach the worst of the best even so is passed over.
    private static func scan(_ blocks: some Collection<Block>, _ query: [Float], _ stride: Int, _ limit: Int) -> NearestRows {
        let rounded = ByteRow(query)
        var best = NearestRows(limit: limit)
        query.withUnsafeBytes { query in
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: rowsPerBlock) { products in
                for block in blocks {
                    block.values.withUnsafeBytes { values in
                        guard let query = query.baseAddress, let values = values.baseAddress, let first = products.baseAddress else { return }
                        jack_dot_rows(rounded.bytes, block.bytes, stride, block.keys.count, first)
                        for row in block.keys.indices {
                            let error = block.errors[row]
                            let near = block.scales[row] * rounded.scale * Float(first[row])
                            guard near + error + (1 + error) * rounded.error + tolerance >= best.worst else { continue }
                            let score = exactDot(query, values + row * stride * MemoryLayout<Float>.size, stride)
                            if score >= best.worst { best.offer(score, block.keys[row]) }
                        }
                    }
                }
            }
        }
        return best
    }

    /// The dot product of `count` floats. Four sums side by side: one alone would wait for itself at each step.
    @inline(__always)
    private static func exactDot(_ x: UnsafeRawPointer, _ y: UnsafeRawPointer, _ count: Int) -> Float {
        @inline(__always) func product(_ at: Int) -> SIMD8<Float> {
            x.loadUnaligned(fromByteOffset: 4 * at, as: SIMD8<Float>.self) * y.loadUnaligned(fromByteOffset: 4 * at, as: SIMD8<Float>.self)
        }
        var a = SIMD8<Float>()
        var b = a
        var c = a
        var d = a
        var i = 0
        while i < count {
            a += product(i)
            b += product(i + 8)
            c += product(i + 16)
            d += product(i + 24)
            i += lane
        }
        return ((a + b) + (c + d)).sum()
    }
}

/// A row rounded to bytes: `scale` times `bytes` is the row but for a vector no longer than `error`.
struct ByteRow: Sendable {
    let bytes: [Int8]
    let scale: Float
    let error: Float

    init(bytes: [Int8], scale: Float, error: Float) {
        self.bytes = bytes
        self.scale = scale
        self.error = error
    }

    init(_ row: [Float]) {
        let largest = row.reduce(0) { max($0, abs($1)) }
        let step = largest / 127
        let bytes = row.map { step > 0 ? Int8(max(-127, min(127, ($0 / step).rounded()))) : 0 }
        let square = zip(row, bytes).reduce(0.0) { sum, pair in
            let rest = Double(pair.0) - Double(step) * Double(pair.1)
            return sum + rest * rest
        }
        self.init(bytes: bytes, scale: step, error: Float(square.squareRoot()).nextUp)
    }
}

/// The best rows seen so far, best first.
struct NearestRows: Sendable {
    struct Hit: Sendable {
        let key: String
        let score: Float

        static func < (a: Hit, b: Hit) -> Bool { a.score != b.score ? a.score > b.score : a.key < b.key }
    }

    private let limit: Int
    private(set) var sorted: [Hit] = []
    /// What a row must reach to be worth offering.
    private(set) var worst = -Float.infinity

    init(limit: Int) { self.limit = limit }

    mutating func offer(_ score: Float, _ key: String) {
        let hit = Hit(key: key, score: score)
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < hit { low = middle + 1 } else { high = middle }
        }
        guard low < limit else { return }
        if sorted.count == limit { sorted.removeLast() }
        sorted.insert(hit, at: low)
        if sorted.count == limit { worst = sorted[limit - 1].score }
    }

    mutating func add(_ other: NearestRows) {
        for hit in other.sorted where hit.score >= worst { offer(hit.score, hit.key) }
    }
}
