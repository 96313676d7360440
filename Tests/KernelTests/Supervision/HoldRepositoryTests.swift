import Foundation
import Kernel
import Testing

@Suite(.timeLimit(.minutes(1))) struct HoldRepositoryTests {
    @Test(arguments: Backing.allCases) func aHoldIsKeptUntilItIsReleased(_ backing: Backing) async throws {
        try await withEngine(backing) { engine in
            let holds = HoldRepository(engine: engine, property: "main"), others = HoldRepository(engine: engine, property: "other")
            try await holds.hold("a", reason: "first", at: Date(timeIntervalSince1970: 1))
            try await holds.hold("a", reason: "second", at: Date(timeIntervalSince1970: 2))
            try await holds.hold("b", reason: "also", at: Date(timeIntervalSince1970: 2))
            #expect(try await holds.all() == ["a": "second", "b": "also"])
            #expect(try await others.all().isEmpty)
            #expect(try await !others.release("a"))
            #expect(try await holds.release("a"))
            #expect(try await !holds.release("a"))
            #expect(try await holds.all() == ["b": "also"])
        }
    }

    @Test func aHoldOutlivesTheProcess() async throws {
        try await withFolder { folder in
            let path = folder.appendingPathComponent("jack.sqlite").path
            for isFirst in [true, false] {
                let engine = try await SQLiteEngine.open(path: path)
                try await engine.migrate(KernelSchema.migrations)
                let holds = HoldRepository(engine: engine, property: "main")
                if isFirst { try await holds.hold("a", reason: "why", at: Date()) } else { #expect(try await holds.all() == ["a": "why"]) }
                await engine.close()
            }
        }
    }
}
