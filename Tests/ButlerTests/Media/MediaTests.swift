import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

import struct Butler.Attachment
@testable import Butler

/// What guests send beside words is fetched once, within its limits, and forgotten in time.
@Suite struct MediaTests {
    private static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3]
    private static let down = PluginFailure.notReady(.unreachable, "the vendor is down")

    private func picture(_ reference: String, size: Int? = nil) -> MediaReference {
        MediaReference(kind: .image, reference: reference, mimeType: "image/png", fileName: "shower.png", size: size)
    }

    private func content(_ count: Int) -> MediaContent {
        MediaContent(bytes: Self.png + [UInt8](repeating: 7, count: count - Self.png.count), mimeType: "image/png")
    }

    private func attachments(_ message: String, _ house: House) async throws -> [Attachment] {
        try await house.engine.read { [butler = house.butler] in try butler.attachments.list(of: message, in: $0) }
    }

    /// Waits until nothing of a message is to be fetched any more.
    private func settled(_ message: String, _ house: House) async throws -> [Attachment] {
        let isSettled = try await eventually(within: .seconds(60)) {
            // The queue may begin to wait only after a test has set the clock: its time passes here.
            await house.clock.advance(by: .milliseconds(100))
            let found = try await attachments(message, house)
            return !found.isEmpty && found.allSatisfy { $0.state != .waiting }
        }
        #expect(isSettled)
        return try await attachments(message, house)
    }

    private func send(_ media: [MediaReference], from peer: PeerAddress = .guest, _ house: House) async throws -> String {
        let id = try await house.write("look", from: peer, media: media)
        try await house.settle()
        return id
    }

    private func count(_ table: String, _ house: House) async throws -> Int {
        try await house.engine.read { try $0.row("SELECT COUNT(*) AS n FROM \(table)")?.int("n") ?? 0 }
    }

    @Test func aFileIsFetchedOnceAndKept() async throws {
        try await withHouse { house async throws in
            house.parts.channel.has("a", .success(MediaContent(bytes: Self.png, mimeType: "text/html")))
            let id = try await send([picture("a")], house)
            let file = try #require(try await settled(id, house).first)
            #expect(file.state == .stored && file.size == Self.png.count && file.mimeType == "image/png" && file.media.fileName == "shower.png")
            let bytes = try await house.engine.read { [butler = house.butler] in try butler.attachments.bytes(of: file.id, in: $0) }
            #expect(bytes == Self.png)
            #expect(try await house.ledger(id).contains { $0.step == "media" && $0.outcome == "stored" })
            // The job once more, as after a crash before it was struck off.
            try await house.butler.media?.perform(Array(file.id.utf8))
            #expect(house.parts.channel.fetched == ["a"])
            #expect(try await count("attachment_content", house) == 1)
        }
    }

    @Test func whatIsGoneIsNotAskedForAgain() async throws {
        try await withHouse { house async throws in
            let id = try await send([picture("gone")], house)
            let file = try #require(try await settled(id, house).first)
            #expect(file.state == .failed && file.reason == "not-found" && file.detail == "there is no such file")
            await house.clock.advance(by: .seconds(600))
            #expect(house.parts.channel.fetched == ["gone"])
            #expect(try await house.alerts().isEmpty)
        }
    }

    @Test func whatIsDownIsTriedAgain() async throws {
        try await withHouse { house async throws in
            house.parts.channel.has("a", .failure(Self.down))
            let id = try await send([picture("a")], house)
            #expect(try await eventually(within: .seconds(60)) { try await attachments(id, house).first?.attempts == 1 })
            let waiting = try #require(try await attachments(id, house).first)
            #expect(waiting.state == .waiting && waiting.reason == "unreachable")
            house.parts.channel.has("a", .success(content(20)))
            await house.clock.advance(by: .seconds(60))
            let file = try #require(try await settled(id, house).first)
            #expect(file.state == .stored && file.size == 20 && file.detail == nil)
        }
    }

    @Test func whoIsDownForTooLongIsGivenUp() async throws {
        try await withHouse({ $0.settings.media.tryFor = .zero }) { house async throws in
            house.parts.channel.has("a", .failure(Self.down))
            let file = try #require(try await settled(try await send([picture("a")], house), house).first)
            #expect(file.state == .failed && file.reason == "unreachable")
        }
    }

    @Test func aProcessThatDiedInTheMiddleFetchesAgain() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("jack-media-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("jack.db").path
        let id = try await withHouse({ $0.path = path }) { house async throws in
            house.parts.channel.has("a", .failure(Self.down))
            let id = try await send([picture("a")], house)
            #expect(try await eventually(within: .seconds(60)) { try await attachments(id, house).first?.attempts == 1 })
            // What a process leaves that was killed while it fetched: a job that is somebody's.
            try await house.engine.write { try $0.run("UPDATE job SET lease_until = 77 WHERE kind = :kind", ["kind": GuestMedia.jobKind.sql]) }
            return id
        }
        try await withHouse({
            $0.path = path
            $0.channel.has("a", .success(content(20)))
        }) { house async throws in
            await house.clock.advance(by: .seconds(60))
            let files = try await settled(id, house)
            #expect(files.map(\.state) == [.stored])
            #expect(try await count("attachment_content", house) == 1)
        }
    }

    @Test func tooLargeFilesAreNotKept() async throws {
        try await withHouse({ $0.settings.media.maximumFile = ByteCount(bytes: 100) }) { house async throws in
            house.parts.channel.has("liar", .success(content(101)))
            house.parts.channel.has("fits", .success(content(100)))
            let id = try await send([picture("huge", size: 101), picture("liar", size: 50), picture("fits")], house)
            let files = try await settled(id, house)
            #expect(files.map(\.state) == [.failed, .failed, .stored])
            #expect(files[0].reason == "too-large" && files[1].reason == "too-large")
            #expect(!house.parts.channel.fetched.contains("huge"), "what is said to be too large is not fetched")
        }
    }

    @Test func quotasHoldForAConversationAndInAll() async throws {
        try await withHouse({
            $0.settings.media.perConversation = ByteCount(bytes: 150)
            $0.settings.media.total = ByteCount(bytes: 250)
        }) { house async throws in
            for name in ["a", "b", "c", "d"] { house.parts.channel.has(name, .success(content(100))) }
            #expect(try await settled(try await send([picture("a")], house), house).map(\.state) == [.stored])
            #expect(try await settled(try await send([picture("b")], house), house).map(\.reason) == ["conversation-quota"])
            let second = PeerAddress(.session, "second"), third = PeerAddress(.session, "third")
            #expect(try await settled(try await send([picture("c")], from: second, house), house).map(\.state) == [.stored])
            #expect(try await settled(try await send([picture("d")], from: third, house), house).map(\.reason) == ["quota"])
        }
    }

    @Test func onlySoManyFilesOfOneMessage() async throws {
        try await withHouse({ $0.settings.media.perMessage = 2 }) { house async throws in
            let id = try await send((0..<5).map { picture("\($0)") }, house)
            #expect(try await settled(id, house).count == 2)
            #expect(try await house.messages().first { $0.id == id }?.extras.media.count == 5)
        }
    }

    @Test func whoWantsNoFilesFetchesNone() async throws {
        try await withHouse({ $0.settings.media.fetch = false }) { house async throws in
            let id = try await send([picture("a")], house)
            #expect(try await attachments(id, house).isEmpty && house.parts.channel.fetched.isEmpty)
        }
    }

    @Test func filesAreForgottenInTimeAndWithTheirMessage() async throws {
        try await withHouse({ $0.settings.media.keepFor = .seconds(86_400) }) { house async throws in
            for name in ["a", "b"] { house.parts.channel.has(name, .success(content(20))) }
            let old = try await send([picture("a")], house)
            _ = try await settled(old, house)
            house.clock.jumpWall(by: .seconds(90_000))
            let new = try await send([picture("b")], house)
            _ = try await settled(new, house)
            try await house.butler.media?.keepHouse()
            let forgotten = try #require(try await attachments(old, house).first)
            #expect(forgotten.state == .forgotten && forgotten.size == 0)
            #expect(try await attachments(new, house).map(\.state) == [.stored])
            #expect(try await count("attachment_content", house) == 1)
            try await house.engine.write { try $0.run("DELETE FROM message WHERE id = :id", ["id": new.sql]) }
            #expect(try await count("attachment_content", house) == 0)
            #expect(try await count("attachment", house) == 1)
        }
    }
}
