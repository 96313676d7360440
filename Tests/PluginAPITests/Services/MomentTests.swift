import Foundation
import PluginAPI
import Testing

@Suite struct MomentTests {
    /// What the API answers with before a row is read again, and what it reads then, are one moment.
    @Test func aMomentReadsAsItIsStored() {
        for number in 0..<1000 {
            let milliseconds = 1_795_381_234_000 + Int64(number)
            let expected = "2026-11-22T21:00:34." + String(String(1000 + number).dropFirst()) + "Z"
            #expect(Date(milliseconds: milliseconds).iso8601 == expected)
            for apart in [-0.0004, 0.0004] {
                let moment = Date(timeIntervalSince1970: Double(milliseconds) / 1000 + apart)
                #expect(moment.milliseconds == milliseconds && moment.iso8601 == expected)
            }
        }
    }
}
