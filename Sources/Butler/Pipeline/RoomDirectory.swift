import Kernel
import PluginAPI
import Synchronization

/// The rooms of the hotel as the PMS knows them, asked for once a minute at most.
final class RoomDirectory: Sendable {
    private let dispatcher: Dispatcher
    private let pms: String?
    private let clock: any TimeSource
    private let known = Mutex<(numbers: [String: String], until: Duration)>(([:], .zero))

    init(dispatcher: Dispatcher, pms: String?, clock: any TimeSource) {
        self.dispatcher = dispatcher
        self.pms = pms
        self.clock = clock
    }

    /// The rooms' numbers as the PMS writes them, by their upper case; none without a PMS.
    func numbers() async throws -> [String: String] {
        guard let pms else { return [:] }
        let now = clock.monotonic
        if let fresh = known.withLock({ $0.until > now && !$0.numbers.isEmpty ? $0.numbers : nil }) { return fresh }
        let all = try await dispatcher.call(pms, as: (any PMSIntegration).self, "rooms") { try await $0.rooms() }
        let numbers = Dictionary(all.map { ($0.number.uppercased(), $0.number) }) { first, _ in first }
        known.withLock { $0 = (numbers, now + .seconds(60)) }
        return numbers
    }

    /// The room that a text names, as far as can be told without asking anybody: one that the PMS named before, else what follows a word for a room.
    func spoken(in text: String, isGuestKnown: Bool) -> Place? {
        let numbers = known.withLock { $0.numbers }
        guard numbers.isEmpty else {
            return Self.candidates(in: text, isGuestKnown: isGuestKnown).lazy.compactMap { numbers[$0] }.first.map {
                Place(number: $0, source: .named)
            }
        }
        return ReplyGuard.spokenRooms(in: text).first.map { Place(number: $0, source: .claimed) }
    }

    /// What in a text may be a room's number. Whose room is known means another only where they say so: in “2 more towels” no guest of 204 means the room 2.
    static func candidates(in text: String, isGuestKnown: Bool) -> [String] {
        isGuestKnown ? ReplyGuard.roomNumbers(in: text) : candidates(in: text)
    }

    /// What in a text may be a room's number, in upper case: “A12” is one as much as “204”, and “room204” is written too.
    static func candidates(in text: String) -> [String] {
        let words = text.split { !($0.isLetter || $0.isNumber) }.map { $0.uppercased() }.filter { $0.contains(where: \.isNumber) }
        return (words + words.flatMap { $0.split { !$0.isNumber }.map(String.init) }).filter { (1...6).contains($0.count) }
    }
}
