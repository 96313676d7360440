import Foundation
import HTTPTypes
import Kernel
import Logging
import PluginAPI

/// Jack's own sign of life, sent to an address of the operator's choice: what watches there raises the alarm when it stops, since Jack himself cannot.
public struct Beacon: Sendable {
    private struct Sign: Encodable {
        var alertname = "Watchdog"
        var status = "firing"
        var property: String
        var sentAt: String

        enum CodingKeys: String, CodingKey {
            case alertname, status, property
            case sentAt = "sent_at"
        }
    }

    private let url: String
    private let every: Duration
    private let property: String
    private let http: any HTTPClient
    private let isSound: @Sendable () async -> Bool
    private let clock: any TimeSource
    private let logger: Logger

    /// Nil where nobody is to be told.
    /// - Parameters:
    ///   - http: the kernel's client, with the policy for this address.
    ///   - isSound: whether Jack could raise an alert now; while it could not, there is no sign of life.
    public init?(
        _ settings: BeaconSettings, property: String, http: any HTTPClient, isSound: @escaping @Sendable () async -> Bool = { true },
        clock: any TimeSource, logger: Logger
    ) {
        guard let url = settings.url else { return nil }
        self.url = url
        every = settings.every
        self.property = property
        self.http = http
        self.isSound = isSound
        self.clock = clock
        self.logger = logger
    }

    /// Sends again and again until the task is cancelled. A failure is logged once, and its end once.
    public func run() async {
        var isFailing = false
        repeat {
            let problem = await send()
            if Task.isCancelled { return }
            if let problem, !isFailing { logger.warning("the sign of life does not arrive", metadata: ["reason": "\(problem)"]) }
            if problem == nil, isFailing { logger.notice("the sign of life arrives again") }
            isFailing = problem != nil
        } while (try? await clock.sleep(for: every)) != nil
    }

    /// Sends one sign; returns why it did not arrive, without the address, which may hold a key.
    func send() async -> String? {
        guard await isSound() else { return "Jack could not raise an alert now" }
        do {
            let body = [UInt8](try JSONEncoder().encode(Sign(property: property, sentAt: clock.now.iso8601)))
            let response = try await http.send(
                ClientRequest(
                    .post, url, headers: [.contentType: "application/json", .userAgent: "Jack"], body: body, timeout: .seconds(10),
                    maximumResponseBytes: 64 << 10))
            return response.failure(from: "the address in oncall.watch.beacon.url", now: clock)?.message
        } catch let failure as PluginFailure {
            return failure.message
        } catch {
            return "it could not be sent"
        }
    }
}
