import Kernel
import PluginAPI
import Testing

@Suite struct PluginKeyValueStoreTests {
    @Test(arguments: Backing.allCases) func `an instance sees its own values only`(_ backing: Backing) async throws {
        try await withEngine(backing) { engine async throws in
            let clock = StorageClock()
            let mine = PluginKeyValueStore(engine: engine, property: "miramar", instance: "whatsapp", clock: clock)
            let others = [
                PluginKeyValueStore(engine: engine, property: "miramar", instance: "whatsapp-2", clock: clock),
                PluginKeyValueStore(engine: engine, property: "seaview", instance: "whatsapp", clock: clock),
            ]
            try await mine.set("cursor", to: [1, 2], lifetime: nil)
            try await mine.set("cursor", to: [3], lifetime: nil)
            #expect(try await mine.get("cursor") == [3])
            for other in others {
                #expect(try await other.get("cursor") == nil)
                try await other.remove("cursor")
                #expect(try await other.keys(withPrefix: "", limit: 9).isEmpty)
            }
            #expect(try await mine.get("cursor") == [3])
            try await mine.remove("cursor")
            #expect(try await mine.get("cursor") == nil)
        }
    }

    @Test func `a value is gone after its time`() async throws {
        try await withEngine(.memory) { engine async throws in
            let clock = StorageClock()
            let store = PluginKeyValueStore(engine: engine, property: "p", instance: "i", clock: clock)
            try await store.set("short", to: [1], lifetime: .seconds(60))
            try await store.set("kept", to: [2], lifetime: nil)
            clock.advance(by: .milliseconds(59_999))
            #expect(try await store.get("short") == [1])
            #expect(try await PluginKeyValueStore.purgeExpired(in: engine, clock: clock) == 0)
            clock.advance(by: .milliseconds(1))
            #expect(try await store.get("short") == nil)
            #expect(try await store.keys(withPrefix: "", limit: 9) == ["kept"])
            #expect(try await PluginKeyValueStore.purgeExpired(in: engine, clock: clock) == 1)
            #expect(try await engine.read { try $0.rows("SELECT key FROM plugin_value").count } == 1)
            // Set anew without a lifetime, it stays.
            try await store.set("short", to: [1], lifetime: .seconds(1))
            try await store.set("short", to: [4], lifetime: nil)
            clock.advance(by: .seconds(99))
            #expect(try await store.get("short") == [4])
        }
    }

    @Test func `keys by prefix, in order, as many as asked`() async throws {
        try await withEngine(.memory) { engine async throws in
            let store = PluginKeyValueStore(engine: engine, property: "p", instance: "i", clock: StorageClock())
            for key in ["b/2", "a/1", "b/1", "b%", "b_", "b/é", "c"] { try await store.set(key, to: [], lifetime: nil) }
            #expect(try await store.keys(withPrefix: "b/", limit: 9) == ["b/1", "b/2", "b/é"])
            #expect(try await store.keys(withPrefix: "b/", limit: 2) == ["b/1", "b/2"])
            #expect(try await store.keys(withPrefix: "b%", limit: 9) == ["b%"])
            #expect(try await store.keys(withPrefix: "", limit: 9).count == 7)
            #expect(try await store.keys(withPrefix: "z", limit: 9).isEmpty)
        }
    }
}
