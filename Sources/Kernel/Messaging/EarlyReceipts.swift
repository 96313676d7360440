import PluginAPI

/// The last receipts that named no known message: a vendor's webhook may come before the answer to the request that it tells of is written down.
///
/// In memory: what is lost with the process is one state of a message between two moments.
struct EarlyReceipts {
    struct Key: Hashable {
        var instance: String
        var vendorID: String
    }

    static let capacity = 512
    private var receipts: [Key: DeliveryReceipt] = [:]
    private var order: [Key] = []

    /// The furthest of a message's receipts is kept.
    mutating func put(_ receipt: DeliveryReceipt, _ key: Key) {
        if let known = receipts[key] {
            if rank(receipt) > rank(known) { receipts[key] = receipt }
            return
        }
        receipts[key] = receipt
        order.append(key)
        if order.count > Self.capacity { receipts[order.removeFirst()] = nil }
    }

    subscript(key: Key) -> DeliveryReceipt? { receipts[key] }

    mutating func remove(_ key: Key) {
        receipts[key] = nil
        order.removeAll { $0 == key }
    }

    private func rank(_ receipt: DeliveryReceipt) -> Int { OutboxEntry.State(rawValue: receipt.state.rawValue)?.rank ?? 0 }
}
