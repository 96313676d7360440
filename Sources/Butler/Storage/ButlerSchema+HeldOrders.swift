import Kernel

extension ButlerSchema {
    /// The order that goes with a reply that waits for approval: nobody is to work on it before.
    static let heldOrders = Migration("butler-008-held-orders", [.sql("ALTER TABLE message ADD COLUMN held_order TEXT")])
}
