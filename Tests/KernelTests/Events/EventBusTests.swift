import PluginTestKit
import Testing

@testable import Kernel

private struct Number: BusEvent { let value: Int }
private struct Word: BusEvent { let value: String }

@Suite(.timeLimit(.minutes(1))) struct EventBusTests {
    private let bus = EventBus()

    private func take(_ count: Int, _ events: EventSubscription<Number>) async -> [Int] {
        var values: [Int] = []
        var iterator = events.makeAsyncIterator()
        while values.count < count, let event = await iterator.next() { values.append(event.value) }
        return values
    }

    @Test func everySubscriberGetsEveryEventOfItsType() async {
        let first = bus.subscribe(to: Number.self), second = bus.subscribe(to: Number.self), words = bus.subscribe(to: Word.self)
        for value in 0..<10 { await bus.publish(Number(value: value)) }
        await bus.publish(Word(value: "x"))
        #expect(await take(10, first) == Array(0..<10))
        #expect(await take(10, second) == Array(0..<10))
        var iterator = words.makeAsyncIterator()
        #expect(await iterator.next()?.value == "x")
    }

    @Test func aFullBufferHoldsThePublisherAndLosesNothing() async {
        let events = bus.subscribe(to: Number.self, capacity: 2)
        let sent = Mutexed(0)
        let publisher = Task {
            for value in 0..<50 {
                await bus.publish(Number(value: value))
                sent.update { $0 += 1 }
            }
        }
        #expect(await eventually { sent.value == 2 })
        for _ in 0..<20 { await Task.yield() }
        #expect(sent.value == 2, "the third waits")
        #expect(await take(50, events) == Array(0..<50))
        await publisher.value
    }

    @Test func aCancelledSubscriptionHoldsNobody() async {
        let events = bus.subscribe(to: Number.self, capacity: 1)
        await bus.publish(Number(value: 1))
        let publisher = Task { await bus.publish(Number(value: 2)) }
        events.cancel()
        await publisher.value
        await bus.publish(Number(value: 3))
        #expect(await take(5, events) == [1], "what was in the buffer is still read, and then it ends")
    }

    @Test func aReadersCancellationEndsItsSubscription() async {
        let events = bus.subscribe(to: Number.self, capacity: 1)
        let reader = Task { await take(1, events) }
        reader.cancel()
        #expect(await reader.value.isEmpty)
        await bus.publish(Number(value: 1))
        await bus.publish(Number(value: 2))
    }

    @Test func postedEventsKeepTheirOrder() async {
        let events = bus.subscribe(to: Number.self, capacity: 4)
        for value in 0..<200 { bus.post(Number(value: value)) }
        #expect(await take(200, events) == Array(0..<200))
    }

    @Test func theEndOfTheBusEndsAllAlsoWhoComesLate() async {
        let events = bus.subscribe(to: Number.self)
        let reader = Task { await take(1, events) }
        bus.close()
        #expect(await reader.value.isEmpty)
        #expect(await take(1, bus.subscribe(to: Number.self)).isEmpty)
        await bus.publish(Number(value: 1))
    }
}
