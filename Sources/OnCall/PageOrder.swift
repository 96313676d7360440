import Foundation
import Kernel
import PluginAPI

/// What a sink is asked to do with a page: what the outbox holds.
struct PageOrder: Sendable, Codable {
    enum Verb: String, Sendable, Codable { case page, update, resolve }

    var verb: Verb
    var page: AlertPage

    /// The order as it leaves through an instance. Orders of one matter leave in their order; different matters do not wait for each other.
    func entry(through instance: String, at date: Date) throws -> OutboxEntry {
        OutboxEntry(
            id: page.id, instance: instance, kind: .page, lane: "\(instance)|\(page.groupKey)", payload: [UInt8](try JSONEncoder().encode(self)),
            createdAt: date)
    }
}

/// Delivers pages to sinks.
public struct PageDelivery: Sendable {
    private let dispatcher: Dispatcher

    public init(dispatcher: Dispatcher) { self.dispatcher = dispatcher }

    public func deliver(_ entry: OutboxEntry) async throws -> Outbox.Delivery {
        let order = try entry.decoded(PageOrder.self)
        let receipt = try await dispatcher.call(entry.instance, as: (any AlertSink).self, order.verb.rawValue, CallOptions(attempts: 1)) { sink in
            switch order.verb {
            case .page: try await sink.page(order.page)
            case .update: try await sink.update(order.page)
            case .resolve: try await sink.resolve(order.page)
            }
        }
        return .accepted(SendResult(vendorIDs: receipt.vendorID.map { [$0] } ?? []))
    }
}
