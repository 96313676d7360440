import PluginAPI
import Testing

struct UnitValueTests {
    @Test(arguments: [
        ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("5min", 300_000), ("2h", 7_200_000), ("7d", 604_800_000), ("1w", 604_800_000),
        ("1h30m", 5_400_000),
        ("1.5h", 5_400_000), ("1h 30m", 5_400_000), ("0", 0),
    ])
    func durations(text: String, milliseconds: Int64) {
        #expect(Duration(text: text)?.milliseconds == milliseconds)
    }

    @Test(arguments: ["", "12", "s", "-5s", "5 parsecs", "1e9999s", "99999999999999999999d", "5s5", "½h", "٣s", "1..5s"])
    func whatIsNoDuration(text: String) {
        #expect(Duration(text: text) == nil)
    }

    @Test(arguments: ["1d", "2h", "1h30m", "1m1s1ms", "0s", "250ms"]) func durationsPrintAsTheyAreRead(text: String) {
        #expect(Duration(text: text)?.text == text)
    }

    private func size(_ text: String) -> Int? {
        var diagnostics = Diagnostics()
        return ByteCount.decode(ConfigNode(.scalar(text, plain: true), mark: SourceMark(file: "t", line: 1, column: 1)), &diagnostics)?.bytes
    }

    @Test func sizes() {
        #expect(size("4096") == 4096 && size("512KB") == 512 << 10 && size("8mb") == 8 << 20 && size("8 MB") == 8 << 20 && size("2GB") == 2 << 30)
        #expect(
            size("-1") == nil && size("8XB") == nil && size("1.5MB") == nil && size("99999999999GB") == nil && size("") == nil && size("٣") == nil)
        #expect(ByteCount.megabytes(8).description == "8MB" && ByteCount(bytes: 1000).description == "1000" && ByteCount(bytes: 0).description == "0")
    }

    @Test func suggestions() {
        #expect(Suggestion.nearest(to: "chanels", among: ["channels", "alerts"]) == "channels")
        #expect(Suggestion.nearest(to: "maximum-body", among: ["maximum_body"]) == "maximum_body")
        #expect(Suggestion.nearest(to: "ob", among: ["on", "off"]) == "on")
        #expect(Suggestion.nearest(to: "entirely", among: ["other"]) == nil)
        #expect(Suggestion.nearest(to: "verbos", among: ["trace", "error"]) == nil)
        #expect(Suggestion.remedy(for: "entirely", among: ["other", "a"]) == "there is a, other")
    }

    @Test func diagnosticsKeepOrderAndTellOnce() {
        var diagnostics = Diagnostics()
        let later = SourceMark(file: "a", line: 9, column: 1)
        let earlier = SourceMark(file: "a", line: 2, column: 4)
        diagnostics.error(.missing, "x", at: later)
        diagnostics.warning(.missing, "y", remedy: "do", at: earlier)
        diagnostics.error(.missing, "x", at: later)
        #expect(diagnostics.all.map(\.message) == ["x", "y"])
        #expect(diagnostics.sorted.map(\.description) == ["a:2:4: warning: y; do", "a:9:1: error: x"])
    }
}
