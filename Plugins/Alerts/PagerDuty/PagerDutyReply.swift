import Foundation
import HTTPTypes
import PluginAPI

/// What the Events API answers (“Response Codes & Retry Logic”).
enum PagerDutyReply {
    static let vendor = "PagerDuty"

    /// Checks that an event was taken.
    /// - Parameter isOwnKey: true where the key is the instance's own: then a key that is refused stops the instance, else this one recipient alone.
    /// - Throws: ``PluginFailure``.
    static func check(_ response: ClientResponse, isOwnKey: Bool, now: any TimeSource) throws {
        guard (200..<300).contains(response.status.code) else {
            if response.status.code == 400, refusesKey(response.body) {
                throw isOwnKey
                    ? PluginFailure.credentialsRejected("PagerDuty does not know routing_key: copy the key of an Events API v2 integration")
                    : PluginFailure.permanent(.unknownRecipient, "PagerDuty does not know the recipient's integration key")
            }
            throw response.failure(from: vendor, now: now)
                ?? PluginFailure.permanent(.invalidRequest, "PagerDuty answered \(response.status.code)")
        }
        // Whatever stands between may answer 2xx too; to send an event again does no harm.
        guard (try? JSONValue(json: response.body))?["status"]?.stringValue == "success" else {
            throw PluginFailure.notReady(.malformedReply, "PagerDuty answered \(response.status.code), and does not say that it took the event")
        }
    }

    /// The refusal's words are read, and never repeated: they may quote what was sent.
    private static func refusesKey(_ body: [UInt8]) -> Bool {
        let errors = (try? JSONValue(json: body))?["errors"]?.arrayValue ?? []
        return errors.compactMap(\.stringValue).contains { error in
            let error = error.lowercased()
            return error.contains("routing_key") || error.contains("routing key")
        }
    }
}
