import Foundation
import PluginAPI

extension OutboundMessage {
    /// A short answer to a guest's telephone.
    public static let sample = OutboundMessage(
        id: "out-1", peer: PeerAddress(.phone, "+4915123456789"), author: .jack, text: "Good evening! Two towels are on their way.", locale: "en")
}

extension AlertPage {
    /// An alert of a guest who waits.
    public static let sample = AlertPage(
        id: "page-1", groupKey: "group-1",
        alerts: [
            Alert(
                fingerprint: "f-1", name: "GuestWaits", severity: .error, summary: "A guest has waited ten minutes", labels: ["room": "204"],
                startsAt: Date(timeIntervalSince1970: 1_756_814_000))
        ], reason: "route 1, oncall.yaml:7")
}
