import PluginAPI
import PluginTestKit
import Synchronization

/// An alert sink that is sound, save in the way that its settings name, and save for faults in the calls that they name.
struct OddSink: AlertSink {
    typealias Settings = WaySettings
    static let manifest = PluginManifest(
        id: "odd-sink", summary: "Tells of alerts, for tests.", stability: .experimental,
        destinations: [DataDestination("odd.example", purpose: "telling of alerts", classes: [.alert])], reachesPeople: .never)
    private let settings: WaySettings
    private let wire: FaultyWire

    init(settings: WaySettings, context: PluginContext) {
        self.settings = settings
        wire = FaultyWire(settings, context)
    }

    var features: AlertSinkFeatures { AlertSinkFeatures(acknowledges: settings.way == .lostAnswers) }

    func probe() async throws -> ProbeResult { try await wire.probe() }

    func page(_ page: AlertPage) async throws -> PageReceipt {
        if settings.way == .refusesInfo, page.severity == .info { throw PluginFailure.permanent(.invalidRequest, "too little") }
        if settings.way == .refusesMany, page.alerts.count > 10 { throw PluginFailure.permanent(.invalidRequest, "too many") }
        return try await tell("/page", page)
    }
    func update(_ page: AlertPage) async throws -> PageReceipt { try await tell("/update", page) }
    func resolve(_ page: AlertPage) async throws -> PageReceipt { try await tell("/resolve", page) }

    private func tell(_ path: String, _ page: AlertPage) async throws -> PageReceipt {
        let alert = page.alerts.first
        try await wire.ask(path, alert?.summary ?? "nothing", ["key": .string(page.id)], guest: alert?.detail ?? "")
        return PageReceipt()
    }

    static func contract(_ way: Way, _ faults: [String: Fault] = [:]) -> AlertSinkContract<OddSink> {
        AlertSinkContract(
            PluginContract(
                OddSink.self, settings: { WaySettings.values($0, way, faults) }, secrets: [FaultyWire.token],
                vendor: FakeVendor { _ in .json(FaultyWire.fine) }))
    }
}

/// A sink that writes through a channel and reads what people answer there.
final class OddReader: AnswerReadingSink {
    typealias Settings = WaySettings
    static let manifest = PluginManifest(
        id: "odd-reader", summary: "Writes to people, for tests.", stability: .experimental, capabilities: ["acknowledge"],
        destinations: [DataDestination("odd.example", purpose: "telling of alerts", classes: [.alert])], reachesPeople: .always)
    private let way: Way
    private let context: PluginContext
    private let codes = Mutex<[PeerAddress: Set<String>]>([:])

    init(settings: WaySettings, context: PluginContext) { (way, self.context) = (settings.way, context) }

    var features: AlertSinkFeatures { AlertSinkFeatures(acknowledges: true) }

    func page(_ page: AlertPage) async throws -> PageReceipt {
        let peer = PeerAddress(.phone, page.recipient ?? ""), code = page.code ?? "none"
        codes.withLock { _ = $0[peer, default: []].insert(code) }
        let text = (page.alerts.first?.summary ?? "nothing") + (way == .hidesCode ? "" : " ACK \(code)")
        let sent = try await context.channels.send(OutboundMessage(id: page.id, peer: peer, author: .system, text: text), through: "odd")
        return PageReceipt(vendorID: sent.vendorIDs.first)
    }
    func update(_ page: AlertPage) async throws -> PageReceipt { try await self.page(page) }
    func resolve(_ page: AlertPage) async throws -> PageReceipt { try await self.page(page) }

    func read(_ event: InboundEvent, through channel: String) async throws -> AnswerReading {
        guard channel == "odd" || way == .anyChannel, let peer = event.peer, case .message(let message) = event.content else { return .guestMessage }
        let text = message.text ?? "", codes = codes.withLock { $0 }
        guard text.hasPrefix("ACK ") else {
            return way == .strangersToo && text.allSatisfy(\.isNumber) ? .refused(reason: "no such page") : .guestMessage
        }
        let code = String(text.dropFirst(4))
        let known = way == .anySender ? codes.values.reduce([]) { $0.union($1) } : codes[peer] ?? []
        guard known.contains(code) || (way == .anyCode && !known.isEmpty) else {
            return known.isEmpty ? .guestMessage : .refused(reason: "no such page")
        }
        return .answer(PageAcknowledgement(action: .acknowledge, reference: code))
    }

    static func contract(_ way: Way) -> AlertSinkContract<OddReader> {
        AlertSinkContract(PluginContract(OddReader.self, settings: { WaySettings.values($0, way, [:]) }), recipient: "+16505551234")
    }
}

/// What a manifest may say wrongly of the people whom a sink reaches.
protocol OddReach: Sendable {
    static var reach: PeopleReach? { get }
    static var destinations: [DataDestination] { get }
    static var capabilities: Set<PluginCapability> { get }
}

extension OddReach {
    static var destinations: [DataDestination] { [] }
    static var capabilities: Set<PluginCapability> { [] }
}

enum SilentReach: OddReach { static var reach: PeopleReach? { nil } }
enum ReachWithoutDestination: OddReach { static var reach: PeopleReach? { .always } }
enum ReachBySettingThatIsNotThere: OddReach { static var reach: PeopleReach? { .setting("reaches_people") } }
enum ReachOfNobodyWhoAnswers: OddReach {
    static var reach: PeopleReach? { .never }
    static var capabilities: Set<PluginCapability> { ["acknowledge"] }
}

struct ReachSink<R: OddReach>: AlertSink {
    typealias Settings = WaySettings
    static var manifest: PluginManifest {
        PluginManifest(
            id: "odd-reach", summary: "Tells of alerts, for tests.", stability: .experimental, capabilities: R.capabilities,
            destinations: R.destinations, reachesPeople: R.reach)
    }

    init(settings: WaySettings, context: PluginContext) {}

    var features: AlertSinkFeatures { AlertSinkFeatures() }
    func page(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
    func update(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
    func resolve(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
}
