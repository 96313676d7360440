import Foundation
import Synchronization

/// A time zone's clock: what the clock on the wall shows at a moment, and when it shows a time first.
///
/// Offsets are asked of Foundation once, a year or so at a time, and kept: plans ask for them by the hundred thousand.
final class ZoneClock: Sendable {
    /// A jump of the clock.
    struct Jump: Sendable, Hashable {
        /// The first moment with the new offset.
        var at: Int
        var before: Int
        var after: Int

        /// True where the clock goes forward, and times are left out.
        var isGap: Bool { after > before }
        /// The times on the wall that do not exist (a gap) or that there are twice (a fold).
        var wall: Range<Int> { at + min(before, after)..<at + max(before, after) }
    }

    private struct Block {
        var offset: Int
        var jumps: [Jump]
    }

    let name: String
    private let zone: TimeZone
    private let blocks = Mutex<[Int: Block]>([:])
    /// About 388 days.
    private static let blockLength = 1 << 25
    /// No zone has ever gone over to another offset and back within so short a time since plans like these exist.
    private static let scanStep = 2 * 86400

    /// Nil where there is no such zone in the IANA's database.
    init?(_ name: String) {
        // Foundation also takes abbreviations such as EST, which say no rule for daylight saving.
        guard name == "UTC" || name == "GMT" || name.contains("/"), let zone = TimeZone(identifier: name) else { return nil }
        self.name = name
        self.zone = zone
    }

    private init(_ name: String, _ zone: TimeZone) {
        self.name = name
        self.zone = zone
    }

    static let utc = ZoneClock("UTC", .gmt)

    /// The clock of any zone, also of one that plans may not name.
    static func of(_ zone: TimeZone) -> ZoneClock { ZoneClock(zone.identifier, zone) }

    func offset(at moment: Int) -> Int {
        let block = block(moment.flooredQuotient(Self.blockLength))
        return block.jumps.last { $0.at <= moment }?.after ?? block.offset
    }

    func wall(at moment: Int) -> WallTime { WallTime(moment + offset(at: moment)) }

    /// The first moment at which the clock shows `wall` or later. A time that daylight saving leaves out is so the moment of the jump, and of a time
    /// that there is twice the first counts.
    func first(_ wall: WallTime) -> Int {
        let earliest = wall.seconds - 2 * 86400
        var start = earliest, offset = offset(at: earliest)
        for jump in jumps(in: earliest..<wall.seconds + 2 * 86400) {
            let moment = max(start, wall.seconds - offset)
            if moment < jump.at { return moment }
            (start, offset) = (jump.at, jump.after)
        }
        return max(start, wall.seconds - offset)
    }

    /// The moment that RFC 5545 means by `wall`: of a time that there is twice the first, and a time that is left out by the offset before the gap.
    func moment(rfc5545 wall: WallTime) -> Int {
        if let gap = jump(around: wall), gap.isGap { return wall.seconds - gap.before }
        return first(wall)
    }

    /// The jump by which `wall` does not exist, or there is twice; nil for a time that there is once.
    func jump(around wall: WallTime) -> Jump? {
        jumps(in: wall.seconds - 2 * 86400..<wall.seconds + 2 * 86400).first { $0.wall.contains(wall.seconds) }
    }

    /// The jumps within a window, in order.
    func jumps(in window: Range<Int>) -> [Jump] {
        guard !window.isEmpty else { return [] }
        let first = window.lowerBound.flooredQuotient(Self.blockLength), last = (window.upperBound - 1).flooredQuotient(Self.blockLength)
        guard first != last else { return block(first).jumps.filter { window.contains($0.at) } }
        return (first...last).flatMap { block($0).jumps.filter { window.contains($0.at) } }
    }

    private func block(_ number: Int) -> Block {
        blocks.withLock { blocks in
            if let block = blocks[number] { return block }
            let block = scan(number * Self.blockLength)
            blocks[number] = block
            return block
        }
    }

    private func scan(_ start: Int) -> Block {
        func ask(_ moment: Int) -> Int { zone.secondsFromGMT(for: Date(moment: moment)) }
        // A jump at the block's very first second is this block's: it is looked for from the second before.
        let first = ask(start - 1)
        var jumps: [Jump] = [], moment = start - 1, offset = first
        while moment < start + Self.blockLength - 1 {
            let next = min(moment + Self.scanStep, start + Self.blockLength - 1), after = ask(next)
            if after != offset {
                var low = moment, high = next
                while high - low > 1 {
                    let middle = (low + high) / 2
                    if ask(middle) == offset { low = middle } else { high = middle }
                }
                jumps.append(Jump(at: high, before: offset, after: after))
            }
            (moment, offset) = (next, after)
        }
        return Block(offset: first, jumps: jumps)
    }
}

extension ZoneClock: Hashable {
    static func == (left: ZoneClock, right: ZoneClock) -> Bool { left.name == right.name }
    func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
