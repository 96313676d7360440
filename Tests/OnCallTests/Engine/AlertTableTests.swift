import Foundation
import PluginAPI
import Testing

@testable import OnCall

@Suite struct AlertTableTests {
    private static func record(_ number: Int) -> AlertRecord {
        AlertRecord(
            labels: PackedText(["alertname": "A\(number)"]), annotations: PackedText([:]), startsAt: .distantPast, endsAt: .distantFuture,
            updatedAt: .distantPast, severity: .info)
    }

    /// Whatever is put in, changed and taken out, in whatever order, it holds what a dictionary would.
    @Test func itHoldsWhatADictionaryWould() {
        var random = SplitMix(7), table = AlertTable(), model: [UInt64: AlertRecord] = [:]
        for step in 0..<20_000 {
            let id = UInt64.random(in: 0..<3000, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                table[id] = nil
                model[id] = nil
            case 1:
                table[id]?.groups.append(UInt64(step))
                model[id]?.groups.append(UInt64(step))
            default:
                table[id] = Self.record(step)
                model[id] = Self.record(step)
            }
        }
        #expect(table.count == model.count && Set(table.keys) == Set(model.keys))
        #expect((0..<3000).allSatisfy { table[$0]?.labels == model[$0]?.labels && table[$0]?.groups == model[$0]?.groups })
    }

    @Test func aCopyStaysAsItWas() {
        var table = AlertTable()
        for number in 0..<1000 { table[UInt64(number)] = Self.record(number) }
        let before = table
        for number in 0..<1000 { table[UInt64(number)] = number % 2 == 0 ? nil : Self.record(-number) }
        table[5000] = Self.record(5000)
        #expect(before.count == 1000 && before[5000] == nil && before[3]?.labels == Self.record(3).labels && before[4] != nil)
        #expect(table.count == 501 && table[4] == nil && table[3]?.labels == Self.record(-3).labels)
    }
}

extension AlertTable {
    var isEmpty: Bool { count == 0 }
    var values: [AlertRecord] { keys.compactMap { self[$0] } }
}
