/// The alerts that stand open, by their ids.
///
/// Records lie one beside the other in pieces, and the ids say where. A dictionary of the records would keep half of its room empty, which for 100,000
/// alerts weighs as much as they do; and a piece that nobody changes stays shared with whoever looks at a copy of the core.
struct AlertTable: Sendable {
    private static let pieceLength: Int32 = 256

    private var places: [UInt64: Int32] = [:]
    private var pieces: [[AlertRecord?]] = []
    private var free: [Int32] = []

    var count: Int { places.count }
    var keys: Dictionary<UInt64, Int32>.Keys { places.keys }

    subscript(id: UInt64) -> AlertRecord? {
        get { places[id].flatMap { pieces[Int($0 / Self.pieceLength)][Int($0 % Self.pieceLength)] } }
        set {
            guard newValue != nil || places[id] != nil else { return }
            let place = places[id] ?? take(for: id)
            pieces[Int(place / Self.pieceLength)][Int(place % Self.pieceLength)] = newValue
            guard newValue == nil else { return }
            places[id] = nil
            free.append(place)
        }
    }

    /// A place for an alert that is new.
    private mutating func take(for id: UInt64) -> Int32 {
        if free.isEmpty {
            let first = Int32(pieces.count) * Self.pieceLength
            pieces.append(Array(repeating: nil, count: Int(Self.pieceLength)))
            free = (first..<first + Self.pieceLength).reversed()
        }
        let place = free.removeLast()
        places[id] = place
        return place
    }
}
