import Foundation
import Kernel
import PluginAPI
import Testing

@Suite struct SecretStoreTests {
    let old = Secret("0123456789abcdef0123456789abcdef"), new = Secret("fedcba9876543210fedcba9876543210")
    let clock = StorageClock()

    private func store(_ engine: SQLiteEngine, _ keys: EncryptionKeys, property: String = "p", owner: String = "gmail") -> EncryptedSecretStore {
        EncryptedSecretStore(engine: engine, property: property, owner: owner, keys: keys, clock: clock)
    }

    @Test(arguments: Backing.allCases) func `a secret comes back, to its owner alone`(_ backing: Backing) async throws {
        try await withEngine(backing) { engine async throws in
            let keys = EncryptionKeys(secret: old)
            let mine = store(engine, keys)
            try await mine.set("token", to: Secret("first"))
            try await mine.set("token", to: Secret("ya29.ü"))
            #expect(try await mine.get("token")?.reveal() == "ya29.ü")
            #expect(try await store(engine, keys, owner: "other").get("token") == nil)
            #expect(try await store(engine, keys, property: "q").get("token") == nil)
            try await mine.remove("token")
            #expect(try await mine.get("token") == nil)
        }
    }

    @Test func `nothing of a secret stands in the file`() async throws {
        try await withFolder { folder async throws in
            let path = folder.appendingPathComponent("jack.sqlite").path
            let engine = try await SQLiteEngine.open(path: path)
            try await engine.migrate(KernelSchema.migrations)
            try await store(engine, EncryptionKeys(secret: old)).set("token", to: Secret("in-the-clear"))
            let sealed = try await engine.read { try $0.rows("SELECT sealed FROM secret").first?.blob("sealed") }
            #expect(sealed?.count == 12 + 12 + 16)
            await engine.close()
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(bytes.range(of: Data("in-the-clear".utf8)) == nil)
            #expect(bytes.range(of: Data(old.reveal().utf8)) == nil)
            #expect(bytes.range(of: Data("gmail".utf8)) != nil, "the owner's name does")
        }
    }

    @Test func `sealed twice, a secret looks different`() throws {
        let box = SecretBox(keys: EncryptionKeys(secret: old))
        let place = SecretBox.Place(property: "p", owner: "o", name: "n")
        #expect(try box.seal(Secret("same"), for: place) != box.seal(Secret("same"), for: place))
    }

    @Test func `another key is said to be another key`() async throws {
        try await withEngine(.memory) { engine async throws in
            try await store(engine, EncryptionKeys(secret: old)).set("token", to: Secret("x"))
            let wrong = EncryptionKeys(secret: new)
            let error = await #expect(throws: StorageError.self) { try await store(engine, wrong).get("token") }
            #expect(error?.code == .wrongKey)
            #expect(error?.message.contains("ENCRYPTION_KEY") == true && error?.message.contains("gmail") == true)
            #expect(try await EncryptedSecretStore.unreadable(in: engine, keys: wrong) == ["gmail/token"])
            #expect(try await EncryptedSecretStore.unreadable(in: engine, keys: EncryptionKeys(secret: new, previous: [old])).isEmpty)
        }
    }

    @Test func `keys rotate, all rows or none`() async throws {
        try await withEngine(.memory) { engine async throws in
            for (owner, name) in [("gmail", "a"), ("gmail", "b"), ("opera", "a")] {
                try await store(engine, EncryptionKeys(secret: old), owner: owner).set(name, to: Secret("\(owner) \(name)"))
            }
            let both = EncryptionKeys(secret: new, previous: [old])
            #expect(try await store(engine, both).get("a")?.reveal() == "gmail a")
            #expect(await code { try await EncryptedSecretStore.rotate(in: engine, to: EncryptionKeys(secret: new), clock: clock) } == .wrongKey)
            #expect(try await EncryptedSecretStore.unreadable(in: engine, keys: EncryptionKeys(secret: old)).isEmpty)
            #expect(try await EncryptedSecretStore.rotate(in: engine, to: both, clock: clock) == 3)
            #expect(try await EncryptedSecretStore.rotate(in: engine, to: both, clock: clock) == 0)
            // The old key is no longer needed.
            #expect(try await store(engine, EncryptionKeys(secret: new), owner: "opera").get("a")?.reveal() == "opera a")
            #expect(await code { try await store(engine, EncryptionKeys(secret: old)).get("a") } == .wrongKey)
        }
    }

    @Test(arguments: ["owner = 'opera'", "property = 'q'", "name = 'other'"]) func `a row moved to another place does not open`(_ change: String)
        async throws
    {
        try await withEngine(.memory) { engine async throws in
            let keys = EncryptionKeys(secret: old)
            try await store(engine, keys).set("token", to: Secret("x"))
            try await engine.write { try $0.run("UPDATE secret SET \(change)") }
            let moved = try await EncryptedSecretStore.unreadable(in: engine, keys: keys)
            #expect(moved.count == 1)
        }
    }

    @Test func `a changed byte is noticed`() throws {
        let box = SecretBox(keys: EncryptionKeys(secret: old))
        let place = SecretBox.Place(property: "p", owner: "o", name: "n")
        let sealed = try box.seal(Secret("secret"), for: place)
        for i in sealed.bytes.indices {
            var bytes = sealed.bytes
            bytes[i] ^= 1
            let error = #expect(throws: StorageError.self) { try box.open(.init(keyID: sealed.keyID, bytes: bytes), from: place) }
            #expect(error?.code == .wrongKey)
        }
        #expect(throws: StorageError.self) { try box.open(.init(keyID: sealed.keyID, bytes: []), from: place) }
        // Boundaries between the parts of a place count.
        #expect(throws: StorageError.self) { try box.open(sealed, from: .init(property: "po", owner: "", name: "n")) }
    }
}
