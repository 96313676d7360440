import CoreMetrics
import Foundation
import HTTPTypes
import Logging
import PluginAPI
import PluginTestKit
import Synchronization

/// One way of breaking one obligation. The plugins below are sound, save in the way that their settings name.
enum Broken: String, SettingChoice {
    case no
    case validateImpure, validateCalls, initStores, initCalls, initReads, initWaits, startThrows, stopHangs, stopNeedsStart, stopsOnce, goesOn,
        sleepsOn, strands,
        probeSilent, probeUntyped, probeWrites, probePosts
    case untyped, callsNobody, forbiddenIsPermanent, teapotIsNotReady, retries, retriesLater, ignoresRetryAfter, onlySeconds, longPatience,
        givesUpOnSilence, swallowsCancellation
    case cutIsPermanent, trustsNothing, malformedIsPermanent, dripsFail, followsRedirect, knownErrorLost
    case logsSecret, throwsSecret, metersSecret, reportsSecret, probeTellsSecret, logsGuest, throwsGuest, mixesCalls, dropsUnicode
    case takesUnsigned, takesPrefix, takesAny, takesOld, opens, randomIDs, sameID, crashesUntyped, retriesForever
    case noVendorID, wrongReceipt, losesEcho, noReason, noKey, cutsText, unknownPeerTaken, refusesChoices, mediaUntyped, silentOnSenders
}

/// What the sound and the broken have in common: a vendor with a token.
struct BrokenSettings: PluginSettings {
    @Setting(help: "Where the vendor is.", .url) var endpoint: String
    @Setting(help: "The account's token.", .minimumLength(16)) var token: Secret
    @Setting(help: "The key of the webhooks' signatures.") var signing: Secret?
    @Setting(help: "How to be broken.") var broken: Broken = .no

    init() {}
}

/// Calls the vendor, soundly or not.
struct BrokenWire: Sendable {
    let settings: BrokenSettings
    let context: PluginContext
    var isStopped: @Sendable () -> Bool = { false }
    var broken: Broken { settings.broken }

    struct Reply: Decodable { var id: String }
    struct Oops: Error {}

    func post(_ path: String, _ body: JSONValue, guest: String) async throws -> String {
        if broken == .callsNobody { return "id" }
        if broken == .swallowsCancellation {
            // A task of its own does not hear of the caller's end.
            return try await Task { try await exchange(path, body, guest: guest) }.value
        }
        do {
            return try await exchange(path, body, guest: guest)
        } catch {
            // What was to be told of the end is told to nobody.
            if broken == .strands, isStopped() { try await Task.sleep(for: .seconds(86_400)) }
            throw error
        }
    }

    private func exchange(_ path: String, _ body: JSONValue, guest: String) async throws -> String {
        if broken == .logsSecret { context.logger.debug("posting as \(settings.token.reveal())") }
        if broken == .metersSecret { context.metrics.counter("posts", [("token", settings.token.reveal())]).increment() }
        if broken == .reportsSecret { context.health.degraded("refused as \(settings.token.reveal())") }
        if broken == .logsGuest { context.logger.debug("posting \(guest)") }
        var request = ClientRequest(
            .post, settings.endpoint + path, headers: [.authorization: "Bearer \(settings.token.reveal())", .contentType: "application/json"],
            body: body.jsonBytes, timeout: broken == .longPatience ? .seconds(86_400) : .seconds(30))
        var response = try await send(request)
        if broken == .followsRedirect, (300..<400).contains(response.status.code), let place = response.headers[.location] {
            request.url = place.hasPrefix("/") ? settings.endpoint + place : place
            response = try await send(request)
        }
        if (broken == .retries || broken == .retriesLater), response.status.code >= 500 {
            if broken == .retriesLater { try await context.clock.sleep(for: .seconds(30)) }
            response = try await send(request)
        }
        if let failure = failure(of: response, guest) { throw failure }
        if broken == .trustsNothing { return "anything" }
        guard let reply = try? JSONDecoder().decode(Reply.self, from: Data(response.body)), !reply.id.isEmpty else {
            if broken == .malformedIsPermanent { throw PluginFailure.permanent(.malformedReply, "the vendor's answer is no message") }
            throw PluginFailure.notReady(.malformedReply, "the vendor's answer is no message")
        }
        return reply.id
    }

    private func send(_ request: ClientRequest) async throws -> ClientResponse {
        do {
            if broken == .dripsFail {
                let streamed = try await context.http.stream(request)
                var pieces: [[UInt8]] = []
                for try await piece in streamed.body { pieces.append(piece) }
                return ClientResponse(status: streamed.status, headers: streamed.headers, body: pieces.first ?? [])
            }
            return try await context.http.send(request)
        } catch let failure as PluginFailure where broken == .cutIsPermanent && failure.reason != .timeout {
            throw PluginFailure.permanent(.unreachable, "gone")
        } catch let failure as PluginFailure where broken == .givesUpOnSilence && failure.reason == .timeout {
            throw PluginFailure.permanent(.timeout, "silence")
        }
    }

    private func failure(of response: ClientResponse, _ guest: String) -> (any Error)? {
        guard let failure = response.failure(from: "Carrier", now: context.clock) else { return nil }
        let status = response.status.code
        if status == 400, broken != .knownErrorLost, response.text.contains("\"window\"") {
            return PluginFailure.permanent(.windowClosed, "the window has closed")
        }
        switch broken {
        case .untyped where status == 500: return Oops()
        case .forbiddenIsPermanent where status == 403: return PluginFailure.permanent(.invalidRequest, "403")
        case .teapotIsNotReady where status == 418: return PluginFailure.notReady(.vendorFault, "418")
        case .ignoresRetryAfter where failure.retryAfter != nil: return PluginFailure(failure.disposition, failure.reason, failure.message)
        case .onlySeconds where Double(response.headers[.retryAfter] ?? "0") == nil:
            return PluginFailure(failure.disposition, failure.reason, failure.message)
        case .throwsSecret: return PluginFailure(failure.disposition, failure.reason, settings.token.reveal(), retryAfter: failure.retryAfter)
        case .throwsGuest: return PluginFailure(failure.disposition, failure.reason, guest, retryAfter: failure.retryAfter)
        default: break
        }
        return failure
    }
}
