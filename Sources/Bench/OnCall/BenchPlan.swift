import Foundation
import Kernel
import OnCall
import PluginAPI

/// The plans that are measured: one of a large house for what Jack reckons by itself, and one that an Alertmanager reads as well.
enum BenchPlan {
    static let people = 50
    static let routes = 200

    /// 50 people who take turns, 200 routes by team and severity, a policy for each.
    static let largeHouse: String = {
        var yaml = house + "route:\n  receiver: r0\n  group_by: [alertname, team]\n  group_wait: 30s\n  routes:\n"
        for index in 1..<routes {
            yaml += "    - {receiver: r\(index), matchers: ['team=\"t\(index / 4)\"', 'severity=~\"\(severities[index % 4])|emergency\"']}\n"
        }
        return yaml
    }()

    /// The same house with routes that take every severity: a quarter is muted at night, and one is active by day alone.
    static let manyRoutes: String = {
        var yaml = house + "route:\n  receiver: r0\n  group_wait: 30s\n  routes:\n"
        for index in 1..<routes {
            let times = index % 4 == 1 ? ", mute_time_intervals: [i\(index)]" : index % 4 == 3 ? ", active_time_intervals: [i\(index)]" : ""
            yaml += "    - {receiver: r\(index), matchers: ['service=\"s\(index)\"'], group_wait: \(index % 3 * 15)s\(times)}\n"
        }
        yaml += "time_intervals:\n"
        for index in stride(from: 1, to: routes, by: 2) {
            let minutes = index / 4 % 60 < 10 ? "0\(index / 4 % 60)" : "\(index / 4 % 60)"
            let times =
                index % 4 == 1
                ? "{start_time: \"23:\(minutes)\", end_time: \"24:00\"}, {start_time: \"00:00\", end_time: \"05:\(minutes)\"}"
                : "{start_time: \"06:\(minutes)\", end_time: \"22:\(minutes)\"}"
            yaml += "  - {name: i\(index), time_intervals: [{times: [\(times)], location: Europe/Lisbon}]}\n"
        }
        return yaml
    }()

    /// People, who takes turns, policies and receivers.
    private static let house: String = {
        var yaml = "timezone: Europe/Lisbon\npeople:\n"
        for index in 0..<people {
            yaml += """
                  p\(index):
                    contacts: [{type: phone, number: "+3519100000\(10 + index)"}, {type: email, address: p\(index)@example.com}]
                    quiet_hours: {start: "23:00", end: "07:00"}
                    absences: [{from: 2026-08-0\(1 + index % 9), to: 2026-08-1\(index % 9)}]

                """
        }
        yaml += "schedules:\n"
        for index in 0..<people / 2 {
            yaml += """
                  s\(index):
                    layers:
                      - {rotation: daily, people: [p\(index), p\(index + people / 2)]}
                      - rotation: weekly
                        people: [p\((index + 7) % people)]
                        restrictions: [{weekdays: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}]

                """
        }
        yaml += "policies:\n"
        for index in 0..<routes {
            yaml += """
                  r\(index):
                    respond_within: \(10 + index)m
                    quiet_hours: {start: "22:00", end: "0\(6 + index % 3):00", severity_override: error}
                    levels:
                      - {notify: [s\(index % 25)]}
                      - {notify: [s\((index + 3) % 25), p\(index % people)], wait: 10m}
                      - {notify: [p\((index + 9) % people)]}

                """
        }
        return yaml + "emergency: {policy: r0}\nreceivers:\n" + (0..<routes).map { "  - {name: r\($0), policy: r\($0)}\n" }.joined()
    }()

    static let severities = ["info", "warning", "error", "critical"]

    static func read(_ text: String) throws -> OnCallPlan {
        let sinks = [
            sink("phone", ContactForm(.contact(type: "phone"), recipientKeys: ["number"], .phoneNumber)),
            sink("email", ContactForm(.contact(type: "email"), recipientKeys: ["address"], .emailAddress)),
        ]
        let files = ConfigurationFiles { (_, _) throws(ConfigurationFiles.Problem) in [UInt8](text.utf8) }
        var diagnostics = Diagnostics()
        guard let read = PlanReader(sinks: sinks, timezone: "Europe/Lisbon", files: files).read("oncall.yaml", &diagnostics) else {
            throw BenchError("the plan has mistakes: \(diagnostics.sorted.prefix(3).map { $0.description }.joined(separator: "; "))")
        }
        return read.plan
    }

    private static func sink(_ name: String, _ contact: ContactForm) -> SinkDescription {
        SinkDescription(instance: name, plugin: name, contacts: [contact], reachesHuman: true)
    }

    /// What an Alertmanager and Jack both read: everything goes to one webhook.
    static func shared(groupBy labels: [String], wait: String, url: String) -> String {
        """
        route:
          receiver: bench
          group_by: [\(labels.map { "'\($0)'" }.joined(separator: ", "))]
          group_wait: \(wait)
          group_interval: 5m
          repeat_interval: 4h
        receivers:
          - name: bench
            webhook_configs:
              - url: \(url)

        """
    }

    /// What Jack asks for beside: emergencies end at a person.
    static func people(_ url: String) -> String {
        """
        people:
          ana:
            contacts:
              - {type: webhook, url: \(url)}
              - {type: pagerduty, service_key: 0123456789abcdef0123456789abcdef}
        policies:
          fire:
            levels: [{notify: [ana], wait: 1h}]
        emergency: {policy: fire}

        """
    }
}
