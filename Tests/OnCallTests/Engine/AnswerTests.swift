import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

@Suite struct AnswerTests {
    private func code(_ text: String, from sender: String = "sms|", _ action: PageAcknowledgement.Action = .acknowledge) -> OnCallAnswer {
        OnCallAnswer(action, .code(text), by: "Ana", way: "reply", sender: sender)
    }

    @Test(arguments: [false, true]) func eachRecipientHasACodeOfTheirOwn(restarts: Bool) async throws {
        try await Night.begin(restarts: restarts) { night in
            try await night.post("Fire", "critical")
            try await night.pass(to: 300)
            let codes = night.orders.compactMap(\.order.page.code)
            #expect(codes.count == 2 && Set(codes).count == 2 && codes.allSatisfy { $0.count >= 6 && Int($0) != nil })
            #expect(try await night.answer(code(codes[1])).status == .acknowledged)
            #expect(try await night.answer(code(codes[0])).status == .already)
            #expect(night.lines.contains { $0.subject == night.orders[0].order.page.groupKey && $0.entry.step == "answer" })
            // With the matter its codes end.
            try await night.post("Fire", "critical", ended: true)
            try await night.pass(to: 1000)
            #expect(try await night.answer(code(codes[1], from: "sms|other")).status == .unknown)
        }
    }

    @Test func aRepeatedPageHasTheSameCode() async throws {
        var plan = FakePlan()
        plan.receivers["team"] = .init(levels: [["sms:ana"]], escalates: false)
        plan.repeatInterval = .seconds(600)
        try await Night.begin(plan) { night in
            try await night.post("Fire", "critical")
            try await night.pass(to: 1000)
            #expect(night.orders.count == 2 && Set(night.orders.map(\.order.page.code)).count == 1)
        }
    }

    @Test func guessingIsLockedOut() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            let right = try #require(night.orders[0].order.page.code)
            for guess in 0..<5 { #expect(try await night.answer(code("99900\(guess)", from: "sms|+49301")).status == .unknown) }
            #expect(try await night.answer(code(right, from: "sms|+49301")).status == .locked, "not even the right one")
            #expect(night.lines.contains { $0.subject == "answers" && $0.entry.outcome == "locked" })
            #expect(night.core.groups.values.first?.matter?.acknowledgement == nil)
            #expect(try await night.answer(code(right, from: "sms|+49302")).status == .acknowledged, "others are not locked out with it")
        }
    }

    @Test func theLockOpensAgain() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            let right = try #require(night.orders[0].order.page.code)
            for guess in 0..<5 { try await night.answer(code("99900\(guess)", from: "a")) }
            try await night.pass(to: 901)
            #expect(try await night.answer(code(right, from: "a")).status == .acknowledged)
        }
    }

    @Test func aCodeFromAnotherNumberIsNotTheirs() async throws {
        var plan = FakePlan()
        plan.receivers["team"]?.levels = [["sms:+4930111111"]]
        try await Night.begin(plan) { night in
            try await night.post("Fire", "critical")
            let right = try #require(night.orders[0].order.page.code)
            #expect(try await night.answer(code(right, from: "sms|+4930222222")).status == .notTheirs)
            #expect(try await night.answer(code(right, from: "sms|+49 30 111111")).status == .acknowledged)
        }
        #expect(
            OnCallCore.mayBe("mail|Ana <ana@hotel.example>", "Ana@hotel.example") && !OnCallCore.mayBe("mail|eve@hotel.example", "ana@hotel.example"))
        #expect(OnCallCore.mayBe("slack|Ana", "+4930111111"), "a name tells nothing")
    }

    @Test func nonsenseIsNotKnown() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            for text in [
                "", "page_", "page_x_y_z", "oncall:", "oncall:zz:1", "page_0000000000000000_1_1", "\u{0}", String(repeating: "9", count: 5000),
            ] {
                let answer = OnCallAnswer(.acknowledge, .reference(text), by: "Eve", way: "test")
                let known = try await night.answer(answer).status
                #expect(known == .unknown || known == .over)
                #expect(try await night.answer(code(text, from: text)).status == .unknown)
            }
            #expect(night.core.groups.values.first?.matter?.acknowledgement == nil)
        }
    }

    @Test func aLaterMatterIsAnotherOne() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            let first = night.orders[0].order.page
            try await night.post("Fire", "critical", ended: true)
            try await night.pass(to: 400)
            try await night.post("Fire", "critical")
            #expect(night.orders.last?.order.page.groupKey != first.groupKey)
            #expect(try await night.answer(.init(.acknowledge, .reference(first.groupKey), by: "Ana", way: "old link")).status == .over)
            #expect(try await night.answer(.init(.acknowledge, .reference(first.id), by: "Ana", way: "old link")).status == .over)
        }
    }

    @Test func aPageThatNobodyNeedsAnyMoreDoesNotLeave() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            let order = night.orders[0].order
            #expect(night.core.withdrawal(of: order, at: night.now) == nil)
            _ = try await night.acknowledge()
            #expect(night.core.withdrawal(of: order, at: night.now)?.contains("acknowledged") == true)
            try await night.answer(.init(.resolve, .reference(order.page.id), by: "Ana", way: "link"))
            #expect(night.core.withdrawal(of: order, at: night.now)?.contains("over") == true)
        }
    }

    @Test func aPageOfWhatHasEndedDoesNotLeaveBeforeItsEndIsTold() async throws {
        try await Night.begin { night in
            try await night.post("Fire", "critical")
            let order = night.orders[0].order
            try await night.post("Fire", "critical", ended: true)
            #expect(night.core.openMatters.count == 1)
            #expect(night.core.withdrawal(of: order, at: night.now)?.contains("over") == true)
        }
    }

    @Test func linksAreOursAndEnd() throws {
        let links = AnswerLinks(key: Array(repeating: 7, count: 32)), others = AnswerLinks(key: Array(repeating: 8, count: 32))
        let claims = AnswerLinks.Claims(action: .acknowledge, matter: "oncall:x:1", recipient: "phone of Ana", expires: 1000)
        let token = try links.token(claims)
        let before = Date(timeIntervalSince1970: 999), after = Date(timeIntervalSince1970: 1000)
        #expect(try links.verify(token, at: before) == claims)
        #expect(token.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }, "it stands in a URL as it is")
        #expect(throws: AnswerLinks.Refusal.expired) { try links.verify(token, at: after) }
        #expect(throws: AnswerLinks.Refusal.forged) { try others.verify(token, at: before) }
        // Another's claims with this one's signature, and every kind of rubbish.
        let other = try links.token(AnswerLinks.Claims(action: .resolve, matter: "oncall:x:1", recipient: "phone of Ana", expires: 1000))
        let mixed = "\(other.split(separator: ".")[0]).\(token.split(separator: ".")[1])"
        for bad in [mixed, "", ".", "a.b", token + "x", String(token.dropLast()), token + ".x", String(repeating: "A", count: 100_000)] {
            #expect(throws: AnswerLinks.Refusal.forged) { try links.verify(bad, at: before) }
        }
    }
}
