import Foundation
import HTTPTypes
import PluginAPI
import TwilioWire

/// Fetches guests' files: the account's credentials to Twilio's API, which sends on to where the file is; nothing of ours goes there.
struct SMSMedia: Sendable {
    let settings: TwilioSMSSettings
    let client: TwilioClient
    let http: any HTTPClient
    let clock: any TimeSource

    func fetch(_ media: MediaReference) async throws -> MediaContent {
        guard isOurs(media.reference) else {
            throw PluginFailure.permanent(.invalidRequest, "the file's reference is not one of this account's at Twilio")
        }
        let most = settings.maximumMedia.bytes
        if let size = media.size, size > most { throw tooLarge }
        let answer = try await client.exchange(ClientRequest(.get, media.reference, timeout: settings.timeout, maximumResponseBytes: most))
        guard (300..<400).contains(answer.status.code) else { return content(answer, media) }
        guard let place = answer.headers[.location], isTrusted(place) else {
            throw PluginFailure.permanent(
                .invalidRequest, "Twilio names a host for the file that media_hosts does not: if it is Twilio's, add it there")
        }
        let file = try await http.send(ClientRequest(.get, place, timeout: settings.timeout, maximumResponseBytes: most))
        if let failure = file.failure(from: "Twilio's file server", now: clock) {
            // Twilio took the credentials a moment ago: that one file is refused says nothing of them, and must not stop the channel.
            guard failure.disposition != .credentialsRejected else {
                throw PluginFailure.permanent(.notFound, "Twilio's file server does not give the file out (\(file.status.code))")
            }
            throw failure
        }
        return content(file, media)
    }

    private func content(_ response: ClientResponse, _ media: MediaReference) -> MediaContent {
        MediaContent(bytes: response.body, mimeType: media.mimeType ?? response.headers[.contentType] ?? "application/octet-stream")
    }

    /// `<base_url>/2010-04-01/Accounts/<account>/Messages/<message>/Media/<file>`, and nothing else: the credentials go with the request.
    private func isOurs(_ reference: String) -> Bool {
        let root = client.account.baseURL.with(client.path("Messages/"))
        guard reference.hasPrefix(root) else { return false }
        let parts = reference.dropFirst(root.count).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        return parts.count == 3 && TwilioID.isSID(parts[0]) && parts[1] == "Media" && TwilioID.isSID(parts[2], "ME")
    }

    /// A host of `media_hosts` over https; over plain http only where Twilio itself is set to be called so.
    private func isTrusted(_ url: String) -> Bool {
        guard let parts = URLComponents(string: url), let host = parts.encodedHost?.lowercased(), parts.user == nil, parts.password == nil else {
            return false
        }
        let scheme = parts.scheme?.lowercased()
        guard scheme == "https" || (scheme == "http" && settings.baseURL.hasPrefix("http://")) else { return false }
        return settings.mediaHosts.contains { $0.lowercased() == host }
    }

    private var tooLarge: PluginFailure { .permanent(.invalidRequest, "the file is larger than maximum_media (\(settings.maximumMedia))") }
}
