import Foundation
import HTTPTypes
import Logging
import PluginAPI
import PluginTestKit
import Synchronization

/// What a plugin of any kind may get wrong when it calls its vendor.
enum Fault: String, SettingChoice {
    case refusalPasses, throwsOops, triesAgain, forgetsWait, givesUpOnSilence, deafToCancellation, givesUpOnCut, staysDown, takesFirstPiece,
        givesUpOnNonsense, followsRedirects, logsToken, tellsOfGuest, mixesCalls, dropsUnicode, withoutKey
}

extension Fault {
    /// What it violates.
    var obligation: Obligation {
        switch self {
        case .refusalPasses: .statuses
        case .throwsOops: .typedFailures
        case .triesAgain: .noRetry
        case .forgetsWait: .retryAfter
        case .givesUpOnSilence: .timeouts
        case .deafToCancellation: .cancellation
        case .givesUpOnCut, .staysDown: .unreachable
        case .takesFirstPiece: .slowReplies
        case .givesUpOnNonsense: .brokenReplies
        case .followsRedirects: .redirects
        case .logsToken: .noSecrets
        case .tellsOfGuest: .noGuestData
        case .mixesCalls: .concurrency
        case .dropsUnicode: .unicode
        case .withoutKey: .idempotency
        }
    }
}

/// Calls a vendor, soundly save for one fault at each path that is named.
final class FaultyWire: Sendable {
    struct Oops: Error {}
    static let token = "a-token-of-enough-length"
    /// What the vendor answers where all went well: long enough not to arrive at once where it comes in drips.
    static let fine = #"{"ok":true,"note":"\#(String(repeating: "as it should be. ", count: 40))"}"#

    private let settings: WaySettings
    private let context: PluginContext
    private let current = Mutex("")
    private let isDown = Mutex(false)

    init(_ settings: WaySettings, _ context: PluginContext) { (self.settings, self.context) = (settings, context) }

    func has(_ fault: Fault, _ path: String) -> Bool { settings.faults[path] == fault }

    func probe() async throws -> ProbeResult {
        let response = try await context.http.send(ClientRequest(.get, settings.endpoint + "/me", headers: headers))
        if let failure = response.failure(from: "Odd", now: context.clock) { throw failure }
        return ProbeResult("reached Odd")
    }

    /// - Parameters:
    ///   - text: what a person wrote; it goes along as `text`.
    ///   - more: what else goes along; where there is nothing at all, the request is a GET.
    ///   - guest: whom it is about.
    ///   - read: nil where the reply makes no sense.
    func call<T: Sendable>(
        _ path: String, _ text: String? = nil, _ more: [String: JSONValue] = [:], guest: String,
        read: @escaping @Sendable ([UInt8]) -> T?
    ) async throws -> T {
        guard has(.deafToCancellation, path) else { return try await exchange(path, text, more, guest, read) }
        // A task of its own does not hear of the caller's end.
        return try await Task { try await self.exchange(path, text, more, guest, read) }.value
    }

    /// A call whose reply says no more than that it went well.
    func ask(_ path: String, _ text: String? = nil, _ more: [String: JSONValue] = [:], guest: String = "") async throws {
        _ = try await call(path, text, more, guest: guest) { (try? JSONValue(json: $0))?["ok"] == true ? true : nil }
    }

    private var headers: HTTPFields { [.authorization: "Bearer \(settings.token?.reveal() ?? "")", .contentType: "application/json"] }

    private func exchange<T: Sendable>(
        _ path: String, _ text: String?, _ more: [String: JSONValue], _ guest: String, _ read: @Sendable ([UInt8]) -> T?
    ) async throws -> T {
        if has(.logsToken, path) { context.logger.info("calling as \(settings.token?.reveal() ?? "")") }
        if has(.tellsOfGuest, path) { context.logger.info("calling for \(guest)") }
        var members = more
        if var text {
            if has(.mixesCalls, path) {
                current.withLock { $0 = text }
                for _ in 0..<20 { await Task.yield() }
                text = current.withLock { $0 }
            }
            if has(.dropsUnicode, path) { text = String(text.unicodeScalars.filter(\.isASCII).map(Character.init)) }
            members["text"] = .string(text)
        }
        if has(.withoutKey, path) { members["key"] = nil }
        let body = members.isEmpty ? [] : JSONValue.object(members).jsonBytes
        var request = ClientRequest(members.isEmpty ? .get : .post, settings.endpoint + path, headers: headers, body: body)
        var response = try await send(request, path)
        if has(.followsRedirects, path), (300..<400).contains(response.status.code), let place = response.headers[.location] {
            request.url = place.hasPrefix("/") ? settings.endpoint + place : place
            response = try await send(request, path)
        }
        if has(.triesAgain, path), response.status.code >= 500 { response = try await send(request, path) }
        if let failure = response.failure(from: "Odd", now: context.clock) {
            if has(.throwsOops, path), response.status.code == 500 { throw Oops() }
            if has(.refusalPasses, path), response.status.code == 403 { throw PluginFailure.permanent(.invalidRequest, "403") }
            if has(.forgetsWait, path) { throw PluginFailure(failure.disposition, failure.reason, failure.message) }
            throw failure
        }
        guard let reply = read(response.body) else {
            if has(.givesUpOnNonsense, path) { throw PluginFailure.permanent(.malformedReply, "no answer of Odd's") }
            throw PluginFailure.notReady(.malformedReply, "no answer of Odd's")
        }
        return reply
    }

    private func send(_ request: ClientRequest, _ path: String) async throws -> ClientResponse {
        if isDown.withLock({ $0 }), has(.staysDown, path) { throw PluginFailure.notReady(.unreachable, "it was gone a moment ago") }
        do {
            guard has(.takesFirstPiece, path) else { return try await context.http.send(request) }
            let streamed = try await context.http.stream(request)
            var pieces: [[UInt8]] = []
            for try await piece in streamed.body { pieces.append(piece) }
            return ClientResponse(status: streamed.status, headers: streamed.headers, body: pieces.first ?? [])
        } catch let failure as PluginFailure where failure.reason == .timeout && has(.givesUpOnSilence, path) {
            throw PluginFailure.permanent(.timeout, "silence")
        } catch let failure as PluginFailure where failure.reason != .timeout && has(.givesUpOnCut, path) {
            throw PluginFailure.permanent(.unreachable, "gone")
        } catch let failure as PluginFailure where failure.reason != .timeout {
            isDown.withLock { $0 = true }
            throw failure
        }
    }
}
