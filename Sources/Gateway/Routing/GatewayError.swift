import Foundation
import HTTPTypes
import Kernel
import PluginAPI

/// An error as the caller sees it: `{"error":{"code","message","details"}}` with a status.
public struct GatewayError: Error, Sendable, CustomStringConvertible {
    public var status: HTTPResponse.Status
    /// A stable word for programs.
    public var code: String
    /// A sentence for people.
    public var message: String
    public var details: JSONValue
    public var headers: HTTPFields

    public init(_ status: HTTPResponse.Status, _ code: String, _ message: String, details: JSONValue = [:], headers: HTTPFields = [:]) {
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers
    }

    public var description: String { "\(status.code) \(code): \(message)" }

    public static func notFound(_ what: String) -> GatewayError { GatewayError(.notFound, "not_found", "there is no \(what)") }

    /// The thing is not in a state that allows what was asked.
    public static func conflict(_ message: String, details: JSONValue = [:]) -> GatewayError {
        GatewayError(.conflict, "conflict", message, details: details)
    }

    /// The request was understood and is wrong; `fields` says what is wrong with which.
    public static func invalid(_ fields: [String: String]) -> GatewayError {
        let names = fields.keys.sorted().joined(separator: ", ")
        return GatewayError(
            .unprocessableContent, "validation_failed", "the request is not valid: \(names)",
            details: .object(["fields": .object(fields.mapValues { .string($0) })]))
    }

    /// A parameter of the query has a value that it cannot have; `problem` goes on from its name: `is none of open, done`.
    public static func invalid(parameter name: String, _ problem: String) -> GatewayError {
        badRequest("invalid_parameter", "\(name) \(problem)", details: ["fields": .object([name: .string(problem)])])
    }

    static func badRequest(_ code: String, _ message: String, details: JSONValue = [:]) -> GatewayError {
        GatewayError(.badRequest, code, message, details: details)
    }

    static func rateLimited(_ wait: Duration) -> GatewayError {
        let seconds = max(1, Int(wait.seconds.rounded(.up)))
        return GatewayError(
            .tooManyRequests, "rate_limited", "too many requests; try again in \(seconds) s", details: ["retry_after": .int(seconds)],
            headers: [.retryAfter: "\(seconds)"])
    }

    /// Too many requests, and this one's body is left unread: closes, since it is still on its way.
    static func unread(_ wait: Duration) -> GatewayError {
        var error = rateLimited(wait)
        error.headers[.connection] = "close"
        return error
    }

    static func unavailable(_ code: String, _ message: String, retryAfter: Duration? = nil) -> GatewayError {
        GatewayError(
            .serviceUnavailable, code, message, headers: [.retryAfter: "\(max(1, Int((retryAfter ?? .seconds(5)).seconds.rounded(.up))))"])
    }

    static func methodNotAllowed(_ allowed: [HTTPRequest.Method]) -> GatewayError {
        let names = allowed.map(\.rawValue).sorted()
        return GatewayError(
            .methodNotAllowed, "method_not_allowed", "this path takes \(names.joined(separator: ", "))",
            details: ["allowed": .array(names.map { .string($0) })], headers: [.allow: names.joined(separator: ", ")])
    }

    /// Closes, since the rest of the body is still on its way and will not be read.
    static func bodyTooLarge(_ maximum: Int) -> GatewayError {
        GatewayError(
            .contentTooLarge, "body_too_large", "the body is longer than \(maximum) bytes", details: ["maximum_bytes": .int(maximum)],
            headers: [.connection: "close"])
    }

    /// The document that is sent.
    public var body: [UInt8] {
        let document: JSONValue = ["error": ["code": .string(code), "message": .string(message), "details": details]]
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(document)).map { [UInt8]($0) } ?? Array(#"{"error":{"code":"internal","message":"","details":{}}}"#.utf8)
    }

    /// What an error of another layer means to the caller. What is not known to be meant for them is not told.
    static func of(_ error: any Error) -> GatewayError {
        switch error {
        case let error as GatewayError: return error
        case let failure as PluginFailure: return of(failure)
        case let error as StorageError:
            let message = error.code == .full ? "the disk is full: nothing was stored" : "storage cannot take this now: nothing was stored"
            return .unavailable("storage_unavailable", message)
        case is CancellationError: return .unavailable("stopping", "the server is stopping")
        default: return GatewayError(.internalServerError, "internal", "something went wrong; the log has it under this request's id")
        }
    }

    private static func of(_ failure: PluginFailure) -> GatewayError {
        switch failure.disposition {
        case .permanent where failure.reason == .notFound: GatewayError(.notFound, "not_found", failure.message)
        case .permanent: .badRequest(failure.reason.rawValue.replacing("-", with: "_"), failure.message)
        case .notReady: .unavailable("not_ready", failure.message, retryAfter: failure.retryAfter)
        default: .unavailable("not_ready", "the plugin cannot do this now", retryAfter: failure.retryAfter)
        }
    }
}
