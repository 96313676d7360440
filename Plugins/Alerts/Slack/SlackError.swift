import Foundation
import PluginAPI

/// Slack's error codes (“chat.postMessage, Errors”; “Incoming webhooks, Handling errors”) as typed failures.
enum SlackError {
    static let messageTooLong: PluginFailure.Reason = "message-too-long"

    private static let credentials: Set<String> = [
        "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission", "missing_scope",
        "not_allowed_token_type",
        "access_denied", "org_login_required", "ekm_access_denied", "enterprise_is_restricted", "team_access_not_granted",
        "two_factor_setup_required",
        "accesslimited",
    ]
    private static let rates: Set<String> = ["ratelimited", "rate_limited", "message_limit_exceeded"]
    private static let faults: Set<String> = [
        "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "rollup_error",
    ]
    private static let places: Set<String> = [
        "channel_not_found", "not_in_channel", "is_archived", "channel_is_archived", "user_not_found", "user_disabled", "cannot_dm_bot",
        "messages_tab_disabled", "is_inactive", "no_service", "no_service_id", "no_team", "team_disabled", "action_prohibited",
        "posting_to_general_channel_denied", "invalid_token",
    ]
    /// The message that was to be changed cannot be: it is written anew.
    static let lostMessages: Set<String> = ["message_not_found", "cant_update_message", "edit_window_closed"]

    /// What a code means.
    static func failure(_ code: String, retryAfter: Duration? = nil) -> PluginFailure {
        let said = "Slack answered “\(word(code))”"
        return switch code {
        case _ where credentials.contains(code): .credentialsRejected("\(said): check bot_token and the app's scopes")
        case _ where rates.contains(code): .notReady(.rateLimited, said, retryAfter: retryAfter)
        case _ where faults.contains(code): .notReady(.vendorFault, said, retryAfter: retryAfter)
        case _ where places.contains(code) || code.hasPrefix("restricted_action"):
            .permanent(.unknownRecipient, "\(said): check the channel, and invite the app into it")
        case "msg_too_long", "msg_blocks_too_long": .permanent(messageTooLong, said)
        default: .permanent(.invalidRequest, said)
        }
    }

    /// A code of Slack's, fit for a message: nothing else gets through.
    static func word(_ text: String) -> String {
        let kept = text.prefix(60).filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        return kept.isEmpty ? "an error without a code" : String(kept)
    }

    /// True for what Slack's codes look like.
    static func isWord(_ text: String) -> Bool { (1...60).contains(text.utf8.count) && word(text) == text }
}
