import Foundation
import HTTPTypes
import PluginAPI
import Testing

@testable import Host

/// Alerts through the whole of Jack, with the engine's own limits and the gateway's in one.
@Suite(.timeLimit(.minutes(2))) struct AlertBatchTests {
    private static func alert(_ name: String, _ more: [String: JSONValue] = [:], annotations: [String: JSONValue] = [:]) -> JSONValue {
        ["labels": .object(["alertname": .string(name), "severity": "critical"].merging(more) { $1 }), "annotations": .object(annotations)]
    }

    private static func text(_ bytes: Int) -> JSONValue { .string(String(repeating: "x", count: bytes)) }
    private static func labels(_ count: Int) -> [String: JSONValue] { Dictionary(uniqueKeysWithValues: (0..<count).map { ("l\($0)", "x") }) }

    private func names(_ hotel: TestHotel) async throws -> Set<String> {
        let alerts = try await hotel.get("/api/v2/alerts").json.arrayValue ?? []
        return Set(alerts.compactMap { $0["labels"]?["alertname"]?.stringValue })
    }

    @Test func `what a busy rule sends is taken beside a critical`() async throws {
        try await TestHotel.run { hotel async throws in
            let sent: [JSONValue] = [
                Self.alert("LongLabel", ["x": Self.text(5000)]), Self.alert("LongText", annotations: ["summary": Self.text(20_000)]),
                Self.alert("ManyLabels", Self.labels(99)), Self.alert("Fire"),
            ]
            let answer = try await hotel.send(.post, "/api/v2/alerts", .array(sent))
            #expect(answer.status == 200, "\(answer.text)")
            #expect(try await names(hotel).isSuperset(of: ["LongLabel", "LongText", "ManyLabels", "Fire"]))
        }
    }

    @Test func `what is too much costs nothing but itself`() async throws {
        try await TestHotel.run { hotel async throws in
            let odd: [JSONValue] = [
                Self.alert("Huge", ["x": Self.text(20_000)]), Self.alert("Crowd", Self.labels(200)), ["labels": [:]], ["labels": ["a": 1]], [:],
                Self.alert("Bulk", Dictionary(uniqueKeysWithValues: (0..<5).map { ("l\($0)", Self.text(16_000)) })),
            ]
            for (number, alert) in odd.enumerated() {
                let answer = try await hotel.send(.post, "/api/v2/alerts", [Self.alert("Before\(number)"), alert, Self.alert("After\(number)")])
                #expect(answer.status == (number == 4 ? 422 : 400), "\(number): \(answer.text)")
                #expect(try await names(hotel).isSuperset(of: ["Before\(number)", "After\(number)"]), "\(number)")
            }
            #expect(try await names(hotel).isDisjoint(with: ["Huge", "Crowd", "Bulk"]))
            // The command line's way has one alert, and says what is wrong with it.
            let alone = try await hotel.send(
                .post, "/api/v1/alerts",
                ["name": "Bulk", "labels": .object(Dictionary(uniqueKeysWithValues: (0..<5).map { ("l\($0)", Self.text(16_000)) }))])
            #expect(alone.status == 422 && alone.text.contains("at most 65536"), "\(alone.text)")
            let long = try await hotel.send(.post, "/api/v1/alerts", ["name": "Told", "summary": Self.text(20_000)])
            #expect(long.status == 202, "\(long.text)")
        }
    }
}
