import Foundation
import OnCall
import PluginAPI

/// What the Alertmanager API sends, name for name (api/v2/openapi.yaml of prometheus/alertmanager).
enum AlertmanagerRecords {
    struct Receiver: Encodable { var name: String }

    struct Status: Encodable {
        var state: String
        var silencedBy: [String]
        var inhibitedBy: [String]
        var mutedBy: [String]
    }

    struct Alert: Encodable {
        var annotations: [String: String]
        var endsAt: String
        var fingerprint: String
        var receivers: [Receiver]
        var startsAt: String
        var status: Status
        var updatedAt: String
        /// Left out where there is none.
        var generatorURL: String?
        var labels: [String: String]

        init(_ alert: AlertView) {
            annotations = alert.annotations
            endsAt = alert.endsAt.iso8601
            fingerprint = alert.fingerprint
            receivers = alert.receivers.map(Receiver.init)
            startsAt = alert.startsAt.iso8601
            status = Status(
                state: alert.state.rawValue, silencedBy: alert.silencedBy, inhibitedBy: alert.inhibitedBy, mutedBy: alert.mutedBy)
            updatedAt = alert.updatedAt.iso8601
            generatorURL = alert.generatorURL.isEmpty ? nil : alert.generatorURL
            labels = alert.labels
        }
    }

    struct Group: Encodable {
        var alerts: [Alert]
        var labels: [String: String]
        /// Labels of a route itself, which Jack's routes do not have.
        var routeLabels: [String: String] = [:]
        var receiver: Receiver
    }

    struct Matcher: Encodable {
        var isEqual: Bool
        var isRegex: Bool
        var name: String
        var value: String

        init(_ matcher: LabelMatcher) {
            isEqual = matcher.comparison == .equal || matcher.comparison == .fits
            isRegex = matcher.comparison == .fits || matcher.comparison == .fitsNot
            name = matcher.name
            value = matcher.value
        }
    }

    struct SilenceState: Encodable { var state: String }

    struct ShownSilence: Encodable {
        var id: String
        var status: SilenceState
        var updatedAt: String
        var comment: String
        var createdBy: String
        var endsAt: String
        var matchers: [Matcher]
        var startsAt: String
        var annotations: [String: String] = [:]

        init(_ silence: Silence, at date: Date) {
            id = silence.id
            status = SilenceState(state: silence.state(at: date).rawValue)
            updatedAt = silence.updatedAt.iso8601
            comment = silence.comment
            createdBy = silence.createdBy
            endsAt = silence.endsAt.iso8601
            matchers = silence.matchers.map(Matcher.init)
            startsAt = silence.startsAt.iso8601
        }
    }

    struct SilenceID: Encodable { var silenceID: String }

    struct Server: Encodable {
        struct Cluster: Encodable {
            /// Jack is one process; other Alertmanagers are not told of what it does.
            var status = "disabled"
            var peers: [String] = []
        }
        struct Configuration: Encodable { var original: String }
        struct Version: Encodable {
            var version: String
            var revision = "jack"
            var branch = "jack"
            var buildUser = ""
            var buildDate = ""
            var goVersion = ""
        }

        var cluster = Cluster()
        var config: Configuration
        var uptime: String
        var versionInfo: Version
    }
}
