import Foundation
import Kernel
import PluginAPI

/// What a sink is asked to do with a page: what the outbox holds.
public struct PageOrder: Sendable, Hashable, Codable {
    public enum Verb: String, Sendable, Hashable, Codable { case page, update, resolve }

    public var verb: Verb
    public var page: AlertPage

    public init(verb: Verb, page: AlertPage) {
        self.verb = verb
        self.page = page
    }

    /// The order as it leaves through an instance. Orders of one matter leave in their order; different matters do not wait for each other.
    func entry(through instance: String, at date: Date) throws -> OutboxEntry {
        OutboxEntry(
            id: page.id, instance: instance, kind: .page, lane: "\(instance)|\(page.groupKey)", payload: [UInt8](try JSONEncoder().encode(self)),
            createdAt: date)
    }
}

/// Who watches over pages while they are delivered.
public protocol PageWatch: Sendable {
    /// Looks at a page again at the moment of sending.
    func leaving(_ order: PageOrder) async -> PageLeave

    /// A sink has done what it was asked to, or had nothing to do (``PluginAPI/PageReceipt/isSent``).
    func delivered(_ order: PageOrder, through instance: String, _ receipt: PageReceipt) async

    /// A sink could not do what it was asked to.
    /// - Returns: true where somebody else has the page now, and this one need not be tried again.
    func failed(_ order: PageOrder, through instance: String, _ failure: String) async -> Bool
}

/// What is to become of a page that is about to leave.
public enum PageLeave: Sendable, Hashable {
    /// - Parameter mayRepeat: true where it may have gone out before: the process ended while it waited, or was under way.
    case leave(mayRepeat: Bool)
    /// It must not leave any more.
    case withdrawn(reason: String)
}

/// Delivers pages to sinks.
public struct PageDelivery: Sendable {
    private let dispatcher: Dispatcher
    private let watch: @Sendable () -> (any PageWatch)?

    /// - Parameter watch: who decides what follows from a failure; nil lets the outbox try again.
    public init(dispatcher: Dispatcher, watch: @escaping @Sendable () -> (any PageWatch)? = { nil }) {
        self.dispatcher = dispatcher
        self.watch = watch
    }

    public func deliver(_ entry: OutboxEntry) async throws -> Outbox.Delivery {
        var order = try entry.decoded(PageOrder.self)
        let watch = watch()
        switch await watch?.leaving(order) {
        case .withdrawn(let reason)?: return .withdrawn(reason: reason)
        case .leave(let mayRepeat)?: order.page.mayRepeat = mayRepeat
        case nil: break
        }
        do {
            let receipt = try await send(order, through: entry.instance)
            await watch?.delivered(order, through: entry.instance, receipt)
            return .accepted(SendResult(vendorIDs: receipt.vendorID.map { [$0] } ?? []))
        } catch is CancellationError where Task.isCancelled {
            throw CancellationError()
        } catch {
            if await watch?.failed(order, through: entry.instance, "\(error)") == true {
                return .withdrawn(reason: "the next contact has it, because \(entry.instance) failed: \(error)")
            }
            throw error
        }
    }

    /// Hands an order to a sink at once, without the outbox: for when the disk is full.
    public func send(_ order: PageOrder, through instance: String) async throws -> PageReceipt {
        try await dispatcher.call(instance, as: (any AlertSink).self, order.verb.rawValue, CallOptions(attempts: 1)) { sink in
            switch order.verb {
            case .page: try await sink.page(order.page)
            case .update: try await sink.update(order.page)
            case .resolve: try await sink.resolve(order.page)
            }
        }
    }
}
